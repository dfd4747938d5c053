"""Tables formatted for people: aligned decimals, intervals in one cell, units in the head.

A cell's text and its sort key are separate: a share of 0.1234 has the text "12.3" under a head with "%" and sorts by
0.1234. A missing cell has the text "–" and stands last in either sort order.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from sgram.analysis.table import Cell, Column, Table
from sgram.reports.pages.templates import shorten

MISSING = "–"
_GROUP_COLUMNS = ("series", "measure")
"""Columns whose rows are different quantities; each quantity has its own number of decimals."""
_RANGES = {"bin": "from – to", "draws": "draws"}
"""Heads of pairs of columns that are ranges, not intervals, by what their names begin with."""
_SHORT_TEXT = 22
"""Maximum characters of each text of a column that is not wrapped."""


@dataclass(frozen=True, slots=True)
class FormattedColumn:
    """The head of a column."""

    name: str
    meaning: str
    kind: str
    """How cells are shown: text, short (never wrapped), number, interval, flag, move, list."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class FormattedCell:
    """A cell: its text, and the number that it is sorted by; without a number it is sorted by its text."""

    text: str
    sort_key: float | None = None
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class FormattedTable:
    """A table whose cells are formatted."""

    columns: tuple[FormattedColumn, ...]
    rows: tuple[tuple[FormattedCell, ...], ...]
    n_omitted: int = 0
    """Rows of the table that are not among `rows`."""

    def distinct_texts(self, column: int) -> tuple[str, ...]:
        """Return the distinct texts of a column in their order."""
        return tuple(dict.fromkeys(row[column].text for row in self.rows if not row[column].is_missing))

    @property
    def list_index(self) -> int | None:
        """Index of the column that says "SGs" or "placebo"; None if there is none."""
        return next((index for index, column in enumerate(self.columns) if column.kind == "list"), None)


def format_table(table: Table, max_rows: int) -> FormattedTable:
    """Return the first `max_rows` rows of a table formatted.

    Columns that end in "low" and "high" become one column with the interval.

    >>> columns = (Column("value", "", "share"), Column("low", "", "share"), Column("high", "", "share"))
    >>> formatted = format_table(Table("t", "T", columns, ((0.1234, 0.1, 0.2),)), max_rows=10)
    >>> [(column.name, column.unit) for column in formatted.columns], [cell.text for cell in formatted.rows[0]]
    ([('value', '%'), ('interval', '%')], ['12.3', '10.0 – 20.0'])
    """
    shortened = replace(table, rows=table.rows[:max_rows])
    heads, cells = [], []
    for column in table.columns:
        ends = _interval_columns(column.name, table.names)
        if ends is None:
            column_cells = _format_column(shortened, column)
            heads.append(_head(column, all(len(cell.text) <= _SHORT_TEXT for cell in column_cells)))
            cells.append(column_cells)
        elif column.name == ends[0]:
            heads.append(_interval_head(column))
            cells.append(_format_intervals(shortened, column, *ends))
    return FormattedTable(tuple(heads), tuple(zip(*cells, strict=True)), len(table) - len(shortened))


def format_number(number: float | None, decimals: int, scale: float = 1) -> str:
    """Return `number` times `scale` with thousands separators and a true minus; "–" if it is None or not finite.

    >>> format_number(-0.5, 1, 100), format_number(12345.6, 0), format_number(-0.001, 1), format_number(None, 1)
    ('−50.0', '12,346', '0.0', '–')
    """
    if number is None or not math.isfinite(number):
        return MISSING
    text = f"{number * scale:,.{decimals}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.removeprefix("-")


def choose_decimals(numbers: Iterable[float | None]) -> int:
    """Return the decimals (<= 4) that give the largest of `numbers` about three significant digits.

    >>> choose_decimals([12.3, 4.0]), choose_decimals([0.0123])
    (1, 4)
    """
    largest = max((abs(number) for number in numbers if number is not None and math.isfinite(number)), default=1)
    if largest == 0:
        return 1
    return min(4, max(0, 2 - math.floor(math.log10(largest))))


def is_number(cell: Cell) -> TypeGuard[int | float]:
    """Return whether a cell is a finite number; a flag is not.

    >>> is_number(0.5), is_number(True), is_number(float("nan"))
    (True, False, False)
    """
    return isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)


# -- heads ----------------------------------------------------------------------------------------------


def _head(column: Column, is_short: bool) -> FormattedColumn:
    name = _spaced(column.name)
    if column.kind in ("count", "number", "share"):
        return FormattedColumn(name, column.meaning, "number", "%" * (column.kind == "share"))
    if column.kind == "flag" or column.name in ("move", "list"):
        return FormattedColumn(name, column.meaning, "flag" if column.kind == "flag" else column.name)
    return FormattedColumn(name, column.meaning, "short" if is_short else "text")


def _interval_head(column: Column) -> FormattedColumn:
    stem = column.name.removesuffix("low").rstrip("_")
    unit = "%" * (column.kind == "share")
    name = _RANGES.get(stem, f"{_spaced(stem)} interval".strip())
    return FormattedColumn(name, column.meaning, "number" if stem in _RANGES else "interval", unit)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _interval_columns(name: str, names: Sequence[str]) -> tuple[str, str] | None:
    """Return the names of the columns (low, high) of the interval that `name` is an end of; None if it is not one."""
    for end in ("low", "high"):
        if name == end or name.endswith(f"_{end}"):
            stem = name.removesuffix(end)
            if f"{stem}low" in names and f"{stem}high" in names:
                return f"{stem}low", f"{stem}high"
    return None


# -- cells ----------------------------------------------------------------------------------------------


def _format_column(table: Table, column: Column) -> list[FormattedCell]:
    cells = table.column(column.name)
    if column.kind in ("text", "flag"):
        return [_format_text(cell) for cell in cells]
    scale = 100 if column.kind == "share" else 1
    return [
        FormattedCell(format_number(cell, decimals, scale), float(cell)) if is_number(cell) else _format_text(cell)
        for cell, decimals in zip(cells, _decimals_of_rows(table, column), strict=True)
    ]


def _format_text(cell: Cell) -> FormattedCell:
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return FormattedCell(MISSING, is_missing=True)
    return (
        FormattedCell("yes" if cell else "no", float(cell)) if isinstance(cell, bool) else FormattedCell(shorten(cell))
    )


def _format_intervals(table: Table, column: Column, low_name: str, high_name: str) -> list[FormattedCell]:
    """Return a cell for each interval; an end that is not a number becomes "?"."""
    scale, decimals_of_rows = 100 if column.kind == "share" else 1, _decimals_of_rows(table, column)
    cells = []
    for low, high, decimals in zip(table.column(low_name), table.column(high_name), decimals_of_rows, strict=True):
        ends = [end for end in (low, high) if is_number(end)]
        texts = [format_number(end, decimals, scale) if is_number(end) else "?" for end in (low, high)]
        cells.append(
            FormattedCell(" – ".join(texts), float(ends[0])) if ends else FormattedCell(MISSING, is_missing=True)
        )
    return cells


def _decimals_of_rows(table: Table, column: Column) -> list[int]:
    """Return the decimals of each row: one number for the column, or one for the rows of a series or measure.

    An interval has the decimals of its value, which stands before it, so that both can be compared.
    """
    if column.kind in ("count", "share"):
        return [0 if column.kind == "count" else 1] * len(table)
    names = table.names
    column_index = names.index(column.name)
    lows = [
        index
        for index in (column_index, column_index + 1)
        if index < len(names) and _interval_columns(names[index], names)
    ]
    related = range(max(0, lows[0] - 1), lows[0] + 2) if lows else [column_index]
    related = [index for index in related if table.columns[index].kind == "number"]
    groups = next((table.column(name) for name in _GROUP_COLUMNS if name in names), [None] * len(table))
    numbers: dict[Cell, list[float]] = {}
    for row, group in zip(table.rows, groups, strict=True):
        numbers.setdefault(group, []).extend(cell for index in related if is_number(cell := row[index]))
    decimals = {group: _common_decimals(group_numbers) for group, group_numbers in numbers.items()}
    return [decimals[group] for group in groups]


def _common_decimals(numbers: Sequence[float]) -> int:
    return 0 if all(number == int(number) for number in numbers) else choose_decimals(numbers)
