"""Write items as a table for a spreadsheet, and read the filled-in table.

Columns: item, text, gram, label, rater, start, end; marks surround the phrase in the text. Spreadsheets interpret a
cell that begins with ``=``, ``+``, ``-``, ``@``, tab or CR as a formula. Such cells, and cells that begin with an
apostrophe, are written with a leading apostrophe; reading removes exactly these apostrophes.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from sgram.annotation.items import BlindedItem
from sgram.annotation.tool_answers import MARKS, ToolAnswer, mark_phrase, parse_span
from sgram.errors import InputError
from sgram.files import excerpt

COLUMNS = ("item", "text", "gram", "label", "rater", "start", "end")
_GUARDED_PREFIXES = tuple("=+-@\t\r'")


def encode_tasks(items: Sequence[BlindedItem]) -> bytes:
    """Return the table as UTF-8 with a byte order mark, which spreadsheets need; label and rater are empty."""
    buffer = io.StringIO(newline="")
    table = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for item in items:
        cells = (item.item, mark_phrase(item), item.gram, "", "", str(item.start), str(item.end))
        table.writerow([guard_formula(cell) for cell in cells])
    return buffer.getvalue().encode("utf-8-sig")


def parse_answers(content: bytes, file_name: str) -> Iterator[ToolAnswer]:
    """Yield the answers of a table with at least the columns item and label.

    The delimiter is a comma, a semicolon or a tab. Raise `InputError` if the table is invalid.

    >>> [answer] = parse_answers(b"item;label;rater\\na1;deduction;ada\\n", "filled.csv")
    >>> answer.item, answer.label, answer.rater
    ('a1', 'deduction', 'ada')
    """
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{file_name} is not UTF-8 (byte {error.start}); save it as CSV UTF-8") from None
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_detect_delimiter(text), strict=True)
    try:
        columns = [cell.strip().lower() for cell in next(rows, [])]
        _check_columns(columns, file_name)
        for number, cells in enumerate(rows, start=2):
            if any(cell.strip() for cell in cells):
                yield _parse_row(columns, cells, f"{file_name}, row {number}")
    except csv.Error as error:
        raise InputError(f"{file_name}, line {rows.line_num} is not valid CSV: {error}") from None


def is_annotation_table(text: str) -> bool:
    """Return whether the first row of `text` names the columns item and label.

    >>> is_annotation_table("Item;Text;Label\\n"), is_annotation_table("name,date\\n")
    (True, False)
    """
    columns = {cell.strip(' "').lower() for cell in _first_row(text).split(_detect_delimiter(text))}
    return {"item", "label"} <= columns


def guard_formula(cell: str) -> str:
    """Return the cell, with a leading apostrophe if a spreadsheet would interpret it as a formula.

    >>> guard_formula("=1+1"), guard_formula("1+1")
    ("'=1+1", '1+1')
    """
    return f"'{cell}" if cell.startswith(_GUARDED_PREFIXES) else cell


def unguard_formula(cell: str) -> str:
    """Return the cell before `guard_formula`; a cell that was not guarded is returned unchanged.

    >>> unguard_formula("'=1+1"), unguard_formula("'t Hooft")
    ('=1+1', "'t Hooft")
    """
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_GUARDED_PREFIXES) else cell


def _first_row(text: str) -> str:
    return text[:4096].lstrip("\r\n").partition("\n")[0].strip()


def _detect_delimiter(text: str) -> str:
    header = _first_row(text)
    return max(",;\t", key=header.count)


def _check_columns(columns: list[str], file_name: str) -> None:
    for column in ("item", "label"):
        if columns.count(column) != 1:
            raise InputError(
                f"{file_name}: the first row must name the column {column} once (found {columns.count(column)} times); "
                f"keep the header of the export: {', '.join(COLUMNS)}"
            )


def _parse_row(columns: list[str], cells: list[str], location: str) -> ToolAnswer:
    if len(cells) > len(columns):
        raise InputError(
            f"{location} has {len(cells)} cells, the header has {len(columns)}; put quotes around cells that contain "
            "the delimiter"
        )
    row = dict(zip(columns, map(unguard_formula, cells), strict=False))
    item, label = row.get("item", "").strip(), row.get("label", "").strip()
    if not item:
        raise InputError(f"{location}: missing item; keep the column item of the export unchanged")
    span = _parse_offsets(row, location)
    return ToolAnswer(
        location, item, label or None, row.get("rater", "").strip() or None, _remove_marks(row.get("text"), span), span
    )


def _parse_offsets(row: dict[str, str], location: str) -> tuple[int, int] | None:
    start, end = row.get("start", "").strip(), row.get("end", "").strip()
    if not start or not end:
        return None
    try:
        return parse_span(int(start), int(end))
    except ValueError:
        raise InputError(f"{location}: start and end must be integers (got {excerpt(f'{start}, {end}', 60)})") from None


def _remove_marks(text: str | None, span: tuple[int, int] | None) -> str | None:
    """Return the text without the marks around `span`; unchanged if the marks are not there."""
    if text is None or span is None:
        return text
    start, end = span[0], span[1] + 1
    if (text[start : start + 1], text[end : end + 1]) != MARKS:
        return text
    return text[:start] + text[start + 1 : end] + text[end + 1 :]
