"""Ratings in and out: who gave which item which label. Knows nothing about what was judged or what labels mean.

Three forms are read, plain, gzip or zstd, and told apart by their content:

* JSONL, one rating a line: ``{"item": ..., "rater": ..., "label": ...}``;
* JSONL, one item a line: ``{"item": ..., "labels": {rater: label}}``, where ``id``, or ``doc_id``, ``start`` and
  ``end`` together, may stand for ``item``;
* CSV (or ; or tab) with a header that names item, rater and label.

Other keys and columns are passed over. A label that is null or empty is a rating not given: an absent row.
"""

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from sgram.errors import InputError, UsageError
from sgram.files import InputStream, Line, excerpt, iter_lines, open_input, write_bytes

_COLUMNS = ("item", "rater", "label")
_FORMS = (
    'a row is {"item", "rater", "label"}, or {"item", "labels": {rater: label}}, or a CSV line under the header '
    "item,rater,label"
)


@dataclass(frozen=True, slots=True, order=True)
class Rating:
    """One rater's label of one item; a rating that was not given is an absent row."""

    item: str
    """Id of what was judged."""
    rater: str
    label: str


@dataclass(frozen=True, slots=True)
class RatingsRead:
    """The ratings of some files, sorted, each (item, rater) once; and what was passed over."""

    ratings: tuple[Rating, ...]
    n_repeated: int
    """Rows that gave an (item, rater) the same label again."""
    first_repeated: str
    """The first of them, as a sentence; "" where there is none."""
    n_blank: int
    """Ratings whose label was null or empty."""


def read_ratings(paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str]) -> list[Rating]:
    """The ratings in the files `paths` (``-``: stdin), sorted; `load_ratings` also tells what was passed over."""
    return list(load_ratings(paths).ratings)


def load_ratings(paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str]) -> RatingsRead:
    """The ratings in the files `paths` (``-``: stdin), whatever their order, and what was passed over.

    `InputError`, with file and line, for a row that is no rating, for a rater who gives one item two labels, and
    where there is no rating at all.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    homes: dict[tuple[str, str], tuple[str, str, int]] = {}
    n_repeated, first_repeated, n_blank = 0, "", 0
    for path in paths:
        with open_input(path) as stream:
            for number, item, rater, label in _rows(stream):
                if label is None:
                    n_blank += 1
                    continue
                known = homes.get((item, rater))
                if known is None:
                    homes[item, rater] = (label, stream.name, number)
                    continue
                where = _said_twice(item, rater, label, known, f"{stream.name}:{number}")
                n_repeated, first_repeated = n_repeated + 1, first_repeated or where
    if not homes:
        names = ", ".join("stdin" if os.fspath(path) == "-" else excerpt(path) for path in paths[:3])
        blank = f" (all {n_blank} labels are empty)" if n_blank else ""
        raise InputError(f"no ratings in {names or 'no files'}{blank}; {_FORMS}")
    ratings = sorted(Rating(item, rater, found[0]) for (item, rater), found in homes.items())
    return RatingsRead(tuple(ratings), n_repeated, first_repeated, n_blank)


def _said_twice(item: str, rater: str, label: str, known: tuple[str, str, int], place: str) -> str:
    """The sentence on a rating that is there twice; `InputError` where the two contradict each other."""
    first = f"{known[1]}:{known[2]}"
    who = f"rater '{excerpt(rater, 60)}' judges item '{excerpt(item, 80)}'"
    if known[0] != label:
        raise InputError(
            f"{first} and {place}: {who} as '{excerpt(known[0], 60)}' and as '{excerpt(label, 60)}'; "
            "keep the one that is meant"
        )
    return f"{first} and {place}: {who} twice, as '{excerpt(label, 60)}'"


def write_ratings(path: str | os.PathLike[str], ratings: Iterable[Rating]) -> None:
    """Write `ratings` as JSONL, sorted, one a line, whole or not at all; ``-`` is stdout.

    `read_ratings` gives them back as they were. Equal ratings in any order give equal bytes.
    """
    if os.fspath(path).lower().endswith((".csv", ".gz", ".zst", ".parquet")):
        raise UsageError(f"{excerpt(path)}: ratings are written as plain JSONL; end the name in .jsonl")
    rows = [{"item": each.item, "label": each.label, "rater": each.rater} for each in sorted(set(ratings))]
    data = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    if os.fspath(path) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_bytes(path, data)


# -- rows -----------------------------------------------------------------------------------------------

_Row = tuple[int, str, str, str | None]


def _rows(stream: InputStream) -> Iterator[_Row]:
    """(line, item, rater, label or None) of every rating in `stream`."""
    lines = _sound(stream)
    first = next((line for line in lines if line.data.strip()), None)
    if first is None:
        return
    head = first.data.lstrip()[:1]
    if head == b"[":
        raise InputError(
            f"{stream.name} is one JSON array, as Label Studio exports; sgram annotate import makes ratings of it"
        )
    rest = chain([first], lines)
    yield from _json_rows(rest, stream.name) if head == b"{" else _csv_rows(rest, stream.name)


def _sound(stream: InputStream) -> Iterator[Line]:
    for line in iter_lines(stream):
        if line.fault:
            raise InputError(f"{stream.name}:{line.number}: {line.fault}")
        yield line


def _json_rows(lines: Iterable[Line], name: str) -> Iterator[_Row]:
    for line in lines:
        if not line.data.strip():
            continue
        place = f"{name}:{line.number}"
        try:
            record = orjson.loads(line.data)
        except orjson.JSONDecodeError as error:
            raise InputError(f"{place} is not valid JSON ({excerpt(str(error))}); {_FORMS}") from None
        if type(record) is not dict:
            raise InputError(f"{place} is no object; {_FORMS}")
        for item, rater, label in _ratings_of(record, place):
            yield line.number, item, rater, label


def _ratings_of(record: dict[str, Any], place: str) -> Iterator[tuple[str, str, str | None]]:
    if "format" in record and "item" not in record:
        shown = excerpt(str(record["format"]), 40)
        hint = "; give it with --items" if shown == "sgram-annotation" else ""
        raise InputError(f"{place} is the header of a file of the format '{shown}', not of ratings{hint}")
    item = _item(record, place)
    if "labels" in record and "label" in record:
        raise InputError(f"{place} has both label and labels; keep one of them")
    if "labels" not in record:
        if missing := [name for name in _COLUMNS if name not in record]:
            raise InputError(f"{place} has no {' and no '.join(missing)}; {_FORMS}")
        yield item, *_given(record["rater"], record["label"], place)
        return
    if type(record["labels"]) is not dict:
        raise InputError(f"{place}: labels must be an object {{rater: label}}, not {_shown(record['labels'])}")
    for rater, label in record["labels"].items():
        yield item, *_given(rater, label, place)


def _item(record: dict[str, Any], place: str) -> str:
    for name in ("item", "id"):
        if name in record:
            return _text(record[name], name, place)
    if all(name in record for name in ("doc_id", "start", "end")):
        return "{}:{}-{}".format(*(_text(record[name], name, place) for name in ("doc_id", "start", "end")))
    raise InputError(f"{place} names no item; {_FORMS}")


def _csv_rows(lines: Iterable[Line], name: str) -> Iterator[_Row]:
    starts: list[int] = []  # number of each line handed to the reader
    texts = _decoded(lines, name, starts)
    header = next(texts)
    delimiter = next((mark for mark in ",;\t" if set(_COLUMNS) <= set(_cells(header, mark))), None)
    if delimiter is None:
        raise InputError(
            f"{name}:{starts[0]}: the header '{excerpt(header.strip(), 80)}' does not name item, rater and label; "
            f"{_FORMS}"
        )
    columns = _cells(header, delimiter)
    places = [columns.index(column) for column in _COLUMNS]
    reader, before = csv.reader(texts, delimiter=delimiter, strict=True), 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InputError(f"{name}:{starts[min(before, len(starts) - 1)]} is not valid CSV: {error}") from None
        if cells is None:
            return
        number = starts[before]
        before = len(starts)
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise InputError(
                f"{name}:{number} has {len(cells)} cells, the header {len(columns)}; put quotes around a cell "
                f"that holds {'a tab' if delimiter == chr(9) else delimiter}"
            )
        item, rater, label = (cells[at] for at in places)
        place = f"{name}:{number}"
        yield number, _text(item, "item", place), *_given(rater, label, place)


def _decoded(lines: Iterable[Line], name: str, starts: list[int]) -> Iterator[str]:
    for line in lines:
        starts.append(line.number)
        try:
            yield line.data.decode() + "\n"
        except UnicodeDecodeError:
            raise InputError(f"{name}:{line.number} is not UTF-8; save the table as UTF-8") from None


def _cells(header: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip().lower() for cell in next(csv.reader([header], delimiter=delimiter))]
    except csv.Error:
        return []


def _text(value: Any, name: str, place: str) -> str:
    """An item's or a rater's name; whole numbers are names too."""
    text = str(value) if type(value) is int else value
    if type(text) is not str or not text.strip():
        raise InputError(f"{place}: {name} must be a text that is not empty, not {_shown(value)}")
    return text


def _given(rater: Any, label: Any, place: str) -> tuple[str, str | None]:
    """Rater and label; a label that is null or empty is None, and then the rater may be missing too."""
    if label is None or (type(label) is str and not label.strip()):
        return "", None
    return _text(rater, "rater", place), _text(label, "label", place)


def _shown(value: Any) -> str:
    return excerpt(json.dumps(value), 60)
