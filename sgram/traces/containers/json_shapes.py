"""Shapes of JSON that hold several rows: arrays, wrappers, tables, objects of lists and of objects.

A shape is opened only if no other reading is likely: a record with one list of responses, or with lists of messages,
stays one record, because its dialect knows what belongs together.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from sgram.traces.aliases import ALIASES, CONVERSATIONS, plain_name
from sgram.traces.dialect import all_dialects
from sgram.traces.rows import DOCUMENT_KEY, ROW_KEY

_PROMPTS = frozenset(ALIASES["prompt"])
_TEXTS = frozenset(ALIASES["text"])
_RESPONSES = _TEXTS | frozenset(ALIASES["reasoning"]) | frozenset({"solution", "answer"})
_CONVERSATIONS = frozenset(CONVERSATIONS)
_GENERATIONS = frozenset(
    {"responses", "outputs", "completions", "generations", "predictions", "samples", "candidates", "answers", "texts"}
)
"""Names of lists of several responses to one prompt."""
WRAPPER_KEYS = (
    *("data", "rows", "request_states", "results", "records", "items", "examples", "instances", "entries", "questions"),
    *("problems", "train", "validation", "test"),
)
"""Keys under which a document holds its rows. Under other keys, only objects that look like rollouts are rows."""
_LINE_WRAPPER_KEYS = ("data", "rows")
"""Keys under which a line among others may hold rows, as an answer of a server does."""
_NOT_KEPT = frozenset({"columns", "index", "schema", "features", "partial", "num_rows_total", "num_rows_per_page"})
"""Fields of a document that describe its rows, and are no values of theirs."""
_MAX_DOCUMENT_FIELD = 4096
_GENERAL_RANK = 50
"""Rank from which dialects go by the names of columns, whatever the tool."""
_CHECKED = 100
"""Elements of a list that are looked at to see what it holds."""


class Element(NamedTuple):
    """One row of a shape, or why there is none."""

    record: Any
    fault: str = ""


def is_messages(value: Any) -> bool:
    """Return whether `value` is a list of messages: objects with a role and a content.

    >>> is_messages([{"role": "user", "content": "2+2?"}]), is_messages([{"from": "gpt", "value": "4"}])
    (True, True)
    """
    if type(value) is not list or not value:
        return False
    return all(
        type(message) is dict
        and (("role" in message and len(message) > 1) or ("from" in message and "value" in message))
        for message in value[:_CHECKED]
    )


def open_line(value: Any) -> list[Element] | None:
    """Return the rows of a value that stands on a line of its own, or is an element of an array.

    Opened are tables, objects of equally long lists, arrays of objects, and what a server answers under ``data`` or
    ``rows``. None: the value is one record.

    >>> [element.record for element in open_line({"prompt": ["2+2?", "3+3?"], "completion": ["4", "6"]})]
    [{'prompt': '2+2?', 'completion': '4'}, {'prompt': '3+3?', 'completion': '6'}]
    >>> open_line({"prompt": "2+2?", "completion": ["4", "5"]}) is None
    True
    """
    if type(value) is dict:
        n_lists = 0
        for child in value.values():
            n_lists += type(child) is list
        if not n_lists:
            return None
        opened = _open_table(value) or _open_columns(value) if n_lists > 1 else None
        if opened is None and any(key in value for key in _LINE_WRAPPER_KEYS) and not is_record(value):
            return _open_wrapper(value, _LINE_WRAPPER_KEYS)
        return opened
    if type(value) is not list or not value:
        return None
    if is_conversation(value):
        return [Element({"messages": value})]
    if all(type(element) is dict or is_messages(element) for element in value):
        return [Element({"messages": element} if type(element) is list else element) for element in value]
    return None


def open_document(value: Any) -> list[Element] | None:
    """Return the rows of a value that is all that a file holds; None if it is one record.

    Opened are what `open_line` opens, wrappers such as ``{"data": [...]}``, and objects of objects.

    >>> open_document({"model": "m", "data": [{"text": "so"}]})[0].record
    {'text': 'so', '__document__': {'model': 'm'}}
    >>> [element.record for element in open_document({"0": {"prediction": "4"}, "1": {"prediction": "6"}})]
    [{'prediction': '4'}, {'prediction': '6'}]
    """
    if type(value) is list and not is_conversation(value):
        return [_as_element(element) for element in value]
    opened = open_line(value)
    if opened is not None or type(value) is not dict or is_record(value):
        return opened
    return _open_wrapper(value, WRAPPER_KEYS) or _open_wrapped_columns(value) or _open_objects(value)


def _as_element(value: Any) -> Element:
    return Element({"messages": value} if is_conversation(value) else value)


def is_conversation(value: Any) -> bool:
    """Return whether `value` is a list of messages that belong together, and not of responses of an API.

    >>> is_conversation([{"role": "assistant", "content": "4", "stop_reason": "end_turn"}])
    False
    """
    if not is_messages(value):
        return False
    first = value[:_CHECKED]
    return any(message.get("role") != "assistant" for message in first) or not any(map(is_record, first))


def is_record(document: Mapping[str, Any]) -> bool:
    """Return whether the dialect of a tool reads an object as it stands, so that nothing in it is opened."""
    return any(dialect.fits(document) for dialect in all_dialects().values() if dialect.rank < _GENERAL_RANK)


def _has_prompt(document: Mapping[str, Any]) -> bool:
    """Return whether an object has a prompt or messages, to which lists in it belong."""
    for name, value in document.items():
        plain = plain_name(name)
        if (plain in _PROMPTS and _is_text(value)) or (plain in _CONVERSATIONS and value):
            return True
    return False


def _is_text(value: Any) -> bool:
    return (type(value) is str and bool(value)) or is_messages(value)


def looks_like_rollout(record: Any) -> bool:
    """Return whether a record has a prompt and a response by the names of its columns, or messages.

    >>> looks_like_rollout({"question": "2+2?", "prediction": "4"}), looks_like_rollout({"lr": 0.1})
    (True, False)
    """
    if type(record) is not dict:
        return False
    names = {plain_name(name) for name in record}
    if any(is_messages(record[name]) for name in record if plain_name(name) in _CONVERSATIONS):
        return True
    if type(record.get("choices")) is list and bool(record["choices"]):
        return True
    if {"doc", "resps"} <= names or ({"request", "result"} <= names and "instance" in names):
        return True
    if type(record.get("request")) is dict and type(record.get("response")) is dict:
        return True
    return bool(names & _PROMPTS) and bool(names & _RESPONSES)


# -- tables -------------------------------------------------------------------------------------------------------


def _open_table(value: Mapping[str, Any]) -> list[Element] | None:
    """Return the rows of ``{"columns": [names], "data": [[cells], ...]}``, as W&B and pandas (split) write it."""
    columns, data = value.get("columns"), value.get("data")
    if type(columns) is not list or type(data) is not list or not columns:
        return None
    if not all(type(name) is str for name in columns) or len(set(columns)) != len(columns):
        return None
    if not data or not all(type(cells) is list for cells in data):
        return None
    return [
        Element(dict(zip(columns, cells, strict=True)))
        if len(cells) == len(columns)
        else Element(None, f"the row has {len(cells)} cells, the table {len(columns)} columns")
        for cells in data
    ]


def _open_columns(value: Mapping[str, Any]) -> list[Element] | None:
    """Return the rows of an object of equally long lists, such as ``{"prompt": [...], "completion": [...]}``.

    Numbers, strings and booleans beside the lists belong to each row if prompts and responses are both lists.
    """
    lists = {name: column for name, column in value.items() if type(column) is list}
    lengths = {len(column) for column in lists.values()}
    if len(lists) < 2 or len(lengths) != 1 or 0 in lengths or any(is_messages(column) for column in lists.values()):
        return None
    names = {plain_name(name) for name, column in lists.items() if _is_text_column(column)}
    texts = {name for name in names if not name.startswith("token")}
    has_prompts = bool(texts & _PROMPTS)
    if len(lists) < len(value):
        scalars_only = all(type(column) is not dict for column in value.values())
        if not (scalars_only and has_prompts and texts & _TEXTS - _PROMPTS):
            return None
    elif not texts or (not has_prompts and texts & _TEXTS <= _GENERATIONS and texts & _GENERATIONS):
        return None
    (length,) = lengths
    return [
        Element({name: column[row] if name in lists else column for name, column in value.items()})
        for row in range(length)
    ]


def _is_text_column(column: list[Any]) -> bool:
    """Return whether a list holds texts, or the messages of one conversation each; some may be missing."""
    values = [cell for cell in column[:_CHECKED] if cell is not None]
    return bool(values) and (all(type(cell) is str for cell in values) or all(is_messages(cell) for cell in values))


# -- documents ----------------------------------------------------------------------------------------------------


def _open_pages(document: Mapping[str, Any]) -> list[Element] | None:
    """Return the rows of ``{"rows": [{"row": {...}}]}``, as the datasets server of the hub answers."""
    rows = document.get("rows")
    if type(rows) is not list or not rows:
        return None
    if not all(type(row) is dict and type(row.get("row")) is dict for row in rows):
        return None
    return [
        Element(None, f"the server cut cells short: {', '.join(map(str, cut))}")
        if (cut := row.get("truncated_cells"))
        else Element(row["row"])
        for row in rows
    ]


def _open_wrapper(document: Mapping[str, Any], keys: Sequence[str]) -> list[Element] | None:
    """Return the rows of an object that holds one list of objects beside fields that describe them all."""
    pages = _open_pages(document)
    if pages is not None:
        return pages
    lists = {name: value for name, value in document.items() if _is_list_of_objects(value)}
    of_rollouts = [name for name, value in lists.items() if all(map(looks_like_rollout, value[:_CHECKED]))]
    names = [name for name in lists if name in keys and (name in of_rollouts or not _has_prompt(document))]
    if not names and keys is WRAPPER_KEYS:
        names = of_rollouts
    if len(names) != 1:
        return None
    (key,) = names
    shared = document_fields({name: value for name, value in document.items() if name != key})
    return [Element(with_document(record, shared)) for record in lists[key]]


def _is_list_of_objects(value: Any) -> bool:
    return type(value) is list and bool(value) and all(type(element) is dict for element in value)


def _open_wrapped_columns(document: Mapping[str, Any]) -> list[Element] | None:
    """Return the rows of an object of lists or of objects that lies under a wrapper's key."""
    names = [name for name in WRAPPER_KEYS if type(document.get(name)) is dict]
    if len(names) != 1:
        return None
    (key,) = names
    rows = _open_columns(document[key]) or _open_objects(document[key])
    if rows is None:
        return None
    shared = document_fields({name: value for name, value in document.items() if name != key})
    return [Element(with_document(row.record, shared), row.fault) for row in rows]


def document_fields(others: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a wrapper's `others` fields that its records carry under `DOCUMENT_KEY`."""
    return {name: value for name, value in others.items() if name not in _NOT_KEPT and _is_small(value)}


def with_document(record: Any, shared: Mapping[str, Any]) -> Any:
    """Return `record` with the fields that it shares with all records of its wrapper, if there are any."""
    return {**record, DOCUMENT_KEY: shared} if shared and type(record) is dict else record


def _is_small(value: Any) -> bool:
    if value is None or type(value) is list:
        return False
    if type(value) is str:
        return len(value) <= _MAX_DOCUMENT_FIELD
    if type(value) is not dict:
        return True
    try:
        return len(orjson.dumps(value)) <= _MAX_DOCUMENT_FIELD
    except orjson.JSONEncodeError:
        return False


def _open_objects(value: Mapping[str, Any]) -> list[Element] | None:
    """Return the rows of an object of objects: by the number or name of the row, or by the name of the column."""
    children = list(value.values())
    if not children or not all(type(child) is dict and child for child in children):
        return None
    if all(name.isdecimal() for name in value):
        return [Element(child) for child in children]
    rows = list(children[0])
    if len(children) > 1 and all(name.isdecimal() for name in rows) and all(list(child) == rows for child in children):
        return [Element({name: column[row] for name, column in value.items()}) for row in rows]
    if len(children) > 1 and all(map(looks_like_rollout, children[:_CHECKED])):
        return [Element({**child, ROW_KEY: name}) for name, child in value.items()]
    return None
