"""Tables and headlines of an analysis printed on a terminal, placebos beside the numbers that they control."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sgram.cli.console import name_width, note, print_line, print_table, printable
from sgram.cli.estimate_cells import percent, shorten_start
from sgram.errors import UsageError

if TYPE_CHECKING:
    from sgram.analysis import Analysis, Table
    from sgram.analysis.measure import Quantity
    from sgram.analysis.table import Cell
    from sgram.statistics import Estimate

_SOURCES_SHOWN = 12
_WIDTH = 30


def check_tables(names: Iterable[str]) -> None:
    """Raise `UsageError` for an unknown table name."""
    from sgram.analysis import all_measures

    known_names = [measure.name for measure in all_measures()]
    for name in names:
        if name not in known_names:
            raise UsageError(f"unknown table {name!r}; the tables are {', '.join(known_names)}")


def print_analysis(analysis: "Analysis") -> None:
    """Print the quantities of all measures, of at most 12 sources, and the headlines."""
    from sgram.reports.wording import headlines

    sources = analysis.sources[:_SOURCES_SHOWN]
    corpus = analysis.tables["corpus"]
    print_table(corpus.names, [row for row in _rows(corpus) if row[0] in sources], analysis.title)
    for measure in analysis.measures:
        for quantity in measure.quantities if measure.name in analysis.tables else ():
            _print_quantity(analysis.tables[measure.name], quantity, sources)
    print()
    for statement in headlines(analysis):
        print_line(statement.text)
    if len(analysis.sources) > len(sources):
        note(f"{len(analysis.sources) - len(sources)} more sources; --csv, --table and --json contain all")
    note(f"tables: {', '.join(analysis.tables)}; --table NAME prints one in full")


def _print_quantity(table: "Table", quantity: "Quantity", sources: Sequence[str]) -> None:
    """Print a quantity of each set of traces, beside the placebo's if the table has one."""
    kinds = {column.name: column.kind for column in table.columns}
    kind, unit = ("share", "") if quantity.is_share(table) else (kinds[quantity.value], quantity.unit)
    has_placebos = "list" in table.names
    rows = []
    for row, placebo in quantity.pairs(table, sources):
        if row.get("count") == 0:  # a kind that does not occur
            continue
        numbers = [_estimate(quantity.estimate(row), kind)]
        if has_placebos:
            numbers.append("-" if placebo is None else _estimate(quantity.estimate(placebo), kind))
        names = [shorten_start(row.text(key) or "-", name_width(_WIDTH)) for key in quantity.keys]
        rows.append([*names, *numbers, *(_cell(row[name], kinds[name]) for name in quantity.extra)])
    if rows:
        heads = ("SGs [95 %]", "placebo [draws]") if has_placebos else ("value [95 %]",)
        print()
        title = ", ".join(filter(None, (quantity.title, unit)))
        print_table([*quantity.keys, *heads, *quantity.extra], rows, title)


def _estimate(estimate: "Estimate", kind: str) -> str:
    value = str(_cell(estimate.value, kind))
    if estimate.ends is None:
        return value
    low, high = (str(_cell(end, kind)).removesuffix(" %") for end in estimate.ends)
    return f"{value} [{low}, {high}]"


def _cell(cell: "Cell", kind: str) -> str | int:
    """Return a cell as people read it; integers stay numbers, which `print_table` aligns."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int | float) and kind == "share":
        return percent(cell)
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 10_000 else f"{cell:.4g}"
    return "-" if cell is None else cell


def _rows(table: "Table") -> list[list[str | int]]:
    return [[_cell(cell, column.kind) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows]


def print_tables(analysis: "Analysis", names: Iterable[str]) -> None:
    """Print tables in full; raise `UsageError` for a table that these inputs do not give."""
    for index, name in enumerate(names):
        if name not in analysis.tables:
            raise UsageError(f"these inputs give no table {name}; they give {', '.join(analysis.tables)}")
        table = analysis.tables[name]
        if index:
            print()
        _print_in_full(table)
        if table.note:
            note(table.note)


def _print_in_full(table: "Table") -> None:
    """Print all cells in full, whatever the terminal's width."""
    lines = [list(table.names), *([printable(str(cell)) for cell in row] for row in _rows(table))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (
            cell.ljust(width) if column.kind == "text" else cell.rjust(width)
            for cell, width, column in zip(line, widths, table.columns, strict=True)
        )
        print("  ".join(cells).rstrip())
