"""Strategic Grams beside placebos, quantity by quantity, and an overview of the sources.

All numbers come from tables of the analysis.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sgram.analysis.table import Column, ColumnKind, Record, Table, build_table
from sgram.reports.pages.table_cells import choose_decimals, format_number

_SCALE_WIDTH = 1000
_SCALE_MARGIN = 0.06
"""Part of the range that is left free at either end of a scale."""
_PLACEBO = "placebo"

Positions = tuple[int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class PlaceboComparisonRow:
    """A quantity of one set of traces, as text: of the SGs with its interval, of the placebos with their range."""

    subject: str
    """The set of traces: its source, and what else tells it from others, such as the outcome."""
    sgs: str
    interval: str
    placebo: str
    draw_range: str
    """Smallest and largest draw of the placebo."""
    verdict: str
    positions: Positions | None = None
    """Low end, value and high end of the SGs, then of the placebos, on a scale from 0 to 1000 for the quantity."""


@dataclass(frozen=True, slots=True)
class PlaceboComparison:
    """A quantity with a row for each set of traces."""

    title: str
    unit: str
    rows: tuple[PlaceboComparisonRow, ...]
    n_omitted: int = 0


class _RangedValue(NamedTuple):
    """A number with the ends of its interval, or of the range of its draws."""

    low: float | None
    value: float
    high: float | None


class _PlaceboPair(NamedTuple):
    """A quantity of the SGs and of the placebos for one set of traces."""

    subject: str
    sgs: _RangedValue
    placebo: _RangedValue

    @property
    def numbers(self) -> list[float]:
        return [number for number in (*self.sgs, *self.placebo) if number is not None]


def _any_row(_: Record) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Quantity:
    """Where a quantity stands in the tables: its columns, its rows, and the columns that name a set of traces."""

    table: str
    title: str
    value: str
    low: str
    high: str
    kind: ColumnKind
    subject_columns: tuple[str, ...]
    is_included: Callable[[Record], bool] = _any_row
    only_last_step: bool = False

    def read(self, row: Record) -> _RangedValue | None:
        """Return the quantity of a row; None if it has no value."""
        value = row.number(self.value)
        return None if value is None else _RangedValue(row.number(self.low), value, row.number(self.high))


def _series_filter(series: str) -> Callable[[Record], bool]:
    return lambda row: row.get("series") == series


_LAST_STEP_SERIES: tuple[tuple[str, str, ColumnKind], ...] = (
    ("planning share", "Share that is marked", "share"),
    ("semantic entropy", "Semantic entropy", "number"),
    ("planning entropy", "Token entropy of the marked tokens", "number"),
)
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
            _series_filter(series),
            only_last_step=True,
        )
        for series, name, kind in _LAST_STEP_SERIES
    ),
)


def compare_with_placebos(tables: Mapping[str, Table], max_rows: int) -> list[PlaceboComparison]:
    """Return every quantity that `tables` hold for SGs and for placebos, with at most `max_rows` rows each.

    >>> columns = [Column(name, "") for name in ("source", "list", "value", "low", "high")]
    >>> rows = [{"source": "m", "list": "SGs", "value": 2.5, "low": 2.25, "high": 2.75},
    ...         {"source": "m", "list": "placebo", "value": 1.5, "low": 1.25, "high": 1.75}]
    >>> tables = {"conditional_entropy": build_table("conditional_entropy", "", columns, rows)}
    >>> (row,) = compare_with_placebos(tables, max_rows=10)[0].rows
    >>> row.sgs, row.interval, row.verdict
    ('2.50', '2.25 – 2.75', 'above the placebos')
    """
    comparisons = []
    for quantity in _QUANTITIES:
        if quantity.table not in tables or "list" not in tables[quantity.table].names:
            continue
        pairs = list(_pairs(quantity, tables[quantity.table]))
        if pairs:
            comparisons.append(_compare(quantity, pairs, max_rows))
    return comparisons


def _pairs(quantity: _Quantity, table: Table) -> Iterator[_PlaceboPair]:
    """Yield a pair for each set of traces whose value is there for the SGs and for the placebos."""
    rows = [row for row in table.records() if quantity.is_included(row)]
    if quantity.only_last_step:
        by_step = sorted(rows, key=lambda row: row.number("step") or 0.0)
        last_step = {row["source"]: row["step"] for row in by_step}
        rows = [row for row in rows if row["step"] == last_step[row["source"]]]
    rows_of_subject: dict[str, dict[bool, Record]] = {}
    for row in rows:
        subject = " · ".join(str(row[name]) for name in quantity.subject_columns if row.get(name) is not None)
        rows_of_subject.setdefault(subject, {}).setdefault(row["list"] == _PLACEBO, row)
    for subject, row_of_list in rows_of_subject.items():
        if len(row_of_list) == 2:
            sgs, placebo = quantity.read(row_of_list[False]), quantity.read(row_of_list[True])
            if sgs is not None and placebo is not None:
                yield _PlaceboPair(subject, sgs, placebo)


def _compare(quantity: _Quantity, pairs: list[_PlaceboPair], max_rows: int) -> PlaceboComparison:
    numbers = [number for pair in pairs for number in pair.numbers]
    low, high = min(numbers), max(numbers)
    margin = (high - low) * _SCALE_MARGIN or 1.0
    scale, decimals = (100, 1) if quantity.kind == "share" else (1, choose_decimals(numbers))
    rows = []
    for pair in pairs[:max_rows]:
        sgs = [format_number(number, decimals, scale) for number in pair.sgs]
        placebo = [format_number(number, decimals, scale) for number in pair.placebo]
        rows.append(
            PlaceboComparisonRow(
                pair.subject,
                sgs[1],
                _format_range(sgs[0], sgs[2]),
                placebo[1],
                _format_range(placebo[0], placebo[2]),
                _verdict(pair),
                _scale_positions(pair, low - margin, high + margin),
            )
        )
    return PlaceboComparison(quantity.title, "%" if scale == 100 else "nats", tuple(rows), len(pairs) - len(rows))


def _format_range(low: str, high: str) -> str:
    return low if low == high else f"{low} – {high}"


def _verdict(pair: _PlaceboPair) -> str:
    """Return how the interval of the SGs lies to the range of the placebos."""
    low, high, placebo_low, placebo_high = pair.sgs.low, pair.sgs.high, pair.placebo.low, pair.placebo.high
    if low is None or high is None or placebo_low is None or placebo_high is None:
        return "no interval"
    if low > placebo_high:
        return "above the placebos"
    return "below the placebos" if high < placebo_low else "not told apart"


def _scale_positions(pair: _PlaceboPair, scale_low: float, scale_high: float) -> Positions:
    """Return the positions of both intervals on the scale; a missing end has the position of its value."""

    def position(number: float | None, value: float) -> int:
        shifted = (value if number is None else number) - scale_low
        return round(shifted / (scale_high - scale_low) * _SCALE_WIDTH)

    sgs, placebo = pair.sgs, pair.placebo
    return (
        position(sgs.low, sgs.value),
        position(sgs.value, sgs.value),
        position(sgs.high, sgs.value),
        position(placebo.low, placebo.value),
        position(placebo.value, placebo.value),
        position(placebo.high, placebo.value),
    )


# -- overview -------------------------------------------------------------------------------------------

_OVERVIEW_COLUMNS = (
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
    """Return a table with a row for each source: its size, correctness and planning share; None without a corpus.

    >>> summarize_sources({}) is None
    True
    """
    if "corpus" not in tables:
        return None
    share_rows = {
        (row["source"], row["list"] == _PLACEBO): row
        for row in (tables["shares"].records(outcome="all") if "shares" in tables else ())
    }
    records = []
    for row in tables["corpus"].records():
        n_correct, n_wrong = row.number("correct") or 0.0, row.number("wrong") or 0.0
        sgs = share_rows.get((row["source"], False), Record())
        placebo = share_rows.get((row["source"], True), Record())
        records.append(
            {
                "source": row["source"],
                "traces": row["traces"],
                "problems": row["problems"],
                "correct": n_correct / (n_correct + n_wrong) if n_correct + n_wrong else None,
                "words_a_trace": row["length"],
                "planning": sgs.get("value"),
                "low": sgs.get("low"),
                "high": sgs.get("high"),
                "placebo": placebo.get("value"),
            }
        )
    return build_table("glance", "The sources at a glance", _OVERVIEW_COLUMNS, records)
