"""Read and write ratings: one rater's label of one item.

Three layouts are read, plain or compressed with gzip or zstd, and detected by content:

* JSONL, one rating per line: ``{"item": ..., "rater": ..., "label": ...}``;
* JSONL, one item per line: ``{"item": ..., "labels": {rater: label}}``; instead of ``item``, the line may have ``id``,
  or ``doc_id``, ``start`` and ``end``;
* CSV (comma, semicolon or tab) with a header that names item, rater and label. The rater's column may have another
  name of `RATER_COLUMNS`, such as ``annotator`` in Label Studio's CSV.

Other keys and columns are ignored. A null or empty label means that there is no rating. A file of one rater need not
name the rater, if the caller does, or if it is one of several files (then the rater is the file's name).
"""

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from sgram.annotation.rater_names import check_one_rater, check_unnamed, name_file_raters, require_rater
from sgram.annotation.tool_answers import RATER_COLUMNS
from sgram.errors import InputError, UsageError
from sgram.files import excerpt, write_bytes
from sgram.safe_reading import InputStream, Line, iter_lines, open_input
from sgram.urls import printable_name

_LAYOUTS = (
    'a row must be {"item", "rater", "label"}, or {"item", "labels": {rater: label}}, or a CSV line under the header '
    "item,rater,label"
)


@dataclass(frozen=True, slots=True, order=True)
class Rating:
    """One rater's label of one item; a missing rating is an absent row."""

    item: str
    """Id of the rated item."""
    rater: str
    label: str


@dataclass(frozen=True, slots=True)
class LoadedRatings:
    """Ratings of some files, sorted, one per (item, rater), and counts of ignored rows."""

    ratings: tuple[Rating, ...]
    n_repeated: int
    """Rows that repeat a rating with the same label."""
    first_repeated: str
    """Description of the first repeated row; "" if there is none."""
    n_blank: int
    """Ratings whose label is null or empty."""
    file_raters: tuple[tuple[str, str], ...] = ()
    """(file, rater) of the files that name no rater themselves, in their order."""


def read_ratings(paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str]) -> list[Rating]:
    """Return the ratings in the files `paths` (``-``: stdin), sorted.

    Raise `InputError` as `load_ratings`, which also counts ignored rows.
    """
    return list(load_ratings(paths).ratings)


def load_ratings(
    paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str], names: Mapping[str, str] | None = None
) -> LoadedRatings:
    """Load the ratings in the files `paths` (``-``: stdin); the order of files and rows does not matter.

    `names` are the raters of files of one rater, by path; they replace the name that the file has for its rater. Raise
    `InputError`, with file and line, if a row is invalid, if a rater gives an item two labels, if a file in `names` has
    ratings of several raters, or if there is no rating at all.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    names = names or {}
    default_raters = name_file_raters(paths, names)
    first_rows: dict[tuple[str, str], tuple[str, str]] = {}  # (item, rater) -> (label, location)
    n_repeated, first_repeated, n_blank = 0, "", 0
    file_raters: dict[str, str] = {}
    for path in paths:
        name = names.get(os.fspath(path))
        file_names: set[str] = set()  # raters that the file names itself
        unnamed_rows: dict[str, str] = {}  # item -> location
        with open_input(path) as stream:
            for number, item, own_rater, label in _read_rows(stream, len(paths) > 1 or name is not None):
                if label is None:
                    n_blank += 1
                    continue
                location = f"{stream.name}:{number}"
                if own_rater is None:
                    rater = require_rater(default_raters[os.fspath(path)], path, location)
                    check_unnamed(item, unnamed_rows.setdefault(item, location), location)
                    file_raters[stream.name] = rater
                else:
                    file_names.add(own_rater)
                    rater = name or own_rater
                    if name is not None:
                        check_one_rater(name, file_names, stream.name)
                first_row = first_rows.get((item, rater))
                if first_row is None:
                    first_rows[item, rater] = (label, location)
                    continue
                repetition = _describe_repetition(item, rater, label, first_row, location)
                n_repeated, first_repeated = n_repeated + 1, first_repeated or repetition
    if not first_rows:
        file_list = ", ".join(map(printable_name, paths[:3]))
        blank = f" (all {n_blank} labels are empty)" if n_blank else ""
        raise InputError(f"no ratings in {file_list or 'no files'}{blank}; {_LAYOUTS}")
    ratings = sorted(Rating(item, rater, label) for (item, rater), (label, _) in first_rows.items())
    return LoadedRatings(tuple(ratings), n_repeated, first_repeated, n_blank, tuple(file_raters.items()))


def _describe_repetition(item: str, rater: str, label: str, first_row: tuple[str, str], location: str) -> str:
    """Describe a rating that occurs twice; raise `InputError` if the two labels differ."""
    first_label, first_location = first_row
    subject = f"{first_location} and {location}: rater '{excerpt(rater, 60)}' labels item '{excerpt(item, 80)}'"
    if first_label != label:
        raise InputError(
            f"{subject} as '{excerpt(first_label, 60)}' and as '{excerpt(label, 60)}'; keep the intended one"
        )
    return f"{subject} twice, as '{excerpt(label, 60)}'"


def write_ratings(path: str | os.PathLike[str], ratings: Iterable[Rating]) -> None:
    """Write `ratings` as sorted JSONL, atomically; ``-`` is stdout.

    Equal ratings in any order give equal bytes, and `read_ratings` returns them unchanged. Raise `UsageError` if the
    file name promises another format.
    """
    rows = [{"item": rating.item, "label": rating.label, "rater": rating.rater} for rating in sorted(set(ratings))]
    write_rating_rows(path, rows)


def write_rating_rows(path: str | os.PathLike[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows with item, label, rater and more as JSONL, atomically; ``-`` is stdout.

    Raise `UsageError` if the file name promises another format.
    """
    if os.fspath(path).lower().endswith((".csv", ".gz", ".zst", ".parquet")):
        raise UsageError(f"{excerpt(path)}: ratings are written as plain JSONL; use a file name that ends in .jsonl")
    content = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    if os.fspath(path) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write_bytes(path, content)


# -- rows -----------------------------------------------------------------------------------------------

_Row = tuple[int, str, str | None, str | None]
"""(line number, item, rater or None, label or None)."""


def _read_rows(stream: InputStream, may_lack_rater: bool) -> Iterator[_Row]:
    """Yield every rating in `stream`; raise `InputError` for one without a rater, unless `may_lack_rater`."""
    lines = _read_lines(stream)
    first_line = next((line for line in lines if line.data.strip()), None)
    if first_line is None:
        return
    first_byte = first_line.data.lstrip()[:1]
    if first_byte == b"[":
        raise InputError(
            f"{stream.name} is a JSON array, as Label Studio exports; convert it to ratings with sgram annotate import"
        )
    all_lines = chain([first_line], lines)
    parse = _read_json_rows if first_byte == b"{" else _read_csv_rows
    yield from parse(all_lines, stream.name, may_lack_rater)


def _read_lines(stream: InputStream) -> Iterator[Line]:
    for line in iter_lines(stream):
        if line.fault:
            raise InputError(f"{stream.name}:{line.number}: {line.fault}")
        yield line


def _read_json_rows(lines: Iterable[Line], file_name: str, may_lack_rater: bool) -> Iterator[_Row]:
    for line in lines:
        if not line.data.strip():
            continue
        location = f"{file_name}:{line.number}"
        try:
            record = orjson.loads(line.data)
        except orjson.JSONDecodeError as error:
            raise InputError(f"{location} is not valid JSON ({excerpt(str(error))}); {_LAYOUTS}") from None
        if not isinstance(record, dict):
            raise InputError(f"{location} is not a JSON object; {_LAYOUTS}")
        for item, rater, label in _parse_record(record, location, may_lack_rater):
            yield line.number, item, rater, label


def _parse_record(
    record: dict[str, Any], location: str, may_lack_rater: bool
) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield (item, rater or None, label or None) of every rating in a JSON object."""
    if "format" in record and "item" not in record:
        format_name = excerpt(str(record["format"]), 40)
        hint = "; give it with --items" if format_name == "sgram-annotation" else ""
        raise InputError(f"{location} is the header of a file of the format '{format_name}', not of ratings{hint}")
    item = parse_item(record, location)
    if "labels" in record and "label" in record:
        raise InputError(f"{location} has both label and labels; keep one of them")
    if "labels" not in record:
        required = ("label",) if may_lack_rater else ("rater", "label")
        if missing := [name for name in required if name not in record]:
            raise InputError(f"{location}: missing {' and '.join(missing)}; {_LAYOUTS}")
        yield item, *_parse_rating(record.get("rater"), record["label"], location, may_lack_rater)
        return
    labels = record["labels"]
    if not isinstance(labels, dict):
        raise InputError(f"{location}: labels must be an object {{rater: label}} (got {_excerpt_json(labels)})")
    for rater, label in labels.items():
        yield item, *_parse_rating(rater, label, location, False)


def parse_item(record: Mapping[str, Any], location: str) -> str:
    """Return the item of a row: its ``item``, else document (``doc_id`` or ``id``) and offsets, else its ``id``.

    Raise `InputError` if the row has none of them.

    >>> parse_item({"id": "t7", "start": 0, "end": 9}, "row 1"), parse_item({"id": "t7"}, "row 1")
    ('t7:0-9', 't7')
    """
    if "item" in record:
        return _parse_name(record["item"], "item", location)
    document = next((name for name in ("doc_id", "id") if name in record), None)
    if document and "start" in record and "end" in record:
        return "{}:{}-{}".format(*(_parse_name(record[name], name, location) for name in (document, "start", "end")))
    if "id" in record:
        return _parse_name(record["id"], "id", location)
    raise InputError(f"{location}: missing item; {_LAYOUTS}")


def _read_csv_rows(lines: Iterable[Line], file_name: str, may_lack_rater: bool) -> Iterator[_Row]:
    line_numbers: list[int] = []  # of the lines passed to the CSV reader so far
    texts = _decode_lines(lines, file_name, line_numbers)
    header = next(texts)
    delimiter = max(",;\t", key=lambda mark: len(_split_header(header, mark)))
    columns = _split_header(header, delimiter)
    rater_column = next((columns.index(column) for column in RATER_COLUMNS if column in columns), None)
    if not {"item", "label"} <= set(columns) or (rater_column is None and not may_lack_rater):
        raise InputError(
            f"{file_name}:{line_numbers[0]}: the header '{excerpt(header.strip(), 80)}' does not name item, rater and "
            f"label; {_LAYOUTS}"
        )
    item_column, label_column = columns.index("item"), columns.index("label")
    reader, n_lines_before = csv.reader(texts, delimiter=delimiter, strict=True), 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            number = line_numbers[min(n_lines_before, len(line_numbers) - 1)]
            raise InputError(f"{file_name}:{number} is not valid CSV: {error}") from None
        if cells is None:
            return
        number = line_numbers[n_lines_before]
        n_lines_before = len(line_numbers)
        if not any(cell.strip() for cell in cells):
            continue
        location = f"{file_name}:{number}"
        if len(cells) != len(columns):
            raise InputError(
                f"{location} has {len(cells)} cells, the header has {len(columns)}; put quotes around a cell that "
                f"contains {'a tab' if delimiter == chr(9) else delimiter}"
            )
        item = _parse_name(cells[item_column], "item", location)
        rater = None if rater_column is None else cells[rater_column]
        yield number, item, *_parse_rating(rater, cells[label_column], location, rater_column is None)


def _decode_lines(lines: Iterable[Line], file_name: str, line_numbers: list[int]) -> Iterator[str]:
    """Yield each line as text, and append its number to `line_numbers`."""
    for line in lines:
        line_numbers.append(line.number)
        try:
            yield line.data.decode() + "\n"
        except UnicodeDecodeError:
            raise InputError(f"{file_name}:{line.number} is not UTF-8; save the table as UTF-8") from None


def _split_header(header: str, delimiter: str) -> list[str]:
    try:
        return [cell.lstrip("\ufeff").strip(' "').lower() for cell in next(csv.reader([header], delimiter=delimiter))]
    except csv.Error:
        return []


def _parse_name(field: Any, name: str, location: str) -> str:
    """Return the name of an item, rater or label; integers are accepted."""
    text = str(field) if type(field) is int else field
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{location}: {name} must be a non-empty string (got {_excerpt_json(field)})")
    return text


def _parse_rating(rater: Any, label: Any, location: str, may_lack_rater: bool) -> tuple[str | None, str | None]:
    """Return (rater, label); (None, None) if the label is null or empty, whatever the rater."""
    if label is None or (type(label) is str and not label.strip()):
        return None, None
    if rater is None and may_lack_rater:
        return None, _parse_name(label, "label", location)
    return _parse_name(rater, "rater", location), _parse_name(label, "label", location)


def _excerpt_json(field: Any) -> str:
    return excerpt(json.dumps(field), 60)
