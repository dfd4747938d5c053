"""Write items as a table for a spreadsheet, and read the filled-in table, or the CSV export of Label Studio.

Columns: item, text, gram, label, rater, start, end; marks surround the phrase in the text. Spreadsheets interpret a
cell that begins with ``=``, ``+``, ``-``, ``@``, tab or CR as a formula. Such cells, and cells that begin with an
apostrophe, are written with a leading apostrophe; reading removes exactly these apostrophes.

Label Studio's CSV has a row per annotation: the columns of the task, one per control of the labeling config, and
``annotator``, ``annotation_id``, ``created_at``, ``updated_at``, ``lead_time``. Its cells are not guarded.
"""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence

from sgram.annotation.items import BlindedItem
from sgram.annotation.tool_answers import MARKS, RATER_COLUMNS, ToolAnswer, mark_phrase, parse_choice, parse_span
from sgram.errors import InputError
from sgram.files import excerpt

COLUMNS = ("item", "text", "gram", "label", "rater", "start", "end")
LABEL_STUDIO_COLUMNS = frozenset({"annotator", "annotation_id"})
"""Columns that every CSV export of Label Studio has, beside those of the task."""
_GUARDED_PREFIXES = tuple("=+-@\t\r'")


def encode_tasks(items: Sequence[BlindedItem]) -> bytes:
    """Return the table as UTF-8 with a byte order mark, which spreadsheets need; label and rater are empty."""
    cells = ((item.item, mark_phrase(item), item.gram, "", "", str(item.start), str(item.end)) for item in items)
    return encode_rows([COLUMNS, *cells])


def encode_rows(rows: Sequence[Sequence[str]]) -> bytes:
    """Return a table for a spreadsheet: UTF-8 with a byte order mark, each cell quoted and guarded.

    >>> print(encode_rows([("item", "label"), ("a1", "=1+1")]).decode("utf-8-sig").replace(chr(13), ""), end="")
    "item","label"
    "a1","'=1+1"
    """
    buffer = io.StringIO(newline="")
    table = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    table.writerows([guard_formula(cell) for cell in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig")


def parse_answers(content: bytes, file_name: str) -> Iterator[ToolAnswer]:
    """Yield the answers of a table with at least the columns item and label.

    The delimiter is a comma, a semicolon or a tab. The rater is in the first of `RATER_COLUMNS` that the table has.
    Raise `InputError` if the table is invalid.

    >>> [answer] = parse_answers(b"item;label;annotator\\na1;deduction;ada\\n", "filled.csv")
    >>> answer.item, answer.label, answer.rater
    ('a1', 'deduction', 'ada')
    """
    rows = _read_rows(content, file_name)
    columns = next(rows)[1]
    _check_columns(columns, file_name)
    for location, cells in rows:
        yield _parse_row(columns, cells, location)


def parse_table(content: bytes, file_name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (location, cells by column in lower case) of every row of a table; guarded cells are restored.

    Raise `InputError` if the table is invalid.

    >>> list(parse_table(b"Item,Text\\ns1,Let me check.\\n", "texts.csv"))
    [('texts.csv, row 2', {'item': 's1', 'text': 'Let me check.'})]
    """
    rows = _read_rows(content, file_name)
    columns = next(rows)[1]
    for location, cells in rows:
        yield location, dict(zip(columns, map(unguard_formula, _check_cells(columns, cells, location)), strict=False))


def _read_rows(content: bytes, file_name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (location, cells) of the rows that are not blank; the first is the header in lower case."""
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{file_name} is not UTF-8 (byte {error.start}); save it as CSV UTF-8") from None
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_detect_delimiter(text), strict=True)
    try:
        header = next((cells for cells in rows if any(cell.strip() for cell in cells)), [])
        yield file_name, _normalize_header(header)
        for number, cells in enumerate(rows, start=2):
            if any(cell.strip() for cell in cells):
                yield f"{file_name}, row {number}", cells
    except csv.Error as error:
        raise InputError(f"{file_name}, line {rows.line_num} is not valid CSV: {error}") from None


def is_annotation_table(text: str) -> bool:
    """Return whether the first row of `text` names the columns item and label, or those of Label Studio's CSV.

    >>> is_annotation_table('"Item";"Text, marked";Label\\n'), is_annotation_table("name,date\\n")
    (True, False)
    """
    columns = set(_split_header(_first_row(text), _detect_delimiter(text)))
    return {"item", "label"} <= columns or columns >= LABEL_STUDIO_COLUMNS


def is_table(content: bytes, columns: Collection[str]) -> bool:
    """Return whether the first row of a file names all of `columns`."""
    text = content[:4096].decode("utf-8", "replace").removeprefix("\ufeff")
    return set(columns) <= set(_split_header(_first_row(text), _detect_delimiter(text)))


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
    """Return the delimiter that splits the header into the most columns; delimiters inside quotes do not count."""
    header = _first_row(text)
    return max(",;\t", key=lambda delimiter: len(_split_header(header, delimiter)))


def _split_header(header: str, delimiter: str) -> list[str]:
    """Return the names of the columns; a header of several lines is cut to the first."""
    try:
        return _normalize_header(next(csv.reader([header], delimiter=delimiter), []))
    except csv.Error:
        return []


def _normalize_header(cells: Sequence[str]) -> list[str]:
    return [cell.lstrip("\ufeff").strip(' "').lower() for cell in cells]


def _check_columns(columns: list[str], file_name: str) -> None:
    for column in ("item", "label"):
        n_found = columns.count(column)
        if n_found != 1 and set(columns) >= LABEL_STUDIO_COLUMNS:
            raise InputError(
                f"{file_name} is Label Studio's CSV, with {n_found} columns named {column}; import its export of the "
                'tasks and the labeling config that sgram annotate export wrote, where the answers are in "label"'
            )
        if n_found != 1:
            raise InputError(
                f"{file_name}: the first row must name the column {column} once (found {n_found} times); "
                f"keep the header of the export: {', '.join(COLUMNS)}"
            )


def _parse_row(columns: list[str], cells: list[str], location: str) -> ToolAnswer:
    cells = _check_cells(columns, cells, location)
    is_label_studio = set(columns) >= LABEL_STUDIO_COLUMNS
    row = dict(zip(columns, cells if is_label_studio else map(unguard_formula, cells), strict=False))
    item, label = row.get("item", "").strip(), row.get("label", "").strip()
    if not item:
        raise InputError(f"{location}: missing item; keep the column item of the export unchanged")
    span, text = _parse_offsets(row, location), row.get("text")
    return ToolAnswer(
        location,
        item,
        parse_choice(label, location) if is_label_studio else label or None,
        find_rater(row),
        text if is_label_studio else _remove_marks(text, span),
        span,
    )


def _check_cells(columns: list[str], cells: list[str], location: str) -> list[str]:
    if len(cells) > len(columns):
        raise InputError(
            f"{location} has {len(cells)} cells, the header has {len(columns)}; put quotes around cells that contain "
            "the delimiter"
        )
    return cells


def find_rater(row: Mapping[str, str]) -> str | None:
    """Return the first rater that a row names in one of `RATER_COLUMNS`; None if it names none.

    >>> find_rater({"item": "a1", "rater": "", "annotator": "ada@example.org"})
    'ada@example.org'
    """
    return next((name for column in RATER_COLUMNS if (name := row.get(column, "").strip())), None)


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
