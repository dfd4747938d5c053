"""Messages of Anthropic's API with blocks of thinking, and the results of its batches."""

from collections.abc import Mapping
from typing import Any

from sgram.traces.api_objects import check_success, empty_response, has_words, join_blocks, name_samples, request_prompt
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.parts import PartKind, Piece
from sgram.traces.trace import FailedRowError, RowError, json_type

_READ = frozenset({"id", "type", "role", "model", "content", "messages", "system"})
_KINDS: Mapping[str, PartKind] = {"thinking": "reasoning", "text": "answer"}
_RESULTS = frozenset({"succeeded", "errored", "canceled", "expired"})


def recognize(record: Record) -> bool:
    """Return whether the record is a message of the assistant, or an error object."""
    if record.get("type") == "error":
        return isinstance(record.get("error"), dict)
    is_message = record.get("type") == "message" or "stop_reason" in record
    return is_message and record.get("role") == "assistant" and "content" in record


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of the message."""
    check_success(record)
    pieces = _pieces(record.get("content"))
    if not has_words(pieces):
        raise empty_response(record.get("stop_reason"))
    meta: dict[str, Any] = {}
    calls = [block for block in record["content"] if isinstance(block, dict) and block.get("type") == "tool_use"]
    if calls:
        meta["tool_calls"] = calls
    columns = {name: value for name, value in record.items() if name not in _READ}
    prompt = request_prompt({"system": record.get("system"), "messages": record.get("messages")})
    fields: Fields = {"pieces": pieces, "model": record.get("model"), "meta": meta}
    return name_samples([fields], record.get("id"), prompt, columns)


def _pieces(content: Any) -> list[Piece]:
    """Return the pieces of a content; thinking that was redacted has no text, and neither have calls of tools."""
    if isinstance(content, str):
        return [("answer", content)]
    if not isinstance(content, list):
        raise RowError(f"content is {json_type(content)}, not an array")
    blocks: list[Piece] = []
    for block in content:
        if not isinstance(block, dict):
            raise RowError(f"a block of the content is {json_type(block)}, not an object")
        name = block.get("type")
        kind = _KINDS.get(name, "tool") if isinstance(name, str) else "tool"
        text = block.get(name) if name in ("thinking", "text") else ""
        if not isinstance(text, str):
            raise RowError(f"{name} of a block is {json_type(text)}, not a string")
        blocks.append((kind, text))
        if kind == "reasoning":
            blocks.append(("tool", ""))  # blocks of thinking are whole; a text is cut where it cites
    return join_blocks(blocks)


def recognize_batch(record: Record) -> bool:
    """Return whether the record is the result of one request of a batch."""
    result = record.get("result")
    return isinstance(result, dict) and isinstance(result.get("type"), str) and result["type"] in _RESULTS


def parse_batch(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the fields of the message of a batch; its `custom_id` is the id."""
    result = record["result"]
    if result["type"] != "succeeded":
        check_success(result)
        raise FailedRowError(f"the request failed: {result['type']}")
    message = result.get("message")
    if not isinstance(message, dict):
        raise RowError(f"message of the result is {json_type(message)}, not an object")
    (fields,) = parse(message, options)
    fields["columns"] |= {name: value for name, value in record.items() if name not in ("custom_id", "result")}
    if isinstance(record.get("custom_id"), str | int):
        fields["meta"]["response_id"] = fields.pop("id", None)
        fields["id"] = record["custom_id"]
    return [fields]


ANTHROPIC_MESSAGES = Dialect(
    "anthropic-messages",
    "Anthropic's API, also by way of Bedrock and Vertex AI: responses of /v1/messages",
    parse,
    recognize=recognize,
    becomes={"content": "text, thinking before the text", "id": "id", "model": "model", "messages": "prompt"},
    source="docs.claude.com/en/api/messages, docs.claude.com/en/docs/build-with-claude/extended-thinking",
    rank=20,
)
ANTHROPIC_BATCH = Dialect(
    "anthropic-batch",
    "results of Anthropic's message batches",
    parse_batch,
    columns=(frozenset({"custom_id", "result"}),),
    recognize=recognize_batch,
    becomes={"result.message": "text, thinking before the text", "custom_id": "id"},
    source="docs.claude.com/en/api/retrieving-message-batch-results",
    rank=20,
)
