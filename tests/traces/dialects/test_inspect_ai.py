"""Samples of Inspect logs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.traces.dialect import detect
from sgram.traces.dialects.inspect_ai import INSPECT
from sgram.traces.trace import FailedRowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

ASKED = {"role": "user", "content": "2+2?"}
SAMPLE = {
    "id": "sum",
    "epoch": 2,
    "uuid": None,
    "run": "r",
    "task": "arith",
    "model": "m",
    "input": "2+2?",
    "messages": [ASKED, {"role": "assistant", "content": "4"}],
    "completion": "4",
    "target": ["4", "four"],
    "scores": {"match": {"value": "C", "answer": "4"}},
    "error": None,
}
RAW = {
    "id": 3,
    "epoch": 1,
    "input": [{"role": "user", "content": "attachment://a"}],
    "target": "4",
    "messages": [
        {"role": "user", "content": "attachment://a"},
        {
            "role": "assistant",
            "content": [{"type": "reasoning", "reasoning": "attachment://b"}, {"type": "text", "text": "It is 4"}],
        },
    ],
    "output": {"model": "m", "choices": [], "completion": "It is 4"},
    "scores": {"math": {"value": "I", "answer": "5", "history": []}},
    "metadata": {},
    "attachments": {"a": "2+2?", "b": "Hmm."},
    "__document__": {"eval": {"task": "sums", "model": "vllm/m", "run_id": "r"}},
}


def only(record: dict) -> dict:
    (fields,) = read_row(record)
    return fields


def graded(**values) -> dict:
    return only({**SAMPLE, "scores": {name: {"value": value, "answer": name} for name, value in values.items()}})


@pytest.mark.parametrize(
    ("value", "reward", "correct"),
    [
        ("C", 1.0, True),
        ("I", 0.0, False),
        ("P", 0.5, None),
        ("N", 0.0, False),
        (0.25, 0.25, None),
        (True, 1.0, True),
        ("1", 1.0, True),
        ("yes", 1.0, True),
        ("B+", None, None),
        ({"a": "C"}, 1.0, True),
        ([1], None, None),
    ],
)
def test_a_grade_becomes_reward_and_correctness(value, reward, correct):
    fields = graded(match=value)
    assert (fields.get("reward"), fields.get("correct")) == (reward, correct)
    assert (fields["id"], fields["group"], fields["reference"]) == ("r/sum/2", "arith/sum", "4\nfour")
    assert (fields["answer"], fields["meta"]["scores"]) == ("match", {"match": value})


def test_if_scorers_disagree_meta_says_which_counts():
    fields = graded(includes="I", math_verify="C")
    assert (fields["correct"], fields["answer"]) == (True, "math_verify")
    assert (fields["meta"]["metric"], fields["meta"]["metrics_disagree"]) == ("math_verify", True)
    assert fields["meta"]["scores"] == {"includes": "I", "math_verify": "C"}
    assert graded(includes="I", quality=0.5)["correct"] is False


def test_a_sample_without_scores_or_messages_is_read_too():
    fields = only({**SAMPLE, "messages": [], "scores": {}, "uuid": "u"})
    assert (fields["id"], fields["text"]) == ("u", "4")
    assert not {"reward", "correct", "answer"} & fields.keys()


def test_a_sample_as_a_log_holds_it_is_read():
    assert detect(RAW) is INSPECT
    fields = only(RAW)
    assert parts_of(fields) == [("reasoning", "Hmm."), ("answer", "It is 4")]
    assert (fields["prompt"], fields["reference"], fields["model"]) == ("2+2?", "4", "vllm/m")
    assert (fields["id"], fields["group"], fields["correct"]) == ("r/3/1", "sums/3", False)


def test_a_choice_is_the_response_if_there_are_no_messages():
    choice = {"message": {"role": "assistant", "content": "so 4", "reasoning": "Hmm."}}
    assert only({**RAW, "messages": [], "output": {"choices": [choice]}})["text"] == "Hmm.\n\nso 4"


def test_a_sample_with_an_error_has_failed_unless_it_was_scored():
    with pytest.raises(FailedRowError, match="ended with an error: Timeout"):
        read_row({**SAMPLE, "error": "Timeout", "scores": {}})
    assert only({**SAMPLE, "error": {"message": "Timeout"}})["meta"]["error"] == "Timeout"
    with pytest.raises(FailedRowError, match="no assistant message"):
        read_row({**SAMPLE, "messages": [ASKED], "completion": None})


@given(st.sampled_from([SAMPLE, RAW]).flatmap(mutations))
@settings(max_examples=300)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(INSPECT, row)
