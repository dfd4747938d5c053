"""Responses of Gemini's generateContent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.gemini import GEMINI, parse
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

REST = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Hmm, ", "thought": True},
                    {"text": "2+2.", "thought": True},
                    {"text": "It is "},
                    {"text": "4.", "thoughtSignature": "c2ln"},
                ],
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 4, "thoughtsTokenCount": 3},
    "modelVersion": "gemini-2.5-flash",
    "responseId": "r1",
}
PYTHON = {
    "sdk_http_response": None,
    "candidates": [
        {
            "content": {"parts": [{"thought": None, "text": text, "function_call": None}], "role": "model"},
            "finish_reason": "STOP",
            "index": None,
        }
        for text in ("4", "5")
    ],
    "create_time": None,
    "model_version": "gemini-2.5-pro",
    "prompt_feedback": None,
    "response_id": "r2",
    "usage_metadata": {"prompt_token_count": 4},
    "parsed": None,
}


def test_thoughts_come_before_the_answer_and_neighboring_parts_are_one_text():
    (fields,) = read_row(REST)
    assert fields["text"] == "Hmm, 2+2.\n\nIt is 4."
    assert parts_of(fields) == [("reasoning", "Hmm, 2+2."), ("answer", "It is 4.")]
    assert (fields["id"], fields["model"]) == ("r1", "gemini-2.5-flash")
    assert fields["meta"]["finishReason"] == "STOP"
    assert "group" not in fields


def test_the_spelling_of_the_python_library_is_read_and_candidates_are_one_group():
    first, second = read_row(PYTHON)
    assert [first["text"], second["text"]] == ["4", "5"]
    assert [first["id"], second["id"]] == ["r2/0", "r2/1"]
    assert first["group"] == second["group"] == "r2"
    assert first["model"] == "gemini-2.5-pro"


def test_text_around_a_call_of_a_function_stays_apart():
    parts = [{"text": "I add."}, {"functionCall": {"name": "add", "args": {}}}, {"text": "It is 4."}]
    row = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    assert read_row(row)[0]["text"] == "I add.\n\nIt is 4."


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "m"}, "SAFETY"),
        ({"candidates": [], "usageMetadata": {}}, "no candidates"),
        ({"candidates": [{"finishReason": "SAFETY", "index": 0}]}, "it ended with SAFETY"),
        ({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]}, "MAX_TOKENS"),
    ],
)
def test_a_response_without_text_is_skipped_and_says_why(row, says):
    assert detect(row) is GEMINI
    with pytest.raises(FailedRowError, match=says):
        parse(row, DialectOptions())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("4", "content of a candidate is a string"),
        ({"parts": {"text": "4"}}, "content of a candidate is an object"),
        ({"parts": [{"text": 4}]}, "text of a part is a number"),
    ],
)
def test_a_content_of_another_shape_is_refused_with_a_sentence(content, says):
    with pytest.raises(RowError, match=says):
        read_row({"candidates": [{"content": content, "finishReason": "STOP"}]})


@pytest.mark.parametrize(
    "row", [{"candidates": ["4", "5"]}, {"candidates": [{"text": "4"}]}, {"candidates": [], "prompt": "2+2?"}]
)
def test_candidates_of_another_kind_are_not_of_this_dialect(row):
    assert not GEMINI.fits(row)


@given(st.sampled_from([REST, PYTHON]).flatmap(mutations))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(GEMINI, row)
