"""A table whose columns say what their cells mean; figures, pages and exports read it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sgram.files import excerpt
from sgram.frames import Backend, CellKind, build_frame
from sgram.notebook_html import render_notebook_html
from sgram.statistics import finite_number

ColumnKind = Literal["text", "count", "share", "number", "flag"]
Cell: TypeAlias = str | int | float | bool | None
"""What a table may hold. Read cells with the typed accessors of `Record` and `Table`."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, the meaning of its cells with their unit, and how the cells are formatted."""

    name: str
    meaning: str
    kind: ColumnKind = "text"
    """A share lies between 0 and 1 and is shown as per cent; a count is an integer."""


_FRAME_KINDS: Mapping[ColumnKind, CellKind] = {
    "text": "text",
    "count": "count",
    "share": "number",
    "number": "number",
    "flag": "flag",
}


class Record(dict[str, Cell]):
    """A row of a table as a mapping from column names to cells, with typed accessors.

    >>> record = Record(source="gpt", traces=12, share=None)
    >>> record.text("source"), record.number("traces"), record.number("share")
    ('gpt', 12.0, None)
    """

    def text(self, name: str) -> str:
        """Return the cell of column `name` as text; "" if it is missing."""
        cell = self.get(name)
        return "" if cell is None else str(cell)

    def number(self, name: str) -> float | None:
        """Return the cell of column `name` as a finite float; None if it is missing, text, a flag or not finite."""
        return finite_number(self.get(name))


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """Rows of cells under columns. None marks a cell that was not measured or is undefined.

    Notebooks show its first rows.

    >>> table = build_table("counts", "Counts", [Column("gram", "the words"), Column("n", "spans", "count")],
    ...                     [{"gram": "wait", "n": 3}, {"gram": "so"}])
    >>> table.texts("gram"), table.numbers("n")
    (['wait', 'so'], [3.0, None])
    >>> table.records(gram="so")
    [{'gram': 'so', 'n': None}]
    >>> table
    Table('counts', 2 rows of gram, n)
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    """What a reader must know about the table: sampling, intervals, units."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.name}: a row has {len(row)} cells, expected {len(self.columns)}")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> list[Cell]:
        """Return the cells of one column. Raise `ValueError` if the column is unknown."""
        position = self.names.index(name)
        return [row[position] for row in self.rows]

    def texts(self, name: str) -> list[str]:
        """Return one column as texts; "" for a missing cell. Raise `ValueError` if the column is unknown."""
        return ["" if cell is None else str(cell) for cell in self.column(name)]

    def numbers(self, name: str) -> list[float | None]:
        """Return one column as finite floats; None for any other cell. Raise `ValueError` if the column is unknown."""
        return [finite_number(cell) for cell in self.column(name)]

    def records(self, **cells: Cell) -> list[Record]:
        """Return the rows as mappings; if `cells` are named, only rows that hold these cells.

        Raise `ValueError` if a column is unknown.
        """
        names, rows = self.names, self.rows
        for name, cell in cells.items():  # rows first: a table of many sources is read once for each of them
            position = names.index(name)
            rows = tuple(row for row in rows if row[position] == cell)
        return [Record(zip(names, row, strict=True)) for row in rows]

    def frame(self, backend: Backend | None = None) -> Any:
        """Return the table as a data frame of ``pandas`` or ``polars`` (`sgram.frames.build_frame`).

        Raise `MissingExtraError` if the library is not installed.

        >>> build_table("n", "N", [Column("n", "spans", "count")], [{"n": 3}, {}]).frame().n.sum()
        np.int64(3)
        """
        return build_frame({column.name: _FRAME_KINDS[column.kind] for column in self.columns}, self.rows, backend)

    def _repr_html_(self) -> str:
        return render_notebook_html(self)

    def __repr__(self) -> str:
        n_rows = f"{len(self):,} row{'' if len(self) == 1 else 's'}"
        return f"Table({self.name!r}, {n_rows} of {excerpt(', '.join(self.names), 160)})"


def build_table(
    name: str, title: str, columns: Sequence[Column], records: Iterable[Mapping[str, Any]], note: str = ""
) -> Table:
    """Return the table of `records`. A column that a record lacks is None in its row.

    NumPy scalars become Python numbers; NaN and infinities become None. Raise `ValueError` if a record has a column
    that is not in `columns`.

    >>> build_table("shares", "Shares", [Column("share", "of all words", "share")], [{"share": float("nan")}]).rows
    ((None,),)
    """
    names = [column.name for column in columns]
    rows = []
    for record in records:
        unknown_names = sorted(set(record) - set(names))
        if unknown_names:
            raise ValueError(f"table {name} has no column {', '.join(unknown_names)}")
        rows.append(tuple(_python_cell(record.get(column)) for column in names))
    return Table(name, title, tuple(columns), tuple(rows), note)


def _python_cell(cell: Any) -> Cell:
    """Return a NumPy scalar as a Python value; None for a float that is not finite."""
    python_cell: Cell = cell.item() if hasattr(cell, "item") else cell
    return None if isinstance(python_cell, float) and not math.isfinite(python_cell) else python_cell
