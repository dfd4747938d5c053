"""Messages of Anthropic's API and the results of its batches."""

import pytest
from hypothesis import given

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.anthropic_messages import ANTHROPIC_BATCH, ANTHROPIC_MESSAGES, parse, parse_batch
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "Hmm.", "signature": "sig"},
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "text", "text": "I add."},
        {"type": "tool_use", "id": "t", "name": "add", "input": {"a": 2}},
        {"type": "text", "text": "It is 4", "citations": []},
        {"type": "text", "text": ".", "citations": [{"type": "char_location"}]},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 5},
}
BATCH = {"custom_id": "task-1", "result": {"type": "succeeded", "message": MESSAGE}}


def test_thinking_comes_before_the_text_and_cited_text_is_one_text():
    (fields,) = read_row(MESSAGE)
    assert fields["text"] == "Hmm.\n\nI add.\n\nIt is 4."
    assert parts_of(fields) == [("reasoning", "Hmm."), ("answer", "I add."), ("answer", "It is 4.")]
    assert (fields["id"], fields["model"]) == ("msg_1", "claude-x")
    assert fields["meta"]["stop_reason"] == "end_turn"
    assert fields["meta"]["tool_calls"] == [MESSAGE["content"][3]]
    assert "group" not in fields


def test_blocks_of_thinking_stay_apart():
    content = [{"type": "thinking", "thinking": "One."}, {"type": "thinking", "thinking": "Two."}, *MESSAGE["content"]]
    assert read_row({**MESSAGE, "content": content})[0]["text"].startswith("One.\n\nTwo.\n\nHmm.\n\nI add.")


def test_a_text_alone_and_a_content_that_is_a_string_are_read():
    assert read_row({**MESSAGE, "content": [{"type": "text", "text": "4"}]})[0]["text"] == "4"
    assert read_row({**MESSAGE, "content": "4"})[0]["text"] == "4"


def test_the_request_that_was_written_beside_the_message_is_the_prompt():
    row = {**MESSAGE, "system": "Be brief.", "messages": [{"role": "user", "content": "2+2?"}]}
    assert read_row(row)[0]["prompt"] == "Be brief.\n\n2+2?"


def test_the_id_of_a_batch_is_its_custom_id():
    assert detect(BATCH) is ANTHROPIC_BATCH
    (fields,) = read_row({**BATCH, "gold": "4"})
    assert (fields["id"], fields["text"]) == ("task-1", "Hmm.\n\nI add.\n\nIt is 4.")
    assert fields["meta"]["response_id"] == "msg_1"
    assert fields["reference"] == "4"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "Overloaded"),
        ({**MESSAGE, "content": [], "stop_reason": "refusal"}, "it ended with refusal"),
        ({**MESSAGE, "content": MESSAGE["content"][1:2]}, "no text"),
    ],
)
def test_a_request_that_failed_is_skipped_and_says_why(row, says):
    assert detect(row) is ANTHROPIC_MESSAGES
    with pytest.raises(FailedRowError, match=says):
        parse(row, DialectOptions())


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ({"type": "errored", "error": {"type": "error", "error": {"message": "Too long"}}}, "Too long"),
        ({"type": "errored"}, "errored"),
        ({"type": "canceled"}, "canceled"),
        ({"type": "expired"}, "expired"),
    ],
)
def test_a_result_of_a_batch_that_failed_is_skipped_and_says_why(result, says):
    row = {"custom_id": "task-1", "result": result}
    assert detect(row) is ANTHROPIC_BATCH
    with pytest.raises(FailedRowError, match=says):
        parse_batch(row, DialectOptions())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "content is null, not an array"),
        ([4], "a block of the content is a number"),
        ([{"type": "text", "text": None}], "text of a block is null, not a string"),
    ],
)
def test_a_content_of_another_shape_is_refused_with_a_sentence(content, says):
    with pytest.raises(RowError, match=says):
        read_row({**MESSAGE, "content": content})


def test_a_bare_message_is_no_response_of_this_api():
    assert not ANTHROPIC_MESSAGES.fits({"role": "assistant", "content": "4"})
    assert not ANTHROPIC_BATCH.fits({"custom_id": "a", "result": "4"})


@given(mutations(MESSAGE))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(ANTHROPIC_MESSAGES, row)


@given(mutations(BATCH))
def test_any_mutation_of_a_batch_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(ANTHROPIC_BATCH, row)
