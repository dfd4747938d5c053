"""Strategic Grams beside placebos, quantity by quantity, and an overview of the sources.

All numbers come from tables of the analysis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sgram.analysis.measure import Measure, Quantity
from sgram.analysis.table import Column, Record, Table, build_table
from sgram.analysis.trace_counts import PLACEBO, SGS
from sgram.reports.pages.table_cells import choose_decimals, format_number
from sgram.statistics import Estimate

_SCALE_WIDTH = 1000
_SCALE_MARGIN = 0.06
"""Part of the range that is left free at either end of a scale."""


@dataclass(frozen=True, slots=True)
class PlaceboComparisonRow:
    """A quantity of one set of traces, as text: of the SGs with its interval, of the placebos with their range."""

    subject: str
    """The set of traces: its source, and what else identifies it, such as the outcome."""
    sgs: str
    interval: str
    placebo: str
    draw_range: str
    """Smallest and largest draw of the placebo."""
    verdict: str
    positions: tuple[int, ...]
    """Low end, value and high end of the SGs, then of the placebos, on a scale from 0 to 1000 for the quantity."""


@dataclass(frozen=True, slots=True)
class PlaceboComparison:
    """A quantity with a row for each set of traces."""

    title: str
    unit: str
    """"%", the unit of the numbers, or "" for pure numbers."""
    rows: tuple[PlaceboComparisonRow, ...]
    n_omitted: int = 0


class _Pair(NamedTuple):
    subject: str
    sgs: Estimate
    placebo: Estimate


def compare_with_placebos(
    measures: Sequence[Measure], tables: Mapping[str, Table], max_rows: int
) -> list[PlaceboComparison]:
    """Return every quantity that `tables` hold for SGs and for placebos, with at most `max_rows` rows each.

    Measures that the report does not show have no comparison.

    >>> from sgram.analysis.entropies import CONDITIONAL_ENTROPY
    >>> rows = [{"source": "m", "list": "SGs", "value": 2.5, "low": 2.25, "high": 2.75},
    ...         {"source": "m", "list": "placebo", "value": 1.5, "low": 1.25, "high": 1.75}]
    >>> tables = {"conditional_entropy": build_table("conditional_entropy", "", CONDITIONAL_ENTROPY.columns, rows)}
    >>> (row,) = compare_with_placebos([CONDITIONAL_ENTROPY], tables, max_rows=10)[0].rows
    >>> row.sgs, row.interval, row.verdict
    ('2.50', '2.25 – 2.75', 'above the placebos')
    """
    comparisons = []
    for measure in measures:
        if measure.section and measure.name in tables:
            table = tables[measure.name]
            for quantity in measure.quantities:
                pairs = _pairs(quantity, table)
                if pairs:
                    comparisons.append(_compare(quantity, pairs, quantity.is_share(table), max_rows))
    return comparisons


def _pairs(quantity: Quantity, table: Table) -> list[_Pair]:
    """Return a pair for each set of traces that has a value for the SGs and for the placebos."""
    return [
        _Pair(
            " · ".join(text for text in map(row.text, quantity.keys) if text),
            quantity.estimate(row),
            quantity.estimate(placebo),
        )
        for row, placebo in quantity.pairs(table)
        if placebo is not None and placebo.number(quantity.value) is not None
    ]


def _compare(quantity: Quantity, pairs: list[_Pair], is_share: bool, max_rows: int) -> PlaceboComparison:
    numbers = [
        number
        for pair in pairs
        for estimate in (pair.sgs, pair.placebo)
        for number in (estimate.low, estimate.value, estimate.high)
        if number is not None
    ]
    low, high = min(numbers), max(numbers)
    margin = (high - low) * _SCALE_MARGIN or 1.0
    ends = low - margin, high + margin
    scale, decimals = (100, 1) if is_share else (1, choose_decimals(numbers))
    rows = [
        PlaceboComparisonRow(
            pair.subject,
            format_number(pair.sgs.value, decimals, scale),
            _format_range(pair.sgs, decimals, scale),
            format_number(pair.placebo.value, decimals, scale),
            _format_range(pair.placebo, decimals, scale),
            _verdict(pair),
            (*_positions(pair.sgs, *ends), *_positions(pair.placebo, *ends)),
        )
        for pair in pairs[:max_rows]
    ]
    title = quantity.title[:1].upper() + quantity.title[1:]
    return PlaceboComparison(title, "%" if is_share else quantity.unit, tuple(rows), len(pairs) - len(rows))


def _format_range(estimate: Estimate, decimals: int, scale: float) -> str:
    low, high = (format_number(end, decimals, scale) for end in (estimate.low, estimate.high))
    return low if low == high else f"{low} – {high}"


def _verdict(pair: _Pair) -> str:
    """Return how the interval of the SGs lies to the range of the placebos."""
    if pair.sgs.ends is None or pair.placebo.ends is None:
        return "no interval"
    (low, high), (placebo_low, placebo_high) = pair.sgs.ends, pair.placebo.ends
    if low > placebo_high:
        return "above the placebos"
    return "below the placebos" if high < placebo_low else "no difference shown"


def _positions(estimate: Estimate, scale_low: float, scale_high: float) -> list[int]:
    """Return the positions of the low end, the value and the high end; a missing end has the position of its value."""
    numbers = (estimate.value if number is None else number for number in (estimate.low, estimate.value, estimate.high))
    return [round(((number or 0.0) - scale_low) / (scale_high - scale_low) * _SCALE_WIDTH) for number in numbers]


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
    shares = tables["shares"].records(outcome="all") if "shares" in tables else []
    share_rows = {(row["source"], row["list"]): row for row in shares}
    records = []
    for row in tables["corpus"].records():
        n_correct, n_wrong = row.number("correct") or 0.0, row.number("wrong") or 0.0
        sgs = share_rows.get((row["source"], SGS), Record())
        placebo = share_rows.get((row["source"], PLACEBO), Record())
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
