"""A table with the meaning of its columns, as figures, pages and files take it. Knows nothing about what is in it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sgram.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas

Kind = Literal["text", "count", "share", "number", "flag"]
Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what its cells are, in words with their unit, and how they are to be shown."""

    name: str
    meaning: str
    kind: Kind = "text"
    """A share lies from 0 to 1 and is shown as per cent; a count is whole."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns; None is what was not measured or is undefined."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    """What a reader must know of how the table came to be: sampling, intervals, units."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: a row of {len(row)} cells under {len(self.columns)} columns")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> list[Cell]:
        """The cells of one column."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def records(self, **wanted: Cell) -> list[dict[str, Cell]]:
        """The rows as mappings; of those only that hold the `wanted` cells."""
        found = (dict(zip(self.names, row, strict=True)) for row in self.rows)
        return [row for row in found if all(row[name] == cell for name, cell in wanted.items())]

    def frame(self) -> "pandas.DataFrame":
        """The table for a notebook; whole numbers with gaps are pandas' nullable Int64."""
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError(f"a frame needs pandas ({error}); pip install 'sgram[pandas]'") from error
        kinds = {"count": "Int64", "share": "float64", "number": "float64", "flag": "boolean", "text": "str"}
        made = {column.name: pd.Series(self.column(column.name), dtype=kinds[column.kind]) for column in self.columns}
        return pd.DataFrame(made, columns=list(self.names))


def table_of(
    name: str, title: str, columns: Sequence[Column], records: Iterable[Mapping[str, Any]], note: str = ""
) -> Table:
    """The table of `records`, each with a value for every column or without those that it does not know."""
    names = [column.name for column in columns]
    rows = []
    for record in records:
        unknown = sorted(set(record) - set(names))
        if unknown:
            raise ValueError(f"{name} has no column {', '.join(unknown)}")
        rows.append(tuple(_plain(record.get(each)) for each in names))
    return Table(name, title, tuple(columns), tuple(rows), note)


def _plain(cell: Any) -> Cell:
    """A number of an array library as Python's own; one that is not finite is None."""
    cell = cell.item() if hasattr(cell, "item") else cell
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
