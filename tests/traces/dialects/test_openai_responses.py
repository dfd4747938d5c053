"""Responses of the Responses API."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.openai_responses import OPENAI_RESPONSES, parse
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

OPENAI = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1750000000,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "model": "o4-mini",
    "output": [
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "I add."}], "content": None},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "It is 4.", "annotations": []}],
        },
    ],
    "reasoning": {"effort": "medium", "summary": "detailed of all that was thought"},
    "text": {"format": {"type": "text"}},
    "prompt": None,
    "tools": [],
    "usage": {"output_tokens": 9},
}
GPT_OSS = {
    "id": "resp_2",
    "object": "response",
    "model": "gpt-oss-120b",
    "status": "completed",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "2+2?"}]}],
    "instructions": "Be brief.",
    "output": [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Short."}],
            "content": [{"type": "reasoning_text", "text": "Hmm, a call."}],
        },
        {"type": "function_call", "call_id": "c", "name": "add", "arguments": "{}"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "So 4."}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "It "}, {"type": "output_text", "text": "is 4."}],
        },
    ],
}


def test_a_summary_of_the_reasoning_comes_before_the_message():
    (fields,) = read_row(OPENAI)
    assert fields["text"] == "I add.\n\nIt is 4."
    assert parts_of(fields) == [("reasoning", "I add."), ("answer", "It is 4.")]
    assert (fields["id"], fields["model"]) == ("resp_1", "o4-mini")
    assert "prompt" not in fields
    assert "group" not in fields
    assert fields["meta"]["usage"] == {"output_tokens": 9}


def test_settings_named_reasoning_and_text_stay_in_meta():
    (fields,) = read_row(OPENAI)
    assert fields["meta"]["reasoning"] == OPENAI["reasoning"]
    assert fields["meta"]["text"] == OPENAI["text"]


def test_the_reasoning_itself_counts_more_than_its_summary_and_blocks_of_a_message_are_one_text():
    (fields,) = read_row(GPT_OSS)
    assert fields["text"] == "Hmm, a call.\n\nSo 4.\n\nIt is 4."
    assert parts_of(fields) == [("reasoning", "Hmm, a call."), ("reasoning", "So 4."), ("answer", "It is 4.")]
    assert fields["meta"]["tool_calls"] == [GPT_OSS["output"][1]]


@pytest.mark.parametrize("asked", ["2+2?", [{"role": "user", "content": "2+2?"}], GPT_OSS["input"]])
def test_the_input_is_the_prompt_after_the_instructions(asked):
    assert read_row({**GPT_OSS, "input": asked})[0]["prompt"] == "Be brief.\n\n2+2?"


def test_instructions_alone_are_no_prompt():
    (fields,) = read_row({**OPENAI, "instructions": "Be brief."})
    assert "prompt" not in fields
    assert "group" not in fields
    assert fields["meta"]["instructions"] == "Be brief."


def test_a_question_that_was_written_beside_the_response_is_the_prompt():
    assert read_row({**OPENAI, "question": "2+2?"})[0]["prompt"] == "2+2?"
    assert read_row({**OPENAI, "prompt": "2+2?"})[0]["prompt"] == "2+2?"


def test_a_list_of_items_without_its_response_is_read_too():
    row = {"prompt": "2+2?", "output": OPENAI["output"]}
    assert detect(row) is OPENAI_RESPONSES
    (fields,) = read_row(row)
    assert (fields["prompt"], fields["text"]) == ("2+2?", "I add.\n\nIt is 4.")


def test_a_refusal_is_what_the_model_said():
    refusal = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot."}]}
    assert read_row({**OPENAI, "output": [refusal]})[0]["text"] == "I cannot."


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"error": {"code": "server_error", "message": "It broke"}}, "It broke"),
        ({"status": "failed"}, "its status is failed"),
        ({"status": "in_progress", "output": []}, "its status is in_progress"),
        ({"status": "incomplete", "output": [], "incomplete_details": {"reason": "max_output_tokens"}}, "max_output"),
        ({"output": [GPT_OSS["output"][1]]}, "no text: it ended with completed"),
    ],
)
def test_a_request_that_failed_is_skipped_and_says_why(changes, says):
    with pytest.raises(FailedRowError, match=says):
        parse({**OPENAI, **changes}, DialectOptions())


def test_what_was_cut_off_is_read():
    row = {**OPENAI, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert read_row(row)[0]["text"] == "I add.\n\nIt is 4."


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("It is 4.", "output is a string, not an array"),
        ([4], "an item of the output is a number"),
        ([{"type": "message", "content": 4}], "content of an item is a number"),
        ([{"type": "message", "content": [{"type": "output_text", "text": 4}]}], "text of an item is a number"),
    ],
)
def test_an_output_of_another_shape_is_refused_with_a_sentence(output, says):
    with pytest.raises(RowError, match=says):
        read_row({**OPENAI, "output": output})


@pytest.mark.parametrize(
    "row",
    [
        {"input": "2+2?", "output": "4"},
        {"input": "2+2?", "output": ["4", "5"]},
        {"input": "2+2?", "output": [{"text": "4"}]},
        {"input": "2+2?", "output": [{"type": "message", "content": "4"}]},
    ],
)
def test_outputs_of_another_kind_are_not_of_this_dialect(row):
    assert not OPENAI_RESPONSES.fits(row)


@given(st.sampled_from([OPENAI, GPT_OSS]).flatmap(mutations))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(OPENAI_RESPONSES, row)
