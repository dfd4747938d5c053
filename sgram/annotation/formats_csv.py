"""Items as a table for a spreadsheet, and the filled table back. Knows nothing about other tools.

Columns item, text, gram, label, rater, start, end; the phrase stands in the text between marks. A spreadsheet takes a
cell that begins with one of ``= + - @``, tab or CR for a formula: such a cell gets an apostrophe in front, and so does
one that begins with an apostrophe, so that taking it off again is exact.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from sgram.annotation.items import LABELS, ShownItem
from sgram.annotation.tool_answers import MARKS, Answer, a_span, marked
from sgram.errors import InputError
from sgram.files import excerpt

COLUMNS = ("item", "text", "gram", "label", "rater", "start", "end")
_GUARDED = tuple("=+-@\t\r'")


def write(shown: Sequence[ShownItem]) -> bytes:
    """The table: UTF-8 with a byte order mark, which spreadsheets ask for; label and rater are empty."""
    made = io.StringIO(newline="")
    table = csv.writer(made, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for each in shown:
        cells = (each.item, marked(each), each.gram, "", "", str(each.start), str(each.end))
        table.writerow([guard(cell) for cell in cells])
    return made.getvalue().encode("utf-8-sig")


def read(data: bytes, name: str) -> Iterator[Answer]:
    """The answers of a table with at least the columns item and label; separated by comma, semicolon or tab."""
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 (byte {error.start}); save it as CSV UTF-8") from None
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        columns = [cell.strip().lower() for cell in next(rows, [])]
        _check_columns(columns, name)
        for number, cells in enumerate(rows, start=2):
            if any(cell.strip() for cell in cells):
                yield _answer(columns, cells, f"{name}, row {number}")
    except csv.Error as error:
        raise InputError(f"{name}, line {rows.line_num} is not valid CSV: {error}") from None


def is_table(text: str) -> bool:
    """Whether a text begins as such a table does."""
    columns = {cell.strip(' "').lower() for cell in _header(text).split(_delimiter(text))}
    return {"item", "label"} <= columns


def guard(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_GUARDED) else cell


def unguard(cell: str) -> str:
    """The cell that `guard` was given; other cells as they are."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_GUARDED) else cell


def _header(text: str) -> str:
    return text[:4096].lstrip("\r\n").partition("\n")[0].strip()


def _delimiter(text: str) -> str:
    header = _header(text)
    return max(",;\t", key=header.count)


def _check_columns(columns: list[str], name: str) -> None:
    for needed in ("item", "label"):
        if columns.count(needed) != 1:
            raise InputError(
                f"{name} has {columns.count(needed)} columns named {needed} in its first row, not one; keep the "
                f"header of the export: {', '.join(COLUMNS)}"
            )


def _answer(columns: list[str], cells: list[str], place: str) -> Answer:
    if len(cells) > len(columns):
        raise InputError(f"{place} has {len(cells)} cells, the header {len(columns)}; quote what holds a comma")
    row = dict(zip(columns, map(unguard, cells), strict=False))
    item, label = row.get("item", "").strip(), row.get("label", "").strip()
    if not item:
        raise InputError(f"{place} names no item; keep the column item of the export as it is")
    span = _span(row, place)
    return Answer(
        place,
        item,
        (label.lower() if label.lower() in LABELS else label) or None,
        row.get("rater", "").strip() or None,
        _unmarked(row.get("text"), span),
        span,
    )


def _span(row: dict[str, str], place: str) -> tuple[int, int] | None:
    given = (row.get("start", "").strip(), row.get("end", "").strip())
    if not all(given):
        return None
    try:
        return a_span(*(int(each) for each in given))
    except ValueError:
        raise InputError(f"{place}: start and end are numbers, not {excerpt(', '.join(given), 60)}") from None


def _unmarked(text: str | None, span: tuple[int, int] | None) -> str | None:
    """The text without the marks; as it is where they are not at their place."""
    if text is None or span is None:
        return text
    start, end = span[0], span[1] + 1
    if (text[start : start + 1], text[end : end + 1]) != MARKS:
        return text
    return text[:start] + text[start + 1 : end] + text[end + 1 :]
