"""Conversations in a column `conversations` or `conversation`: ShareGPT's from/value, or role/content.

Roles and their names are told by `sgram.traces.messages`, as for a column `messages`.
"""

from sgram.traces.aliases import CONVERSATIONS, is_alias
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.messages import read_conversation
from sgram.traces.trace import FailedRowError, RowError

_NAMES = tuple(name for name in CONVERSATIONS if name != "messages")


def find_conversation(record: Record) -> str | None:
    """Return the column that holds a conversation, as an array of messages or as JSON in a string.

    >>> find_conversation({"conversations": [{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}]})
    'conversations'
    """
    for name in _NAMES:
        value = record.get(name)
        if isinstance(value, list) and all(isinstance(message, dict) for message in value):
            return name
        if isinstance(value, str) and value.lstrip().startswith("["):
            return name
    items = record.get("items")
    if not isinstance(items, list) or not items:
        return None
    return "items" if all(isinstance(item, dict) and "from" in item for item in items) else None


def recognize(record: Record) -> bool:
    """Return whether a column holds a conversation; an unanswered one is a prompt if the reply stands beside it."""
    name = find_conversation(record)
    if name is None or not any(is_alias(column, "text") for column, value in record.items() if value):
        return name is not None
    try:
        conversation = read_conversation(record[name])
    except RowError:
        return False
    return not (conversation.failed or conversation.is_unanswered)


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of the model's words in a conversation."""
    name = find_conversation(record)
    conversation = read_conversation(None if name is None else record[name])
    if conversation.failed:
        raise FailedRowError(conversation.failure)
    fields: Fields = {
        "pieces": list(conversation.pieces),
        "columns": {column: value for column, value in record.items() if column != name},
    }
    if conversation.prompt is not None:
        fields["prompt"] = conversation.prompt
    if conversation.tool_calls:
        fields["meta"] = {"tool_calls": list(conversation.tool_calls)}
    return [fields]


SHAREGPT = Dialect(
    "sharegpt",
    "ShareGPT, Axolotl, LLaMA-Factory, Unsloth, OpenThoughts: conversations",
    parse,
    recognize=recognize,
    becomes=dict.fromkeys((*_NAMES, "items"), "prompt and text"),
    source="docs.axolotl.ai/docs/dataset-formats/conversation.html; LLaMA-Factory, data/README.md",
    rank=80,
)
