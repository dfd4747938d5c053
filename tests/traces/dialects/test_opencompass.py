"""Predictions and details of OpenCompass."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.traces.dialect import detect
from sgram.traces.dialects.opencompass import OPENCOMPASS, OPENCOMPASS_DETAILS
from sgram.traces.ids import content_digest
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

PROMPT = [
    {"role": "SYSTEM", "prompt": "Be brief."},
    {"role": "HUMAN", "prompt": "1+1?"},
    {"role": "BOT", "prompt": "2"},
    {"role": "HUMAN", "prompt": "2+2?"},
]
SAMPLE = {"origin_prompt": PROMPT, "prediction": "It is 4", "gold": "4", "idx": "3"}
DETAIL = {"prompt": PROMPT, "origin_prediction": "It is 4", "predictions": "4", "references": "4", "correct": True}
RESULT = {"accuracy": 50.0, "type": "GEN", "details": {"type": "GEN", "0": DETAIL, "1": {**DETAIL, "correct": False}}}


def only(record: dict) -> dict:
    (fields,) = read_row(record)
    return fields


def test_a_prediction_has_the_whole_prompt_and_the_gold():
    assert detect(SAMPLE) is OPENCOMPASS
    prompt = "Be brief.\n\n1+1?\n\n2\n\n2+2?"
    assert only(SAMPLE) == {
        "prompt": prompt,
        "text": "It is 4",
        "reference": "4",
        "group": content_digest(None, prompt),
        "meta": {"idx": "3"},
    }
    assert only({**SAMPLE, "origin_prompt": "2+2?"})["prompt"] == "2+2?"


def test_samples_of_one_prompt_are_one_group():
    rows = read_row({**SAMPLE, "prediction": ["4", "5"]})
    assert [fields["text"] for fields in rows] == ["4", "5"]
    assert len({fields["group"] for fields in rows}) == 1


def test_rounds_of_a_conversation_are_turns_of_one_response():
    rounds = [[{"role": "HUMAN", "prompt": "2+2?"}], [{"role": "HUMAN", "prompt": "3+3?"}]]
    fields = only({"origin_prompt": rounds, "prediction": ["four", "six"], "gold": ["4", "6"]})
    assert (fields["prompt"], fields["text"], fields["reference"]) == ("2+2?", "four\n\nsix", '["4","6"]')
    assert [kind for kind, _ in parts_of(fields)] == ["turn", "answer", "turn", "answer"]


def test_a_detail_has_answer_and_verdict():
    assert detect(DETAIL) is OPENCOMPASS_DETAILS
    fields = only(DETAIL)
    assert (fields["text"], fields["answer"], fields["reference"], fields["correct"]) == ("It is 4", "4", "4", True)
    assert only({**DETAIL, "predictions": ["4"], "references": ["4"], "correct": [False]})["correct"] is False


def test_a_result_gives_its_details():
    assert detect(RESULT) is OPENCOMPASS_DETAILS
    assert [fields["correct"] for fields in read_row(RESULT)] == [True, False]


def test_a_prediction_and_its_detail_are_of_one_group():
    assert only(SAMPLE)["group"] == only(DETAIL)["group"]


def test_rows_of_other_tasks_are_no_responses():
    with pytest.raises(RowError, match="a choice by perplexity"):
        read_row({**SAMPLE, "label: A": {"PPL": 1.5}})
    with pytest.raises(RowError, match="prediction is an array, not a text"):
        read_row({**SAMPLE, "prediction": [0.25, 0.75]})
    with pytest.raises(RowError, match="origin_prediction is no text"):
        read_row({**DETAIL, "origin_prediction": {"A": {"PPL": 1.5}}})
    with pytest.raises(FailedRowError, match="the response has no text"):
        read_row({**SAMPLE, "prediction": ""})


@given(st.sampled_from([SAMPLE, DETAIL, RESULT]).flatmap(mutations))
@settings(max_examples=300)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(OPENCOMPASS, row)
    assert gives_fields_or_row_error(OPENCOMPASS_DETAILS, row)
