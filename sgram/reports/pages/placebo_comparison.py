"""What an analysis says of SGs set beside what it says of placebos, and its sources at a glance.

Nothing but rows of tables put side by side: no number is made here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sgram.analysis.table import Column, ColumnKind, Table, build_table
from sgram.reports.pages.table_cells import choose_decimals, format_number, is_number

_WIDTH = 1000
_PLACEBO = "placebo"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlaceboComparisonRow:
    """One quantity of one set of traces: for the SGs with its interval, for the placebos with their range."""

    about: str
    sgs: str
    interval: str
    placebo: str
    reach: str
    """Smallest and largest draw of the placebo."""
    verdict: str
    places: tuple[int, int, int, int, int, int] | None = None
    """Low, value, high of SGs, then of placebos, as places from 0 to 1000 on one scale for the quantity."""


@dataclass(frozen=True, slots=True)
class PlaceboComparison:
    """A quantity with a line for every set of traces."""

    title: str
    unit: str
    rows: tuple[PlaceboComparisonRow, ...]
    n_left: int = 0


@dataclass(frozen=True, slots=True)
class _Quantity:
    table: str
    title: str
    value: str
    low: str
    high: str
    kind: ColumnKind
    about: tuple[str, ...]
    wanted: Callable[[Row], bool] = lambda row: True
    of_last_step: bool = False


_QUANTITIES = (
    _Quantity(
        "shares", "Share of words or tokens that are marked", "value", "low", "high", "share", ("source", "outcome")
    ),
    _Quantity(
        "semantic_entropy",
        "Semantic entropy at equal size",
        "at_size",
        "low",
        "high",
        "number",
        ("source", "outcome", "bins"),
        lambda row: row.get("bins") != "moves",
    ),
    _Quantity(
        "conditional_entropy", "Conditional entropy of what follows", "value", "low", "high", "number", ("source",)
    ),
    _Quantity(
        "tokens",
        "Token entropy of the marked tokens",
        "entropy",
        "entropy_low",
        "entropy_high",
        "number",
        ("source",),
        lambda row: row.get("token_class") == "planning",
    ),
    _Quantity(
        "overlap", "Marked tokens that are of high entropy", "high_given_planning", "low", "high", "share", ("source",)
    ),
    *(
        _Quantity(
            "curves",
            f"{name} at the last step",
            "value",
            "low",
            "high",
            kind,
            ("source",),
            lambda row, series=series: row.get("series") == series,
            of_last_step=True,
        )
        for series, name, kind in (
            ("planning share", "Share that is marked", "share"),
            ("semantic entropy", "Semantic entropy", "number"),
            ("planning entropy", "Token entropy of the marked tokens", "number"),
        )
    ),
)


def compare_with_placebos(tables: Mapping[str, Table], most_rows: int) -> list[PlaceboComparison]:
    """Every quantity that tables know of SGs and of placebos, at most so many lines each."""
    made = []
    for quantity in _QUANTITIES:
        if quantity.table not in tables or "list" not in tables[quantity.table].names:
            continue
        pairs = list(_pairs(quantity, tables[quantity.table]))
        if pairs:
            made.append(_comparison(quantity, pairs, most_rows))
    return made


def _pairs(quantity: _Quantity, table: Table) -> Iterator[tuple[str, Row, Row]]:
    """(what it is of, the row of SGs, the row of placebos); without a placebo no line."""
    rows = [row for row in table.records() if quantity.wanted(row)]
    if quantity.of_last_step:
        last = {row["source"]: row["step"] for row in sorted(rows, key=lambda row: row["step"])}
        rows = [row for row in rows if row["step"] == last[row["source"]]]
    found: dict[str, dict[bool, Row]] = {}
    for row in rows:
        about = " · ".join(str(row[name]) for name in quantity.about if row.get(name) is not None)
        found.setdefault(about, {}).setdefault(row["list"] == _PLACEBO, row)
    for about, both in found.items():
        if len(both) == 2 and is_number(both[False].get(quantity.value)) and is_number(both[True].get(quantity.value)):
            yield about, both[False], both[True]


def _comparison(quantity: _Quantity, pairs: list[tuple[str, Row, Row]], most_rows: int) -> PlaceboComparison:
    ends = (quantity.low, quantity.value, quantity.high)
    numbers = [
        [row.get(name) if is_number(row.get(name)) else None for row in (sgs, placebo) for name in ends]
        for _, sgs, placebo in pairs
    ]
    known = [value for values in numbers for value in values if value is not None]
    low, high = min(known), max(known)
    room = (high - low) * 0.06 or 1.0
    scale, decimals = (100, 1) if quantity.kind == "share" else (1, choose_decimals(known))
    rows = []
    for (about, _, _), values in zip(pairs[:most_rows], numbers, strict=False):
        said = [format_number(value, decimals, scale) for value in values]
        rows.append(
            PlaceboComparisonRow(
                about,
                said[1],
                _range(said[0], said[2]),
                said[4],
                _range(said[3], said[5]),
                _verdict(values),
                _places(values, low - room, high + room),
            )
        )
    return PlaceboComparison(quantity.title, "%" if scale == 100 else "nats", tuple(rows), len(pairs) - len(rows))


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} – {high}"


def _verdict(values: Sequence[float | None]) -> str:
    """Whether the interval of the SGs and the range of the placebos share a point."""
    low, _, high, least, _, most = values
    if None in (low, high, least, most):
        return "no interval"
    if low > most:
        return "above the placebos"
    return "below the placebos" if high < least else "not told apart"


def _places(values: Sequence[float | None], low: float, high: float) -> tuple[int, ...]:
    filled = [values[1] if value is None else value for value in values[:3]]
    filled += [values[4] if value is None else value for value in values[3:]]
    return tuple(round((value - low) / (high - low) * _WIDTH) for value in filled)


# -- at a glance ----------------------------------------------------------------------------------------

_GLANCE = (
    Column("source", "where the traces come from"),
    Column("traces", "responses that were sampled", "count"),
    Column("problems", "different prompts", "count"),
    Column("correct", "traces whose answer is correct, of those that were judged", "share"),
    Column("words_a_trace", "mean length of a trace in words", "number"),
    Column("planning", "words or tokens that belong to an SG", "share"),
    Column("low", "low end of the 95 % interval of the planning share, by bootstrap over problems", "share"),
    Column("high", "high end of it", "share"),
    Column("placebo", "words or tokens that random grams mark, mean over the draws", "share"),
)


def summarize_sources(tables: Mapping[str, Table]) -> Table | None:
    """A line for every source: how much there is of it, how much is correct, how much is planning."""
    if "corpus" not in tables:
        return None
    shares = {
        (row["source"], row["list"] == _PLACEBO): row
        for row in (tables["shares"].records(outcome="all") if "shares" in tables else ())
    }
    records = []
    for row in tables["corpus"].records():
        judged = (row.get("correct") or 0) + (row.get("wrong") or 0)
        sgs, placebo = shares.get((row["source"], False), {}), shares.get((row["source"], True), {})
        records.append(
            {
                "source": row["source"],
                "traces": row["traces"],
                "problems": row["problems"],
                "correct": row["correct"] / judged if judged else None,
                "words_a_trace": row["length"],
                "planning": sgs.get("value"),
                "low": sgs.get("low"),
                "high": sgs.get("high"),
                "placebo": placebo.get("value"),
            }
        )
    return build_table("glance", "The sources at a glance", _GLANCE, records)
