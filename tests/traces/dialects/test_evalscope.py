"""Predictions and reviews of EvalScope."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.traces.dialect import detect
from sgram.traces.dialects.evalscope import EVALSCOPE, EVALSCOPE_OLD
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

ASKED = {"role": "user", "content": "2+2?"}
ANSWERED = {
    "role": "assistant",
    "content": [{"type": "reasoning", "reasoning": "Hmm."}, {"type": "text", "text": "It is 4"}],
    "source": "generate",
    "model": "qwq",
}
REVIEW = {
    "index": 3,
    "target": "4",
    "messages": [ASKED, ANSWERED],
    "agent_trace": None,
    "sample_score": {
        "score": {
            "value": {"acc": 1.0},
            "extracted_prediction": "4",
            "prediction": "It is 4",
            "main_score_name": "acc",
        },
        "sample_id": 3,
        "group_id": 1,
        "generation_index": 0,
    },
}
PREDICTION = {
    "index": 3,
    "model": "qwq",
    "model_output": {"model": "qwq", "choices": [{"message": ANSWERED, "stop_reason": "stop"}], "error": None},
    "messages": [ASKED, ANSWERED],
    "metadata": {"level": 1},
}
OLD = {
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "It is 4"},
            "review": {"gold": "4", "pred": "4", "result": 1.0},
        }
    ],
    "model": "qwq",
    "object": "chat.completion",
    "answer_id": "answer-1",
    "subset_name": "main",
    "raw_input": {"question": "2+2?"},
    "origin_prompt": {"data": ["2+2?"], "system_prompt": "Be brief."},
    "review_id": "review-1",
}


def only(record: dict) -> dict:
    (fields,) = read_row(record)
    return fields


def test_a_review_has_reference_answer_and_score():
    assert detect(REVIEW) is EVALSCOPE
    fields = only(REVIEW)
    assert parts_of(fields) == [("reasoning", "Hmm."), ("answer", "It is 4")]
    assert (fields["id"], fields["prompt"], fields["model"]) == ("3", "2+2?", "qwq")
    assert (fields["reference"], fields["answer"]) == ("4", "4")
    assert (fields["reward"], fields["correct"]) == (1.0, True)
    assert (fields["meta"]["group_id"], fields["meta"]["metrics"]) == (1, {"acc": 1.0})


def test_prediction_and_review_have_the_same_id_prompt_text_and_group():
    assert detect(PREDICTION) is EVALSCOPE
    review, prediction = only(REVIEW), only(PREDICTION)
    for name in ("id", "prompt", "text", "group", "model"):
        assert review[name] == prediction[name]
    assert "correct" not in prediction
    assert prediction["meta"]["metadata"] == {"level": 1}


def test_the_main_score_counts():
    score = {"value": {"partial": 0.5, "pass": 0, "acc": 1}, "main_score_name": "pass"}
    fields = only({**REVIEW, "sample_score": {"score": score}})
    assert (fields["reward"], fields["correct"], fields["meta"]["metric"]) == (0.0, False, "pass")


def test_the_output_is_the_text_if_the_messages_are_the_prompt_alone():
    assert only({**PREDICTION, "messages": [ASKED]})["text"] == "Hmm.\n\nIt is 4"


def test_a_review_without_messages_has_the_prediction():
    old = {name: value for name, value in REVIEW.items() if name != "messages"}
    fields = only({**old, "input": "**User**: \n2+2?"})
    assert (fields["prompt"], fields["text"]) == ("2+2?", "It is 4")
    assert only({**old, "input": [ASKED]})["prompt"] == "2+2?"
    both = "**System**: \nS\n\n**User**: \n2+2?"
    assert only({**old, "input": both})["prompt"] == both
    with pytest.raises(RowError, match="without messages and prediction"):
        read_row({**old, "sample_score": {"score": {"value": {}}}})


def test_a_request_that_failed_is_a_failed_row():
    failed = {**PREDICTION, "messages": [ASKED], "model_output": {"choices": [], "error": "content filter"}}
    with pytest.raises(FailedRowError, match="the request failed: content filter"):
        read_row(failed)
    with pytest.raises(FailedRowError, match="the response has no text"):
        read_row({**failed, "model_output": {"choices": [{"message": {"role": "assistant", "content": ""}}]}})


def test_outputs_before_version_1_are_read():
    assert detect(OLD) is EVALSCOPE_OLD
    fields = only(OLD)
    assert (fields["prompt"], fields["text"], fields["model"]) == ("Be brief.\n\n2+2?", "It is 4", "qwq")
    assert (fields["reference"], fields["answer"], fields["correct"]) == ("4", "4", True)
    messages = {"messages": [{"role": "system", "content": "S"}, ASKED]}
    assert only({**OLD, "origin_prompt": messages})["prompt"] == "S\n\n2+2?"


@given(st.sampled_from([REVIEW, PREDICTION, OLD]).flatmap(mutations))
@settings(max_examples=300)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(EVALSCOPE, row)
    assert gives_fields_or_row_error(EVALSCOPE_OLD, row)
