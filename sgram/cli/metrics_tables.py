"""Tables of an analysis printed on a terminal, placebos beside the numbers that they control."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sgram.cli.console import note, print_table, printable
from sgram.errors import UsageError

if TYPE_CHECKING:
    from sgram.analysis import Analysis, Table

_SOURCES_SHOWN = 12
_WIDTH = 30


def check_tables(names: Iterable[str]) -> None:
    """Raise `UsageError` for an unknown table name."""
    from sgram.analysis import TABLES

    for name in names:
        if name not in TABLES:
            raise UsageError(f"unknown table {name!r}; the tables are {', '.join(TABLES)}")


@dataclass(frozen=True, slots=True)
class _View:
    """View of a table: the rows of the lexicon, each beside the placebo's number."""

    name: str
    title: str
    keys: tuple[str, ...]
    value: str = "value"
    low: str = "low"
    high: str = "high"
    where: tuple[tuple[str, Any], ...] = ()
    extra: tuple[str, ...] = ()
    """Further columns of the same row."""


_VIEWS = (
    _View("success", "how often they are correct", ("source", "measure"), extra=("problems", "samples")),
    _View("shares", "planning share", ("source", "outcome", "unit"), extra=("traces",)),
    _View(
        "semantic_entropy",
        "semantic entropy at equal size, nats",
        ("source", "bins"),
        "at_size",
        where=(("outcome", "all"),),
        extra=("size", "occurrences"),
    ),
    _View("conditional_entropy", "entropy of what follows a span, nats", ("source",), extra=("size", "occurrences")),
    _View("tokens", "token entropy, nats", ("source", "token_class"), "entropy", "entropy_low", "entropy_high"),
    _View("tokens", "perplexity", ("source", "token_class"), "perplexity", "perplexity_low", "perplexity_high"),
    _View(
        "overlap",
        "planning tokens that are of high entropy",
        ("source",),
        "high_given_planning",
        extra=("planning_given_high", "chance"),
    ),
    _View(
        "errors",
        "kinds of errors, of wrong traces",
        ("source", "kind"),
        "share",
        where=(("step", None),),
        extra=("count",),
    ),
    _View(
        "equations",
        "equations that do not hold",
        ("source", "outcome"),
        "wrong_share",
        extra=("right", "wrong", "unchecked"),
    ),
)


def print_analysis(analysis: "Analysis") -> None:
    """Print the main tables, of at most 12 sources."""
    sources = analysis.sources[:_SOURCES_SHOWN]
    corpus = analysis.tables["corpus"]
    _print_rows(corpus.names, [row for row in corpus.rows if row[0] in sources], corpus, analysis.title)
    for view in _VIEWS:
        if view.name in analysis.tables:
            _print_view(analysis.tables[view.name], view, sources)
    _print_orders(analysis, sources)
    if len(analysis.sources) > len(sources):
        note(f"{len(analysis.sources) - len(sources)} more sources; --csv, --table and --json contain all")
    if "grams" in analysis.tables:
        note(f"tables: {', '.join(analysis.tables)}; --table NAME prints one in full")


def _print_view(table: "Table", view: _View, sources: Sequence[str]) -> None:
    rows = [row for row in table.records(**dict(view.where)) if row["source"] in sources]
    kinds = {column.name: column.kind for column in table.columns}
    has_placebos = "list" in table.names
    lexicon_rows = [row for row in rows if not has_placebos or row["list"] != "placebo"]
    placebo_rows = {
        tuple(row[key] for key in view.keys): row for row in rows if has_placebos and row["list"] == "placebo"
    }
    cells = []
    for row in lexicon_rows:
        if row.get("count") == 0:
            continue
        placebo = placebo_rows.get(tuple(row[key] for key in view.keys))
        estimates = [_estimate(row, view, kinds[view.value])]
        if has_placebos:
            estimates.append("-" if placebo is None else _estimate(placebo, view, kinds[view.value]))
        extra = (_cell(row[key], kinds[key]) for key in view.extra)
        cells.append([*(_short(row[key]) for key in view.keys), *estimates, *extra])
    if not cells:
        return
    names = [*view.keys, *(("SGs [95 %]", "placebo [draws]") if has_placebos else ("value [95 %]",)), *view.extra]
    print()
    print_table(names, cells, view.title)


def _estimate(row: dict[str, Any], view: _View, kind: str) -> str:
    value, low, high = (row[name] for name in (view.value, view.low, view.high))
    text = _number(value, kind)
    if low is None or high is None:
        return text
    return f"{text} [{_number(low, kind, False)}, {_number(high, kind, False)}]"


def _number(value: float | None, kind: str, unit: bool = True) -> str:
    if value is None:
        return "-"
    if kind == "share":
        return f"{100 * value:.1f}" + (" %" if unit else "")
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return "-"
    if kind == "flag":
        return "yes" if value else "no"
    if isinstance(value, float) or kind == "share":
        return _number(value, kind)
    return value


def _short(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= _WIDTH else f"...{text[3 - _WIDTH :]}"


def _print_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], table: "Table", title: str) -> None:
    kinds = [column.kind for column in table.columns]
    cells = [[_cell(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows]
    print_table(names, cells, printable(title))


def _print_orders(analysis: "Analysis", sources: Sequence[str]) -> None:
    """Print which settles first, execution or planning, beside the placebo's answer."""
    for source, order in analysis.phase_orders.items():
        if source not in sources:
            continue
        print(f"\n{printable(source)}. {printable(order.sentence)}")
        placebo = analysis.placebo_phase_orders.get(source)
        if placebo is not None:
            print(f"The same question for a placebo's tokens and the other tokens: {placebo.answer}.")


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
    kinds = [column.kind for column in table.columns]
    rows = [[str(_cell(value, kind)) for value, kind in zip(row, kinds, strict=True)] for row in table.rows]
    lines = [list(table.names), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in lines) for column in range(len(kinds))]
    for row in lines:
        cells = (
            cell.ljust(width) if kind == "text" else cell.rjust(width)
            for cell, width, kind in zip(row, widths, kinds, strict=True)
        )
        print("  ".join(cells).rstrip())
