"""Results of promptfoo."""

import pytest
from hypothesis import given, settings

from sgram.traces.dialect import detect
from sgram.traces.dialects.promptfoo import PROMPTFOO
from sgram.traces.trace import FailedRowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, read_row

RESULT = {
    "id": "r1",
    "promptIdx": 0,
    "testIdx": 3,
    "prompt": {"raw": "2+2?", "label": "{{q}}"},
    "provider": {"id": "toy:1", "label": ""},
    "response": {"output": "It is 4.", "tokenUsage": {"total": 9}},
    "score": 1,
    "success": True,
    "gradingResult": {"pass": True, "score": 1, "reason": "ok"},
    "vars": {"q": "2+2?"},
    "namedScores": {},
}
FAILED = {**RESULT, "id": "r2", "response": {"error": "rate limit"}, "score": 0, "success": False}
EVALUATION = {"evalId": "e", "results": {"version": 3, "results": [RESULT, FAILED], "stats": {}}, "config": {}}


def test_a_result_has_output_prompt_and_verdict():
    assert detect(RESULT) is PROMPTFOO
    (fields,) = read_row(RESULT)
    assert (fields["text"], fields["prompt"], fields["model"], fields["id"]) == ("It is 4.", "2+2?", "toy:1", "r1")
    assert (fields["correct"], fields["reward"], fields["meta"]["vars"]) == (True, 1.0, {"q": "2+2?"})


def test_results_of_an_evaluation_are_read_without_the_failed_requests():
    assert detect(EVALUATION) is PROMPTFOO
    assert [fields["id"] for fields in read_row(EVALUATION)] == ["r1"]
    with pytest.raises(FailedRowError, match="the request failed: rate limit"):
        read_row(FAILED)


def test_a_failed_assertion_beside_an_output_is_a_wrong_response():
    (fields,) = read_row({**RESULT, "success": False, "score": 0, "error": "Expected 5"})
    assert (fields["text"], fields["correct"]) == ("It is 4.", False)


@given(mutations(RESULT), mutations(EVALUATION))
@settings(max_examples=60)
def test_changed_rows_are_read_or_refused(result, evaluation):
    assert gives_fields_or_row_error(PROMPTFOO, result)
    assert gives_fields_or_row_error(PROMPTFOO, evaluation)
