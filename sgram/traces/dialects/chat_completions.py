"""Responses of the chat completions API and of the completions API: an object with `choices`.

Each choice becomes a trace. The reasoning is where each server puts it: `reasoning_content` (DeepSeek, vLLM, SGLang),
`reasoning` (vLLM since 0.12, OpenRouter, Groq), `reasoning_details` (OpenRouter), blocks of the content (Mistral).
"""

from typing import Any

from sgram.files import excerpt
from sgram.traces.api_objects import (
    add_tokens,
    check_success,
    empty_response,
    find_error,
    has_text,
    has_words,
    name_samples,
    read_message,
    request_prompt,
)
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.parts import Piece
from sgram.traces.trace import FailedRowError, RowError, json_type

_OBJECTS = frozenset({"chat.completion", "text_completion", "chat.completion.chunk"})
_READ = frozenset({"id", "model", "choices", "messages"})
_CHOICE_READ = frozenset({"index", "message", "text", "token_ids", "reasoning", "reasoning_content"})
_TOKEN_ID = "token_id:"  # noqa: S105  vLLM writes tokens so with return_tokens_as_token_ids


def recognize(record: Record) -> bool:
    """Return whether the record is a response with choices, a chunk of one, or an error object alone."""
    choices = record.get("choices")
    if isinstance(choices, list):
        first = choices[0] if choices else None
        if isinstance(first, dict):
            return isinstance(first.get("message"), dict) or "delta" in first or _is_text_choice(first)
        return not choices and (_is_named(record) or find_error(record) is not None)
    return _is_error(record) or _is_named(record) or _is_choice(record)


def _is_choice(record: Record) -> bool:
    """Return whether the record is a response that is its only choice itself, as Cohere writes it."""
    message = record.get("message")
    return isinstance(message, dict) and message.get("role") == "assistant" and "finish_reason" in record


def _is_named(record: Record) -> bool:
    """Return whether the record says itself what it is."""
    name = record.get("object")
    return isinstance(name, str) and name in _OBJECTS


def _is_text_choice(choice: Record) -> bool:
    return "text" in choice and not {"finish_reason", "logprobs", "index"}.isdisjoint(choice)


def _is_error(record: Record) -> bool:
    """Return whether the record is what an API answers to a request that failed."""
    if record.get("object") == "error":
        return True
    error = record.get("error")
    return isinstance(error, dict) and "message" in error and len(record) <= 4 and find_error(record) is not None


def parse(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the fields of each choice that has a text."""
    check_success(record)
    if record.get("object") == "error":
        raise FailedRowError(f"the request failed: {excerpt(str(record.get('message')))}")
    choices = record.get("choices")
    if choices is None and _is_choice(record):
        choices = [{"message": record["message"], "finish_reason": record["finish_reason"]}]
        record = {name: value for name, value in record.items() if name not in ("message", "finish_reason")}
    if not isinstance(choices, list):
        raise RowError(f"choices is {json_type(choices)}, not an array")
    if not choices:
        raise FailedRowError("the response has no choices")
    samples, failures = [], []
    for choice in choices:
        try:
            samples.append(_read_choice(choice, options))
        except FailedRowError as error:
            failures.append(error)
    if not samples:
        raise failures[0]
    for sample in samples:
        sample["model"] = record.get("model")
    columns = {name: value for name, value in record.items() if name not in _READ}
    prompt = request_prompt(record.get("messages"))
    if prompt is None and record.get("messages"):
        columns["messages"] = record["messages"]
    return name_samples(samples, record.get("id"), prompt, columns)


def _read_choice(choice: Any, options: DialectOptions) -> Fields:
    if not isinstance(choice, dict):
        raise RowError(f"a choice is {json_type(choice)}, not an object")
    reason = choice.get("finish_reason")
    error = find_error(choice)
    if error is not None or reason == "error":
        raise FailedRowError(f"the request failed: {error or 'finish_reason error'}")
    fields: Fields = {"meta": {name: value for name, value in choice.items() if _stays(name, value)}}
    if choice.get("message") is not None:
        message = read_message(choice["message"])
        fields["pieces"] = list(message.pieces)
        if message.tool_calls:
            fields["meta"]["tool_calls"] = list(message.tool_calls)
    elif "text" in choice:
        fields["pieces"] = _text_pieces(choice)
    elif "delta" in choice:
        raise RowError("a chunk of a streamed response is no response; save whole responses, without streaming")
    else:
        raise RowError("a choice has neither message nor text")
    if not has_words(fields["pieces"]):
        raise empty_response(reason)
    add_tokens(fields, *_tokens(choice), options)
    return fields


def _stays(name: str, value: Any) -> bool:
    return name not in _CHOICE_READ and value is not None


def _text_pieces(choice: Record) -> list[Piece]:
    text = choice["text"]
    if not isinstance(text, str):
        raise RowError(f"text of a choice is {json_type(text)}, not a string")
    reasoning = next((choice[name] for name in ("reasoning", "reasoning_content") if has_text(choice.get(name))), None)
    return [("answer", text)] if reasoning is None else [("reasoning", reasoning), ("answer", text)]


def _tokens(choice: Record) -> tuple[Any, list[Any] | None]:
    """Return the token ids of a choice and the log-probabilities of its tokens; None for what is not there."""
    logprobs = choice.get("logprobs")
    tokens: list[Any] = []
    numbers: list[Any] | None = None
    if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
        entries = [entry if isinstance(entry, dict) else {} for entry in logprobs["content"]]
        tokens, numbers = [entry.get("token") for entry in entries], [entry.get("logprob") for entry in entries]
    elif isinstance(logprobs, dict) and isinstance(logprobs.get("token_logprobs"), list):
        numbers = logprobs["token_logprobs"]
        tokens = logprobs["tokens"] if isinstance(logprobs.get("tokens"), list) else []
    token_ids = choice.get("token_ids")
    if token_ids is None and tokens and all(_is_id_token(token) for token in tokens):
        token_ids = [int(token.removeprefix(_TOKEN_ID)) for token in tokens]
    return token_ids, numbers


def _is_id_token(token: Any) -> bool:
    digits = token.removeprefix(_TOKEN_ID) if isinstance(token, str) else ""
    return digits != token and digits.isascii() and digits.isdigit() and len(digits) < 12


CHAT_COMPLETIONS = Dialect(
    "chat-completions",
    "OpenAI, vLLM, SGLang, DeepSeek, OpenRouter, Groq, Mistral, Cohere, llama.cpp: responses of /v1/chat/completions "
    "and /v1/completions",
    parse,
    recognize=recognize,
    becomes={
        "choices[].message": "text, with reasoning_content, reasoning or reasoning_details before the content",
        "choices[].text": "text",
        "choices[].token_ids": "token_ids",
        "choices[].logprobs": "logprobs, if there are token ids; else it stays in meta",
        "id": "id; with several choices followed by / and the choice's place, and the group if no prompt is known",
        "model": "model",
        "messages": "prompt",
        "choices[].finish_reason": "meta.finish_reason",
    },
    source="platform.openai.com/docs/api-reference/chat/object; vllm/entrypoints/openai/chat_completion/protocol.py; "
    "openrouter.ai/docs/use-cases/reasoning-tokens",
    rank=20,
)
