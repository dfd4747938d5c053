"""What comes back from an annotation tool, before it is believed. Knows nothing about any one tool."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sgram.annotation.items import ShownItem, parse_json
from sgram.errors import InputError
from sgram.files import excerpt, read_whole

MARKS = ("⟦", "⟧")
"""Put around the phrase where a tool cannot highlight it."""
PLACEHOLDER = "phrase"
"""Label of the span that a tool highlights; it is no answer."""
MAX_BYTES = 256 << 20
"""Largest file that is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rater said of one item, as the tool tells it; what it does not tell is None."""

    place: str
    """Where it stands, for messages."""
    item: str
    label: str | None
    """None: no answer, or skipped."""
    rater: str | None
    text: str | None = None
    """The text that was shown."""
    span: tuple[int, int] | None = None
    """Where the phrase stood in it."""


def marked(shown: ShownItem) -> str:
    """The text with marks around the phrase."""
    text, (before, after) = shown.text, MARKS
    return f"{text[: shown.start]}{before}{shown.gram}{after}{text[shown.end :]}"


def read_all(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file (``-``: stdin; gzip and zstd are unpacked), without a byte order mark."""
    return read_whole(path, MAX_BYTES, "annotations are").removeprefix(b"\xef\xbb\xbf")


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    """Rows as JSONL, keys in their order."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def jsonl_rows(data: bytes, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of every line that is not blank."""
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            place = f"{name}:{number}"
            yield place, an_object(parse_json(line, place), place)


def an_object(value: Any, place: str) -> dict[str, Any]:
    """`value`, if it is a JSON object."""
    if type(value) is not dict:
        raise InputError(f"{place} is no JSON object, but {excerpt(json.dumps(value), 60)}")
    return value


def a_list(value: Any, what: str, place: str) -> list[Any]:
    """`value`, if it is a list; null counts as an empty one."""
    if value is not None and type(value) is not list:
        raise InputError(f"{place}: {what} must be a list, not {excerpt(json.dumps(value), 60)}")
    return value or []


def item_of(row: Mapping[str, Any], place: str) -> str:
    """The id that traveled with a row: its own key, or in ``meta`` or ``data``."""
    for home in (row, row.get("meta"), row.get("data")):
        if type(home) is dict and type(home.get("item")) is str and home["item"]:
            return home["item"]
    raise InputError(
        f'{place} has no "item", the id that the export gave it; take what the tool exports from the imported file'
    )


def text_of(row: Mapping[str, Any], place: str, key: str = "text") -> str | None:
    """A text of a row, None where it has none."""
    value = row.get(key)
    if value is not None and type(value) is not str:
        raise InputError(f"{place}: {key} must be a text, not {excerpt(json.dumps(value), 60)}")
    return value


def name_of(value: Any) -> str | None:
    """A rater as tools write them: a text or a number; None for anything else."""
    if type(value) is int:
        return str(value)
    return (value.strip() or None) if type(value) is str else None


def only_label(labels: list[Any], place: str) -> str | None:
    """The one label among `labels`, the placeholder passed over; None if there is none."""
    for label in labels:
        if type(label) is not str:
            raise InputError(f"{place}: a label must be a text, not {excerpt(json.dumps(label), 60)}")
    told = sorted(set(labels) - {PLACEHOLDER})
    if len(told) > 1:
        raise InputError(
            f"{place} has {len(told)} labels ({excerpt(', '.join(told), 120)}); keep the one that is meant"
        )
    return told[0] if told else None


def a_span(start: Any, end: Any) -> tuple[int, int] | None:
    """Offsets as a pair, None where they are not whole numbers."""
    return (start, end) if type(start) is int and type(end) is int else None
