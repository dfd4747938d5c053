"""Results of SkyThought."""

import pytest
from hypothesis import given, settings

from sgram.traces.dialect import detect
from sgram.traces.dialects.skythought import SKYTHOUGHT
from sgram.traces.trace import RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

SAMPLE = {
    "problem": "2+2?",
    "answer": "4",
    "prompt": "Think. 2+2?",
    "input_conversation": [{"role": "user", "content": "Think. 2+2?"}],
    "messages": "",
    "responses": [
        {"content": "It is 4", "correctness": True, "reason": "", "reasoning_content": "Hmm, two and two."},
        {"content": "It is 5", "correctness": False, "reason": "Answer incorrect.", "reasoning_content": None},
    ],
    "token_usages": [{"completion_tokens": 3}, {"completion_tokens": 3}],
}


def test_each_response_has_its_verdict():
    assert detect(SAMPLE) is SKYTHOUGHT
    first, second = read_row(SAMPLE)
    assert parts_of(first) == [("reasoning", "Hmm, two and two."), ("answer", "It is 4")]
    assert (first["prompt"], first["reference"]) == ("Think. 2+2?", "4")
    assert (first["correct"], second["correct"]) == (True, False)
    assert first["group"] == second["group"]
    assert second["meta"]["reason"] == "Answer incorrect."


def test_old_results_hold_responses_by_temperature():
    responses = {"0.6": SAMPLE["responses"][0], "1.0": [SAMPLE["responses"][1]]}
    assert [fields["correct"] for fields in read_row({**SAMPLE, "responses": responses})] == [True, False]


def test_a_response_without_text_is_refused():
    with pytest.raises(RowError, match="content of a response is a number"):
        read_row({**SAMPLE, "responses": [{"content": 4, "correctness": True}]})


@given(mutations(SAMPLE))
@settings(max_examples=200)
def test_no_mutation_raises_anything_but_a_row_error(row):
    assert gives_fields_or_row_error(SKYTHOUGHT, row)
