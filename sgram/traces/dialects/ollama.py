"""Responses of Ollama: /api/chat with a `message`, /api/generate with a `response`."""

from sgram.traces.api_objects import (
    check_success,
    empty_response,
    has_text,
    has_words,
    name_samples,
    read_message,
    request_prompt,
)
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.parts import Piece
from sgram.traces.trace import RowError, json_type

_READ = frozenset({"model", "message", "response", "thinking", "messages"})


def recognize(record: Record) -> bool:
    """Return whether the record holds a message of the assistant, or a response with Ollama's own columns."""
    message = record.get("message")
    if isinstance(message, dict):
        return message.get("role") in ("assistant", None) and "content" in message
    return "created_at" in record and isinstance(record.get("response"), str)


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of the response."""
    check_success(record)
    if record.get("done") is False:
        raise RowError('a chunk of a streamed response is no response; save whole responses, with "stream": false')
    fields: Fields = {"model": record.get("model"), "meta": {}}
    if record.get("message") is not None:
        message = read_message(record["message"])
        fields["pieces"] = list(message.pieces)
        if message.tool_calls:
            fields["meta"]["tool_calls"] = list(message.tool_calls)
    else:
        fields["pieces"] = _pieces(record)
    if not has_words(fields["pieces"]):
        raise empty_response(record.get("done_reason"))
    prompt = request_prompt(record.get("messages"))
    columns = {name: value for name, value in record.items() if name not in _READ}
    return name_samples([fields], None, prompt, columns)


def _pieces(record: Record) -> list[Piece]:
    response = record.get("response")
    if not isinstance(response, str):
        raise RowError(f"response is {json_type(response)}, not a string")
    thinking = record.get("thinking")
    return [("reasoning", thinking), ("answer", response)] if has_text(thinking) else [("answer", response)]


OLLAMA = Dialect(
    "ollama",
    "Ollama: responses of /api/chat and /api/generate",
    parse,
    columns=(
        frozenset({"model", "message", "done"}),
        frozenset({"model", "message", "created_at"}),
        frozenset({"model", "response", "done"}),
    ),
    recognize=recognize,
    becomes={"message": "text, thinking before the content", "response": "text, after thinking", "model": "model"},
    source="github.com/ollama/ollama, docs/api.md and api/types.go",
    rank=20,
)
