"""The tables of an analysis as a terminal shows them, placebos beside what they control. Nothing but printing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sgram.cli.console import note, printable, show_table
from sgram.errors import UsageError

if TYPE_CHECKING:
    from sgram.analysis import Analysis, Table

_SOURCES_SHOWN = 12
_WIDTH = 30


def check_tables(names: Iterable[str]) -> None:
    """Refuse names of tables that there never are."""
    from sgram.analysis import TABLES

    for name in names:
        if name not in TABLES:
            raise UsageError(f"there is no table {name!r}; there are {', '.join(TABLES)}")


@dataclass(frozen=True, slots=True)
class _View:
    """How a table is shown: the rows of the lexicon, each with the placebo's value beside it."""

    name: str
    title: str
    keys: tuple[str, ...]
    value: str = "value"
    low: str = "low"
    high: str = "high"
    where: tuple[tuple[str, Any], ...] = ()
    more: tuple[str, ...] = ()
    """Columns of the same row, shown after."""


_VIEWS = (
    _View("success", "how often they are correct", ("source", "measure"), more=("problems", "samples")),
    _View("shares", "planning share", ("source", "outcome", "unit"), more=("traces",)),
    _View(
        "semantic_entropy",
        "semantic entropy at equal size, nats",
        ("source", "bins"),
        "at_size",
        where=(("outcome", "all"),),
        more=("size", "occurrences"),
    ),
    _View("conditional_entropy", "entropy of what follows a span, nats", ("source",), more=("size", "occurrences")),
    _View("tokens", "token entropy, nats", ("source", "token_class"), "entropy", "entropy_low", "entropy_high"),
    _View("tokens", "perplexity", ("source", "token_class"), "perplexity", "perplexity_low", "perplexity_high"),
    _View(
        "overlap",
        "planning tokens that are of high entropy",
        ("source",),
        "high_given_planning",
        more=("planning_given_high", "chance"),
    ),
    _View(
        "errors",
        "kinds of errors, of wrong traces",
        ("source", "kind"),
        "share",
        where=(("step", None),),
        more=("count",),
    ),
    _View(
        "equations",
        "equations that do not hold",
        ("source", "outcome"),
        "wrong_share",
        more=("right", "wrong", "unchecked"),
    ),
)


def show_analysis(made: "Analysis") -> None:
    """Print the main tables, of the first sources where there are many."""
    shown = made.sources[:_SOURCES_SHOWN]
    corpus = made.tables["corpus"]
    _show(corpus.names, [row for row in corpus.rows if row[0] in shown], corpus, made.title)
    for view in _VIEWS:
        if view.name in made.tables:
            _show_view(made.tables[view.name], view, shown)
    _show_orders(made, shown)
    if len(made.sources) > len(shown):
        note(f"{len(made.sources) - len(shown)} more sources; --csv, --table and --json tell all")
    if "grams" in made.tables:
        note(f"tables: {', '.join(made.tables)}; --table NAME prints one whole")


def _show_view(table: "Table", view: _View, shown: Sequence[str]) -> None:
    rows = [row for row in table.records(**dict(view.where)) if row["source"] in shown]
    held = {column.name: column.kind for column in table.columns}
    lists = {"list"} & set(table.names)
    first = [row for row in rows if not lists or row["list"] != "placebo"]
    beside = {tuple(row[key] for key in view.keys): row for row in rows if lists and row["list"] == "placebo"}
    cells = []
    for row in first:
        if row.get("count") == 0:
            continue
        placebo = beside.get(tuple(row[key] for key in view.keys))
        values = [_estimate(row, view, held[view.value])]
        if lists:
            values.append("-" if placebo is None else _estimate(placebo, view, held[view.value]))
        more = (_cell(row[key], held[key]) for key in view.more)
        cells.append([*(_short(row[key]) for key in view.keys), *values, *more])
    if not cells:
        return
    names = [*view.keys, *(("SGs [95 %]", "placebo [draws]") if lists else ("value [95 %]",)), *view.more]
    print()
    show_table(names, cells, view.title)


def _estimate(row: dict[str, Any], view: _View, kind: str) -> str:
    value, low, high = (row[name] for name in (view.value, view.low, view.high))
    told = _number(value, kind)
    if low is None or high is None:
        return told
    return f"{told} [{_number(low, kind, False)}, {_number(high, kind, False)}]"


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


def _show(names: Sequence[str], rows: Iterable[Sequence[Any]], table: "Table", title: str) -> None:
    kinds = [column.kind for column in table.columns]
    cells = [[_cell(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows]
    show_table(names, cells, printable(title))


def _show_orders(made: "Analysis", shown: Sequence[str]) -> None:
    """The verdict on the order of settling, each beside the placebo's."""
    for source, order in made.orders.items():
        if source not in shown:
            continue
        print(f"\n{printable(source)}. {printable(order.sentence)}")
        placebo = made.placebo_orders.get(source)
        if placebo is not None:
            print(f"Of a placebo's tokens and the others, the same question: {placebo.answer}.")


def show_tables(made: "Analysis", names: Iterable[str]) -> None:
    """Print whole tables; `UsageError` for one that these inputs do not allow."""
    for place, name in enumerate(names):
        if name not in made.tables:
            raise UsageError(f"these inputs allow no table {name}; there are {', '.join(made.tables)}")
        table = made.tables[name]
        if place:
            print()
        _print_whole(table)
        if table.note:
            note(table.note)


def _print_whole(table: "Table") -> None:
    """Every cell in full, whatever the terminal's width: a pipe gets all of it."""
    kinds = [column.kind for column in table.columns]
    rows = [[str(_cell(value, kind)) for value, kind in zip(row, kinds, strict=True)] for row in table.rows]
    shown = [list(table.names), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in shown) for place in range(len(kinds))]
    for row in shown:
        cells = (
            cell.ljust(width) if kind == "text" else cell.rjust(width)
            for cell, width, kind in zip(row, widths, kinds, strict=True)
        )
        print("  ".join(cells).rstrip())
