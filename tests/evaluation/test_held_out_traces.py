"""Which traces labels say nothing about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.evaluation.held_out_traces import HeldOutFilter
from sgram.evaluation.labeled_documents import LabeledDocument
from sgram.traces import Trace

DOCUMENTS = [
    LabeledDocument("a", "Wait, so it is.", (), "problem-1"),
    LabeledDocument("b", "Let me see.", (), "What is 2 + 2?"),
    LabeledDocument("c", "Hmm.", ()),  # on no problem that is known
]


def trace(name="t", text="another text", **fields):
    return Trace(id=name, text=text, **fields)


@pytest.mark.parametrize(
    ("made", "passes"),
    [
        (trace(), True),
        (trace(group="problem-1"), False),
        (trace(group="problem-2"), True),
        (trace(group="a"), True),  # a document's id is no problem
        (trace(prompt="What is 2 + 2?"), False),
        (trace(prompt="What is 2 + 3?"), True),
        (trace(group="problem-2", prompt="What is 2 + 2?"), False),
        (trace(group="problem-1", prompt="What is 2 + 3?"), False),
        (trace(text="Hmm."), False),  # the labeled text itself, whatever its problem
        (trace(text="Wait, so it is.", group="elsewhere", prompt="elsewhere"), False),
        (trace(text="Hmm"), True),
        (trace(group="", prompt=""), True),  # to have no problem is not to have the same one
    ],
)
def test_a_trace_is_kept_back_for_its_group_its_prompt_or_its_text(made, passes):
    held = HeldOutFilter(DOCUMENTS)
    assert list(held([made])) == [made] * passes
    assert held.n_excluded == (not passes)


def test_kept_back_traces_are_counted_over_all_that_was_asked():
    held = HeldOutFilter(DOCUMENTS)
    assert held.n_excluded == 0
    first = [trace("1", group="problem-1"), trace("2"), trace("3", text="Hmm.")]
    assert [each.id for each in held(first)] == ["2"]
    assert held.n_excluded == 2
    assert list(held([trace("4", prompt="What is 2 + 2?", group="problem-1", text="Hmm.")])) == []
    assert held.n_excluded == 3, "each trace once, whatever speaks against it"


def test_traces_pass_one_by_one():
    def endless():
        while True:
            yield trace()
            yield trace(group="problem-1")

    passing = HeldOutFilter(DOCUMENTS)(endless())
    assert [next(passing).group for _ in range(3)] == [None] * 3


def test_without_labels_every_trace_passes():
    held = HeldOutFilter([])
    assert len(list(held([trace(), trace(group="", prompt=None, text="")]))) == 2


keys = st.sampled_from([None, "", "p", "q", "r"])


@given(
    st.lists(st.tuples(keys.filter(lambda key: key is not None), st.sampled_from("xyz")), max_size=4),
    st.lists(st.tuples(keys, keys, st.sampled_from("xyz")), max_size=8),
)
def test_no_trace_that_passes_shares_anything_with_a_document(documents, rows):
    held = HeldOutFilter([LabeledDocument(str(at), text, (), problem) for at, (problem, text) in enumerate(documents)])
    traces = [trace(str(at), text, group=group, prompt=prompt) for at, (group, prompt, text) in enumerate(rows)]
    passed = list(held(traces))
    assert len(passed) + held.n_excluded == len(traces)

    def shares(one):
        return any((problem and problem in (one.group, one.prompt)) or text == one.text for problem, text in documents)

    assert passed == [one for one in traces if not shares(one)]
