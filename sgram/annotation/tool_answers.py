"""Answers of annotators as annotation tools export them, and helpers to parse these exports."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sgram.annotation.items import BlindedItem, parse_json
from sgram.errors import InputError
from sgram.files import excerpt
from sgram.safe_reading import read_bytes

MARKS = ("⟦", "⟧")
"""Marks around the phrase, for tools that cannot highlight it."""
PLACEHOLDER = "phrase"
"""Label of the span that a tool highlights; it is not an answer."""
RATER_COLUMNS = ("rater", "annotator", "coder", "completed_by", "username", "user")
"""Columns of tables that name the rater, the first of them that a table has."""
MAX_BYTES = 256 << 20
"""Size of the largest export file that is read."""


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """One rater's answer for one item, not yet checked; a field that the export lacks is None."""

    location: str
    """File and line (or row, or task), for error messages."""
    item: str
    label: str | None
    """None: not answered, or skipped."""
    rater: str | None
    text: str | None = None
    """The text that the tool showed."""
    span: tuple[int, int] | None = None
    """Character offsets of the phrase in `text`."""


def mark_phrase(item: BlindedItem) -> str:
    """Return the text of an item with marks around the phrase.

    >>> mark_phrase(BlindedItem("a1", "But wait, is it?", 4, 8))
    'But ⟦wait⟧, is it?'
    """
    before, after = MARKS
    return f"{item.text[: item.start]}{before}{item.gram}{after}{item.text[item.end :]}"


def read_export(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file without a byte order mark; ``-`` is stdin, gzip and zstd are decompressed."""
    return read_bytes(path, MAX_BYTES, "annotations").removeprefix(b"\xef\xbb\xbf")


def encode_jsonl(rows: list[dict[str, Any]]) -> bytes:
    """Encode rows as JSONL, keys in their order."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def parse_jsonl(content: bytes, file_name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (location, JSON object) of every line that is not blank.

    Raise `InputError` if a line is not a JSON object.

    >>> list(parse_jsonl(b'{"item": "a1"}\\n', "ratings.jsonl"))
    [('ratings.jsonl:1', {'item': 'a1'})]
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            location = f"{file_name}:{number}"
            yield location, require_object(parse_json(line, location), location)


def require_object(field: Any, location: str) -> dict[str, Any]:
    """Return `field`; raise `InputError` if it is not a JSON object."""
    if not isinstance(field, dict):
        raise InputError(f"{location} must be a JSON object (got {excerpt(json.dumps(field), 60)})")
    return field


def require_list(field: Any, name: str, location: str) -> list[Any]:
    """Return `field`, or an empty list if it is null; raise `InputError` if it is not a list."""
    if field is None:
        return []
    if not isinstance(field, list):
        raise InputError(f"{location}: {name} must be a list (got {excerpt(json.dumps(field), 60)})")
    return field


def get_item_id(row: Mapping[str, Any], location: str) -> str:
    """Return the item id of an exported row: its key ``item``, else that of its ``meta`` or ``data``.

    Raise `InputError` if the row has no item id.
    """
    for parent in (row, row.get("meta"), row.get("data")):
        if isinstance(parent, Mapping):
            item = parent.get("item")
            if isinstance(item, str) and item:
                return item
    raise InputError(
        f'{location}: missing "item", the id that sgram annotate export wrote; import the tool\'s export of that file'
    )


def get_text(row: Mapping[str, Any], location: str, key: str = "text") -> str | None:
    """Return a string of a row, None if it is missing or null; raise `InputError` if it is not a string."""
    text = row.get(key)
    if text is not None and not isinstance(text, str):
        raise InputError(f"{location}: {key} must be a string (got {excerpt(json.dumps(text), 60)})")
    return text


def parse_rater(field: Any) -> str | None:
    """Return a rater's name, which tools write as a string or an integer; None for anything else.

    >>> parse_rater(" ada "), parse_rater(3), parse_rater(None)
    ('ada', '3', None)
    """
    if type(field) is int:
        return str(field)
    return (field.strip() or None) if isinstance(field, str) else None


def require_single_label(labels: list[Any], location: str) -> str | None:
    """Return the only label apart from the placeholder; None if there is none.

    Raise `InputError` if there are several, or if one is not a string.

    >>> require_single_label(["phrase", "deduction"], "tasks.jsonl:1")
    'deduction'
    """
    for label in labels:
        if type(label) is not str:
            raise InputError(f"{location}: a label must be a string (got {excerpt(json.dumps(label), 60)})")
    answers = sorted(set(labels) - {PLACEHOLDER})
    if len(answers) > 1:
        raise InputError(
            f"{location} has {len(answers)} labels ({excerpt(', '.join(answers), 120)}); keep the intended one"
        )
    return answers[0] if answers else None


def parse_choice(field: Any, location: str) -> str | None:
    """Return the label in a column of Label Studio's CSV or JSON-MIN; None if the answer is empty.

    One choice is a text, several are ``{"choices": [...]}``, regions are a list of objects with ``labels``. Raise
    `InputError` if there are several labels.

    >>> parse_choice("deduction", "row 2"), parse_choice('[{"start": 4, "end": 8, "labels": ["other"]}]', "row 3")
    ('deduction', 'other')
    """
    if isinstance(field, str) and field.lstrip()[:1] in ("{", "["):
        field = parse_json(field.encode(), location)
    labels: list[Any] = []
    for answer in field if isinstance(field, list) else [field]:
        if isinstance(answer, dict):
            labels += require_list(answer.get("choices", answer.get("labels")), "the answer", location)
        elif answer not in (None, ""):
            labels.append(answer)
    return require_single_label(labels, location)


def parse_span(start: Any, end: Any) -> tuple[int, int] | None:
    """Return offsets as a pair, None if they are not integers."""
    return (start, end) if type(start) is int and type(end) is int else None
