"""Traces that are excluded because of labeled problems and texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.evaluation.held_out_traces import HeldOutFilter
from sgram.evaluation.labeled_documents import LabeledDocument
from sgram.traces import Trace

DOCUMENTS = [
    LabeledDocument("a", "Wait, so it is.", (), "problem-1"),
    LabeledDocument("b", "Let me see.", (), "What is 2 + 2?"),
    LabeledDocument("c", "Hmm.", ()),  # without a known problem
]


def trace(name="t", text="another text", **fields):
    return Trace(id=name, text=text, **fields)


@pytest.mark.parametrize(
    ("candidate", "passes"),
    [
        (trace(), True),
        (trace(group="problem-1"), False),
        (trace(group="problem-2"), True),
        (trace(group="a"), True),  # a document's id is not a problem
        (trace(prompt="What is 2 + 2?"), False),
        (trace(prompt="What is 2 + 3?"), True),
        (trace(group="problem-2", prompt="What is 2 + 2?"), False),
        (trace(group="problem-1", prompt="What is 2 + 3?"), False),
        (trace(text="Hmm."), False),  # the labeled text itself, for any problem
        (trace(text="Wait, so it is.", group="elsewhere", prompt="elsewhere"), False),
        (trace(text="Hmm"), True),
        (trace(group="", prompt=""), True),  # two missing problems are not equal
    ],
)
def test_a_trace_is_excluded_for_its_group_its_prompt_or_its_text(candidate, passes):
    leakage_filter = HeldOutFilter(DOCUMENTS)
    assert list(leakage_filter([candidate])) == [candidate] * passes
    assert leakage_filter.n_excluded == (not passes)


def test_excluded_traces_are_counted_over_all_calls():
    leakage_filter = HeldOutFilter(DOCUMENTS)
    assert leakage_filter.n_excluded == 0
    first = [trace("1", group="problem-1"), trace("2"), trace("3", text="Hmm.")]
    assert [passed.id for passed in leakage_filter(first)] == ["2"]
    assert leakage_filter.n_excluded == 2
    assert list(leakage_filter([trace("4", prompt="What is 2 + 2?", group="problem-1", text="Hmm.")])) == []
    assert leakage_filter.n_excluded == 3, "each trace counts once"


def test_traces_pass_one_by_one():
    def endless():
        while True:
            yield trace()
            yield trace(group="problem-1")

    passing = HeldOutFilter(DOCUMENTS)(endless())
    assert [next(passing).group for _ in range(3)] == [None] * 3


def test_without_labels_every_trace_passes():
    leakage_filter = HeldOutFilter([])
    assert len(list(leakage_filter([trace(), trace(group="", prompt=None, text="")]))) == 2


keys = st.sampled_from([None, "", "p", "q", "r"])


@given(
    st.lists(st.tuples(keys.filter(lambda key: key is not None), st.sampled_from("xyz")), max_size=4),
    st.lists(st.tuples(keys, keys, st.sampled_from("xyz")), max_size=8),
)
def test_no_passing_trace_shares_a_problem_or_text_with_a_document(documents, rows):
    leakage_filter = HeldOutFilter(
        [LabeledDocument(str(number), text, (), problem) for number, (problem, text) in enumerate(documents)]
    )
    traces = [trace(str(number), text, group=group, prompt=prompt) for number, (group, prompt, text) in enumerate(rows)]
    passed = list(leakage_filter(traces))
    assert len(passed) + leakage_filter.n_excluded == len(traces)

    def is_shared(candidate):
        return any(
            (problem and problem in (candidate.group, candidate.prompt)) or text == candidate.text
            for problem, text in documents
        )

    assert passed == [candidate for candidate in traces if not is_shared(candidate)]
