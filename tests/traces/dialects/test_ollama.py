"""Responses of Ollama."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.ollama import OLLAMA, parse
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

CHAT = {
    "model": "deepseek-r1:14b",
    "created_at": "2025-06-01T00:00:00Z",
    "message": {"role": "assistant", "content": "It is 4.", "thinking": "Hmm."},
    "done_reason": "stop",
    "done": True,
    "total_duration": 5,
    "eval_count": 9,
}
GENERATE = {
    "model": "qwen3:8b",
    "created_at": "2025-06-01T00:00:00Z",
    "response": "It is 4.",
    "thinking": "Hmm.",
    "done": True,
    "done_reason": "stop",
    "context": [1, 2, 3],
}


@pytest.mark.parametrize("row", [CHAT, GENERATE])
def test_thinking_comes_before_the_answer(row):
    assert detect(row) is OLLAMA
    (fields,) = read_row(row)
    assert fields["text"] == "Hmm.\n\nIt is 4."
    assert parts_of(fields) == [("reasoning", "Hmm."), ("answer", "It is 4.")]
    assert fields["model"] == row["model"]
    assert fields["meta"]["done_reason"] == "stop"
    assert "token_ids" not in fields


def test_tags_in_a_response_are_found():
    (fields,) = read_row({**GENERATE, "thinking": None, "response": "<think>\nHmm.\n</think>\n\n4"})
    assert parts_of(fields) == [("reasoning", "<think>\nHmm.\n</think>"), ("answer", "4")]


def test_a_prompt_that_was_written_beside_the_response_is_the_prompt():
    assert read_row({**GENERATE, "prompt": "2+2?"})[0]["prompt"] == "2+2?"
    assert read_row({**CHAT, "messages": [{"role": "user", "content": "2+2?"}]})[0]["prompt"] == "2+2?"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({**CHAT, "message": {"role": "assistant", "content": ""}, "done_reason": "load"}, "it ended with load"),
        ({**GENERATE, "response": "", "thinking": ""}, "it ended with stop"),
        ({**GENERATE, "error": "model requires more memory"}, "more memory"),
    ],
)
def test_a_request_that_failed_is_skipped_and_says_why(row, says):
    with pytest.raises(FailedRowError, match=says):
        parse(row, DialectOptions())


def test_a_chunk_of_a_stream_is_refused_with_a_sentence():
    for row in (CHAT, GENERATE):
        with pytest.raises(RowError, match="a chunk of a streamed response is no response"):
            read_row({**row, "done": False})


def test_rows_of_a_policy_with_a_flag_done_are_not_of_this_dialect():
    assert not OLLAMA.fits({"model": "m", "prompt": "2+2?", "response": "4", "done": False})
    assert not OLLAMA.fits({"model": "m", "message": "4", "done": True})


@given(st.sampled_from([CHAT, GENERATE]).flatmap(mutations))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(OLLAMA, row)
