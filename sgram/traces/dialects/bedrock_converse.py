"""Responses of Bedrock's Converse API: a message whose blocks have no type."""

from typing import Any

from sgram.traces.api_objects import check_success, empty_response, has_words, join_blocks, name_samples
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.parts import Piece
from sgram.traces.trace import RowError, json_type


def recognize(record: Record) -> bool:
    """Return whether the output is a message of the assistant."""
    output = record["output"]
    message = output.get("message") if isinstance(output, dict) else None
    return isinstance(message, dict) and message.get("role") == "assistant" and isinstance(message.get("content"), list)


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of the response."""
    check_success(record)
    blocks = [_block(block) for block in record["output"]["message"]["content"]]
    pieces = join_blocks(blocks)
    if not has_words(pieces):
        raise empty_response(record.get("stopReason"))
    columns = {name: value for name, value in record.items() if name != "output"}
    return name_samples([{"pieces": pieces}], None, None, columns)


def _block(block: Any) -> Piece:
    if not isinstance(block, dict):
        raise RowError(f"a block of the content is {json_type(block)}, not an object")
    reasoning = block.get("reasoningContent")
    if isinstance(reasoning, dict):
        block_text = reasoning.get("reasoningText")
        text = block_text.get("text") if isinstance(block_text, dict) else ""
        return ("reasoning", text if isinstance(text, str) else "")
    text = block.get("text")
    return ("answer", text) if isinstance(text, str) else ("tool", "")


BEDROCK_CONVERSE = Dialect(
    "bedrock-converse",
    "Amazon Bedrock: responses of Converse",
    parse,
    columns=(frozenset({"output", "stopReason"}), frozenset({"output", "usage", "metrics"})),
    recognize=recognize,
    becomes={"output.message.content": "text, reasoningContent before the text", "stopReason": "meta.stopReason"},
    source="docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
    rank=20,
)
