"""Responses of the chat completions and completions APIs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.traces.dialect import DialectOptions, detect
from sgram.traces.dialects.chat_completions import CHAT_COMPLETIONS, parse
from sgram.traces.trace import FailedRowError, RowError
from tests.builders.api_rows import gives_fields_or_row_error, mutations, parts_of, read_row

DEEPSEEK = {
    "id": "930c60df",
    "object": "chat.completion",
    "created": 1705651092,
    "model": "deepseek-reasoner",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "It is 4.", "reasoning_content": "Hmm, 2+2."},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 16, "completion_tokens": 10, "total_tokens": 26},
    "system_fingerprint": "fp_1",
}
VLLM = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "Qwen/Qwen3-8B",
    "choices": [
        {
            "index": index,
            "message": {"role": "assistant", "reasoning": f"Hmm {index}.", "content": answer, "tool_calls": []},
            "logprobs": None,
            "finish_reason": "stop",
            "stop_reason": None,
            "token_ids": None,
        }
        for index, answer in enumerate(["4", "5", "4"])
    ],
    "prompt_logprobs": None,
    "prompt_token_ids": None,
    "kv_transfer_params": None,
}
OPENROUTER = {
    "id": "gen-1",
    "provider": "DeepInfra",
    "model": "deepseek/deepseek-r1",
    "object": "chat.completion",
    "choices": [
        {
            "logprobs": None,
            "finish_reason": "stop",
            "native_finish_reason": "stop",
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "4",
                "refusal": None,
                "reasoning": "First, I add.",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "First, I add.", "format": "unknown", "index": 0}
                ],
            },
        }
    ],
}
COMPLETION = {
    "id": "cmpl-1",
    "object": "text_completion",
    "model": "base",
    "choices": [
        {
            "index": 0,
            "text": "<think>\nHmm.\n</think>\n4",
            "logprobs": {"tokens": ["<", "4"], "token_logprobs": [-0.5, -0.25], "top_logprobs": None},
            "finish_reason": "stop",
            "token_ids": [7, 8],
        }
    ],
}


def with_choice(**fields):
    return {**DEEPSEEK, "choices": [{**DEEPSEEK["choices"][0], **fields}]}


def with_message(**fields):
    return with_choice(message={**DEEPSEEK["choices"][0]["message"], **fields})


def test_reasoning_content_comes_before_the_content():
    (fields,) = read_row(DEEPSEEK)
    assert fields["text"] == "Hmm, 2+2.\n\nIt is 4."
    assert parts_of(fields) == [("reasoning", "Hmm, 2+2."), ("answer", "It is 4.")]
    assert (fields["id"], fields["model"]) == ("930c60df", "deepseek-reasoner")
    assert fields["meta"]["finish_reason"] == "stop"
    assert fields["meta"]["usage"]["total_tokens"] == 26
    assert "group" not in fields
    assert "prompt" not in fields


def test_each_choice_is_a_trace_and_the_response_its_group():
    traces = read_row(VLLM)
    assert [trace["text"] for trace in traces] == ["Hmm 0.\n\n4", "Hmm 1.\n\n5", "Hmm 2.\n\n4"]
    assert [trace["id"] for trace in traces] == ["chatcmpl-1/0", "chatcmpl-1/1", "chatcmpl-1/2"]
    assert {trace["group"] for trace in traces} == {"chatcmpl-1"}


def test_choices_without_a_response_id_are_one_group():
    anonymous = {name: value for name, value in VLLM.items() if name != "id"}
    groups = [trace["group"] for trace in read_row(anonymous)]
    assert len(set(groups)) == 1
    other = {**anonymous, "choices": [*VLLM["choices"][:2], *DEEPSEEK["choices"]]}
    assert read_row(other)[0]["group"] != groups[0]


def test_reasoning_that_is_written_twice_is_read_once():
    (fields,) = read_row(OPENROUTER)
    assert fields["text"] == "First, I add.\n\n4"
    assert fields["meta"]["provider"] == "DeepInfra"


def test_a_prompt_that_was_written_beside_the_response_is_the_prompt_and_makes_the_group():
    first, second, *_ = read_row({**VLLM, "messages": [{"role": "user", "content": "2+2?"}]})
    assert first["prompt"] == second["prompt"] == "2+2?"
    assert first["group"] == second["group"] != "chatcmpl-1"
    assert "messages" not in first["meta"]
    (by_alias, *_) = read_row({**VLLM, "question": "2+2?", "gold": "4"})
    assert (by_alias["prompt"], by_alias["reference"], by_alias["group"]) == ("2+2?", "4", first["group"])
    (by_column, *_) = read_row({**VLLM, "problem_id": 7})
    assert by_column["group"] == "7"


def test_an_empty_prompt_of_together_is_no_prompt():
    assert "prompt" not in read_row({**DEEPSEEK, "prompt": []})[0]


def test_a_completion_has_its_text_and_its_tags():
    (fields,) = read_row(COMPLETION)
    assert fields["text"] == "<think>\nHmm.\n</think>\n4"
    assert parts_of(fields) == [("reasoning", "<think>\nHmm.\n</think>"), ("answer", "4")]
    assert (fields["token_ids"], fields["logprobs"]) == ((7, 8), (-0.5, -0.25))


def test_log_probabilities_without_token_ids_stay_in_meta():
    logprobs = {"content": [{"token": "4", "logprob": -0.1, "bytes": [52], "top_logprobs": []}]}
    (fields,) = read_row(with_choice(logprobs=logprobs))
    assert fields["meta"]["logprobs"] == logprobs
    assert not {"logprobs", "token_ids"} & fields.keys()


def test_tokens_that_vllm_writes_as_ids_are_ids():
    logprobs = {"content": [{"token": "token_id:19", "logprob": -0.1}, {"token": "token_id:2", "logprob": 0.0}]}
    message = {"role": "assistant", "content": "4"}
    (fields,) = read_row(with_choice(logprobs=logprobs, message=message))
    assert (fields["token_ids"], fields["logprobs"]) == ((19, 2), (-0.1, 0.0))
    logprobs["content"][1]["token"] = "4"
    assert "token_ids" not in read_row(with_choice(logprobs=logprobs, message=message))[0]


def test_ids_of_a_text_whose_reasoning_was_taken_out_need_a_decoder():
    row = with_choice(token_ids=[1, 2, 3])
    (fields,) = read_row(row)
    assert "token_ids" not in fields
    assert fields["meta"]["token_ids"] == [1, 2, 3]
    (decoded,) = read_row(row, DialectOptions(decode=lambda ids: f"<think>{len(ids)}</think>It is 4."))
    assert decoded["text"] == "<think>3</think>It is 4."
    assert decoded["token_ids"] == (1, 2, 3)
    assert parts_of(decoded) == [("reasoning", "<think>3</think>"), ("answer", "It is 4.")]


def test_blocks_of_thinking_in_the_content_are_reasoning():
    blocks = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hmm."}]}, {"type": "text", "text": "4"}]
    (fields,) = read_row(with_choice(message={"role": "assistant", "content": blocks}))
    assert parts_of(fields) == [("reasoning", "Hmm."), ("answer", "4")]


def test_reasoning_that_litellm_writes_three_times_is_read_once():
    message = {
        "role": "assistant",
        "content": "4",
        "reasoning_content": "Hmm.",
        "thinking_blocks": [{"type": "thinking", "thinking": "Hmm.", "signature": "s"}],
        "provider_specific_fields": {"reasoning_content": "Hmm."},
    }
    assert read_row(with_choice(message=message))[0]["text"] == "Hmm.\n\n4"


def test_a_response_of_cohere_is_its_only_choice_itself():
    content = [{"type": "thinking", "thinking": "Hmm."}, {"type": "text", "text": "4"}]
    row = {"id": "c", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": content}, "usage": {}}
    assert detect(row) is CHAT_COMPLETIONS
    (fields,) = read_row(row)
    assert (fields["id"], fields["text"]) == ("c", "Hmm.\n\n4")
    assert fields["meta"]["finish_reason"] == "COMPLETE"


def test_calls_of_tools_are_kept_but_are_no_text():
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    (fields,) = read_row(with_message(content="I add.", tool_calls=[call]))
    assert fields["text"] == "Hmm, 2+2.\n\nI add."
    assert fields["meta"]["tool_calls"] == [call]


def test_a_refusal_is_what_the_model_said():
    (fields,) = read_row(with_choice(message={"role": "assistant", "content": None, "refusal": "I cannot."}))
    assert fields["text"] == "I cannot."


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"error": {"message": "Rate limit reached", "type": "requests", "code": 429}}, "Rate limit reached"),
        ({"object": "error", "message": "maximum context length", "type": "BadRequestError", "code": 400}, "context"),
        ({"error": {"code": 502, "message": "Provider returned error"}, "user_id": "u"}, "Provider returned error"),
        ({**DEEPSEEK, "error": {"message": "Overloaded", "code": 529}}, "Overloaded"),
        ({**DEEPSEEK, "choices": []}, "no choices"),
        (with_choice(message={"role": "assistant", "content": ""}, finish_reason="content_filter"), "content_filter"),
        (with_choice(message={"role": "assistant", "content": None}, finish_reason="tool_calls"), "tool_calls"),
        (with_choice(finish_reason="error", error={"code": 502, "message": "upstream died"}), "upstream died"),
        (with_choice(finish_reason="error"), "finish_reason error"),
    ],
)
def test_a_request_that_failed_is_skipped_and_says_why(row, says):
    assert detect(row) is CHAT_COMPLETIONS
    with pytest.raises(FailedRowError, match=says):
        parse(row, DialectOptions())


def test_of_several_choices_those_without_text_are_left_out():
    empty = {"index": 1, "message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}
    (fields,) = read_row({**DEEPSEEK, "choices": [*DEEPSEEK["choices"], empty]})
    assert fields["text"].endswith("It is 4.")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "4"}}]},
            "a chunk of a streamed response is no response",
        ),
        (with_choice(message={"role": "assistant", "content": 4}), "content of a message is a number"),
        ({"object": "chat.completion"}, "choices is null, not an array"),
        ({"object": "text_completion", "choices": [{"text": 4, "index": 0}]}, "text of a choice is a number"),
        ({**DEEPSEEK, "choices": [*DEEPSEEK["choices"], 4]}, "a choice is a number, not an object"),
        ({**DEEPSEEK, "choices": [*DEEPSEEK["choices"], {}]}, "a choice has neither message nor text"),
    ],
)
def test_what_is_no_response_is_refused_with_a_sentence(row, says):
    with pytest.raises(RowError, match=says) as refusal:
        read_row(row)
    assert not isinstance(refusal.value, FailedRowError)


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Which?", "choices": ["a", "b"], "answer": 1},
        {"question": "Which?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "A"},
        {"question": "Which?", "choices": [{"text": "a", "label": "A"}]},
        {"prompt": "2+2?", "response": "4", "error": None},
        {"prompt": "2+2?", "response": "4", "error": 0.5},
    ],
)
def test_rows_with_choices_of_another_kind_are_not_of_this_dialect(row):
    assert not CHAT_COMPLETIONS.fits(row)


@given(st.sampled_from([DEEPSEEK, VLLM, OPENROUTER, COMPLETION]).flatmap(mutations))
def test_any_mutation_gives_fields_or_one_sentence(row):
    assert gives_fields_or_row_error(CHAT_COMPLETIONS, row)
