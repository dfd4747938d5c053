"""Tables as a page shows them: numbers of one width, intervals in one cell, units in headers. Knows nothing about HTML.

What a cell says and what it is sorted by are kept apart: a share of 0.1234 says "12.3" under a header with "%" and is
sorted by 0.1234. A cell of None says nothing and stands last, whichever way a column is sorted.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sgram.analysis.table import Cell, Column, Table

MISSING = "–"
LONGEST = 240
"""Characters of a text that a cell shows."""
_GROUPS = ("series", "measure")  # columns whose rows are of different kinds, each with decimals of its own
_BIN = "bin"
_SHORT = 22
"""Characters of a text that stands on one line, in a column where every text does."""


@dataclass(frozen=True, slots=True)
class FormattedColumn:
    """The head of a column."""

    name: str
    meaning: str
    kind: str
    """How it looks: text, short (a text that needs no second line), number, interval, flag, move, list."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class FormattedCell:
    """A cell: what it says, and the number that it is sorted by (None: by what it says, or it is missing)."""

    text: str
    key: float | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class FormattedTable:
    """A table of the page."""

    name: str
    title: str
    columns: tuple[FormattedColumn, ...]
    rows: tuple[tuple[FormattedCell, ...], ...]
    note: str
    n_left: int = 0
    """Rows that the page leaves out."""

    def choices(self, name: str) -> tuple[str, ...]:
        """What the cells of a column say, each once, as they come; none where there is no such column."""
        place = next((at for at, column in enumerate(self.columns) if column.name == name), None)
        if place is None:
            return ()
        return tuple(dict.fromkeys(row[place].text for row in self.rows if not row[place].missing))

    @property
    def about_lists(self) -> int | None:
        """Place of the column that tells SGs from placebos."""
        return next((at for at, column in enumerate(self.columns) if column.kind == "list"), None)


def format_table(table: Table, most_rows: int, without: Sequence[str] = ()) -> FormattedTable:
    """`table` as people see it: at most so many of its rows, the first, and none of the columns `without`."""
    rows = table.rows[:most_rows]
    held = Table(table.name, table.title, table.columns, rows, table.note)
    columns = [column for column in table.columns if column.name not in without]
    heads, cells = [], []
    for column in columns:
        pair = _interval_of(column.name, table.names)
        if pair is None:
            made = _cells(held, column)
            heads.append(_head(column, all(len(cell.text) <= _SHORT for cell in made)))
            cells.append(made)
        elif column.name == pair[0]:
            heads.append(_interval_head(column))
            cells.append(_intervals(held, column, *pair))
    return FormattedTable(
        table.name,
        shorten(table.title),
        tuple(heads),
        tuple(zip(*cells, strict=True)),
        table.note,
        len(table.rows) - len(rows),
    )


def shorten(text: object, most: int = LONGEST) -> str:
    """`text`, its end left out where it is longer than `most` characters."""
    whole = str(text)
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"


def format_number(value: float | None, decimals: int, scale: float = 1) -> str:
    """`value` times `scale` with so many decimals, thousands apart, a true minus; a dash where it is None."""
    if value is None or not math.isfinite(value):
        return MISSING
    said = f"{value * scale:,.{decimals}f}"
    return said.replace("-", "−") if float(said.replace(",", "")) else said.removeprefix("-")


def choose_decimals(values: Iterable[float | None]) -> int:
    """Decimals with which the largest of `values` has about three digits that matter; at most 4."""
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=1)
    if largest == 0:
        return 1
    return min(4, max(0, 2 - math.floor(math.log10(largest))))


def is_number(cell: Cell) -> bool:
    """Whether a cell is a finite number, and no flag."""
    return isinstance(cell, int | float) and not isinstance(cell, bool) and math.isfinite(cell)


# -- heads ----------------------------------------------------------------------------------------------


def _head(column: Column, short: bool) -> FormattedColumn:
    name = _words(column.name)
    if column.kind in ("count", "number", "share"):
        return FormattedColumn(name, column.meaning, "number", "%" * (column.kind == "share"))
    if column.kind == "flag" or column.name in ("move", "list"):
        return FormattedColumn(name, column.meaning, "flag" if column.kind == "flag" else column.name)
    return FormattedColumn(name, column.meaning, "short" if short else "text")


def _interval_head(column: Column) -> FormattedColumn:
    stem = column.name.removesuffix("low").rstrip("_")
    unit = "%" * (column.kind == "share")
    if stem == _BIN:
        return FormattedColumn("from – to", column.meaning, "number", unit)
    return FormattedColumn(f"{_words(stem)} interval".strip(), column.meaning, "interval", unit)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _interval_of(name: str, names: Sequence[str]) -> tuple[str, str] | None:
    """(low, high) if the column `name` is one end of an interval whose other end is there too."""
    for end in ("low", "high"):
        if name == end or name.endswith(f"_{end}"):
            stem = name.removesuffix(end)
            if f"{stem}low" in names and f"{stem}high" in names:
                return f"{stem}low", f"{stem}high"
    return None


# -- cells ----------------------------------------------------------------------------------------------


def _cells(table: Table, column: Column) -> list[FormattedCell]:
    values = table.column(column.name)
    if column.kind == "flag":
        return [
            FormattedCell(MISSING, missing=True)
            if value is None
            else FormattedCell("yes" if value else "no", float(value))
            for value in values
        ]
    if column.kind == "text":
        return [_text(value) for value in values]
    scale, decimals = 100 if column.kind == "share" else 1, _decimals(table, [column.name])
    return [
        FormattedCell(format_number(value, decimal, scale), float(value)) if is_number(value) else _text(value)
        for value, decimal in zip(values, decimals, strict=True)
    ]


def _text(value: Cell) -> FormattedCell:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return FormattedCell(MISSING, missing=True)
    return FormattedCell(shorten(value))


def _intervals(table: Table, column: Column, low: str, high: str) -> list[FormattedCell]:
    scale, decimals = 100 if column.kind == "share" else 1, _decimals(table, [low, high])
    made = []
    for start, end, decimal in zip(table.column(low), table.column(high), decimals, strict=True):
        if not is_number(start) and not is_number(end):
            made.append(FormattedCell(MISSING, missing=True))
            continue
        said = [format_number(each, decimal, scale) if is_number(each) else "?" for each in (start, end)]
        made.append(FormattedCell(" – ".join(said), float(start if is_number(start) else end)))
    return made


def _decimals(table: Table, names: Sequence[str]) -> list[int]:
    """For every row the decimals of its number: one for the whole column, or for rows of one series or measure."""
    kinds = {column.name: column.kind for column in table.columns}
    kind = kinds[names[0]]
    if kind in ("count", "share"):
        return [0 if kind == "count" else 1] * len(table)
    by = next((table.column(name) for name in _GROUPS if name in kinds), [None] * len(table))
    # an interval has the decimals of its value, so that both can be compared
    together = [name for name in _family(names[0], table.names) if kinds[name] == "number"]
    seen: dict[Cell, list[float]] = {}
    for place, group in enumerate(by):
        cells = (table.rows[place][table.names.index(name)] for name in together)
        seen.setdefault(group, []).extend(cell for cell in cells if is_number(cell))
    chosen = {group: _whole_or(values) for group, values in seen.items()}
    return [chosen[group] for group in by]


def _whole_or(values: Sequence[float]) -> int:
    return 0 if all(value == int(value) for value in values) else choose_decimals(values)


def _family(name: str, names: Sequence[str]) -> list[str]:
    """A value and the ends of its interval, whichever of them `name` is; the value stands before the low end."""
    pair = _interval_of(name, names) or _interval_of(_after(name, names), names)
    if pair is None:
        return [name]
    place = names.index(pair[0])
    return [*names[max(0, place - 1) : place], *pair]


def _after(name: str, names: Sequence[str]) -> str:
    return (*names, "")[names.index(name) + 1]
