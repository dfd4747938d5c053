"""Responses of the Responses API: an object whose `output` is a list of reasoning, messages and calls of tools."""

from typing import Any

from sgram.traces.api_objects import (
    check_success,
    empty_response,
    has_text,
    has_words,
    join_blocks,
    name_samples,
    request_prompt,
)
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.parts import Piece
from sgram.traces.trace import FailedRowError, RowError, json_type

_READ = frozenset({"id", "object", "model", "output", "input", "instructions", "reasoning", "text", "prompt", "status"})
_OUTPUT = frozenset({"reasoning", "message"})


def recognize(record: Record) -> bool:
    """Return whether the record is a response, or has an output of its kind."""
    output = record.get("output")
    if record.get("object") == "response":
        return True
    if not isinstance(output, list) or not all(isinstance(item, dict) and "type" in item for item in output):
        return False
    return any(
        item["type"] == "reasoning" or (item["type"] == "message" and isinstance(item.get("content"), list))
        for item in output
    )


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of the response."""
    check_success(record)
    status = record.get("status")
    if status in ("failed", "cancelled", "in_progress", "queued"):
        raise FailedRowError(f"the response is not complete: its status is {status}")
    output = record.get("output")
    if not isinstance(output, list):
        raise RowError(f"output is {json_type(output)}, not an array")
    pieces = [piece for item in output for piece in _item_pieces(item)]
    if not has_words(pieces):
        details = record.get("incomplete_details")
        raise empty_response(details.get("reason") if isinstance(details, dict) else status)
    prompt = request_prompt({"instructions": record.get("instructions"), "input": record.get("input")})
    meta = {name: record[name] for name in ("status", "reasoning", "text") if record.get(name) is not None}
    for name in ("instructions", "input"):
        if prompt is None and record.get(name) is not None:
            meta[name] = record[name]
    calls = [item for item in output if isinstance(item, dict) and str(item.get("type")).endswith("_call")]
    if calls:
        meta["tool_calls"] = calls
    columns = {name: value for name, value in record.items() if name not in _READ}
    if prompt is None and isinstance(record.get("prompt"), str):
        columns["prompt"] = record["prompt"]
    fields: Fields = {"pieces": pieces, "model": record.get("model"), "meta": meta}
    return name_samples([fields], record.get("id"), prompt, columns)


def _item_pieces(item: Any) -> list[Piece]:
    """Return the pieces of one item of the output. Reasoning is its content; without one, its summary."""
    if not isinstance(item, dict):
        raise RowError(f"an item of the output is {json_type(item)}, not an object")
    if item.get("type") == "reasoning":
        content = _texts(item.get("content"))
        texts = content if any(map(has_text, content)) else _texts(item.get("summary"))
        return [("reasoning", text) for text in texts]
    if item.get("type") == "message" and item.get("role") in (None, "assistant"):
        return join_blocks(("answer", text) for text in _texts(item.get("content")))
    return []


def _texts(blocks: Any) -> list[str]:
    if blocks is None:
        return []
    if isinstance(blocks, str):
        return [blocks]
    if not isinstance(blocks, list):
        raise RowError(f"content of an item is {json_type(blocks)}, not an array")
    texts = []
    for block in blocks:
        text = (block.get("text") or block.get("refusal")) if isinstance(block, dict) else block
        if text is not None and not isinstance(text, str):
            raise RowError(f"text of an item is {json_type(text)}, not a string")
        texts.append(text or "")
    return texts


OPENAI_RESPONSES = Dialect(
    "openai-responses",
    "OpenAI, vLLM, LM Studio and others: responses of /v1/responses",
    parse,
    recognize=recognize,
    becomes={
        "output[].content": "text; reasoning (its content, else its summary) before the message",
        "input": "prompt, after instructions",
        "id": "id",
        "model": "model",
        "status": "meta.status",
    },
    source="platform.openai.com/docs/api-reference/responses/object; vllm/entrypoints/openai/responses/protocol.py",
    rank=20,
)
