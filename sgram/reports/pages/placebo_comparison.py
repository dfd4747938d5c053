"""Strategic Grams beside placebos, quantity by quantity, and an overview of the sources.

All numbers come from tables of the analysis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sgram.analysis.measure import Measure, Quantity
from sgram.analysis.table import Record, Table, build_table
from sgram.analysis.table_columns import count, interval, number, share, text
from sgram.analysis.trace_counts import SGS
from sgram.statistics import Estimate

_SCALE_WIDTH = 1000
_SCALE_MARGIN = 0.06
"""Part of the range that is left free at either end of a scale."""


@dataclass(frozen=True, slots=True)
class PlaceboComparison:
    """A quantity of the SGs beside that of the placebos."""

    table: Table
    """A row for each set of traces."""
    positions: tuple[tuple[int, ...], ...]
    """For each row the low end, value and high end of the SGs, then of the placebos, on a scale from 0 to 1000."""


def compare_with_placebos(measures: Sequence[Measure], tables: Mapping[str, Table]) -> list[PlaceboComparison]:
    """Return every quantity that `tables` hold for SGs and for placebos.

    Measures that the report does not show have no comparison.

    >>> from sgram.analysis.measures.entropies import CONDITIONAL_ENTROPY
    >>> rows = [{"source": "m", "list": "SGs", "value": 2.5, "low": 2.25, "high": 2.75},
    ...         {"source": "m", "list": "placebo", "value": 1.5, "low": 1.25, "high": 1.75}]
    >>> tables = {"conditional_entropy": build_table("conditional_entropy", "", CONDITIONAL_ENTROPY.columns, rows)}
    >>> (comparison,) = compare_with_placebos([CONDITIONAL_ENTROPY], tables)
    >>> comparison.table.records()[0]["verdict"]
    'above the placebos'
    """
    quantities = [
        (tables[measure.name], quantity)
        for measure in measures
        if measure.section and measure.name in tables
        for quantity in measure.quantities
    ]
    comparisons = (_compare(f"beside_{number}", *pair) for number, pair in enumerate(quantities, 1))
    return [comparison for comparison in comparisons if comparison is not None]


def _compare(name: str, table: Table, quantity: Quantity) -> PlaceboComparison | None:
    """Return a row for each set of traces that has a value for the SGs and for the placebos; None without any."""
    pairs = [
        (" · ".join(filter(None, map(row.text, quantity.keys))), quantity.estimate(row), quantity.estimate(placebo))
        for row, placebo in quantity.pairs(table)
        if placebo is not None and placebo.number(quantity.value) is not None
    ]
    if not pairs:
        return None
    column = share if quantity.is_share(table) else number
    unit = f", {quantity.unit}" if quantity.unit not in ("", "share") else ""
    columns = (
        text("of", "the set of traces: its source, and what else identifies it"),
        column("SGs", "the grams of the lexicon"),
        column("low", "95 % interval of the SGs"),
        column("high", "its high end"),
        column("placebo", "random grams, mean over the draws"),
        column("draws_low", "smallest and largest draw of the placebo"),
        column("draws_high", "its largest draw"),
        text("verdict", "how the interval of the SGs lies to the draws of the placebo"),
    )
    records = [
        {
            "of": subject,
            **interval(sgs, "SGs"),
            "placebo": placebo.value,
            "draws_low": placebo.low,
            "draws_high": placebo.high,
            "verdict": _verdict(sgs, placebo),
        }
        for subject, sgs, placebo in pairs
    ]
    title = f"{quantity.title[:1].upper()}{quantity.title[1:]}{unit}"
    return PlaceboComparison(build_table(name, title, columns, records), _positions(pairs))


def _verdict(sgs: Estimate, placebo: Estimate) -> str:
    """Return how the interval of the SGs lies to the range of the placebos."""
    if sgs.ends is None or placebo.ends is None:
        return "no interval"
    if sgs.ends[0] > placebo.ends[1]:
        return "above the placebos"
    return "below the placebos" if sgs.ends[1] < placebo.ends[0] else "no difference shown"


def _positions(pairs: Sequence[tuple[str, Estimate, Estimate]]) -> tuple[tuple[int, ...], ...]:
    """Return the positions of each row on the scale of all; a missing end has the position of its value."""
    rows = [(*ends_and_value(sgs), *ends_and_value(placebo)) for _, sgs, placebo in pairs]
    low, high = min(map(min, rows)), max(map(max, rows))
    margin = (high - low) * _SCALE_MARGIN or 1.0
    width = high - low + 2 * margin
    return tuple(tuple(round((number - low + margin) / width * _SCALE_WIDTH) for number in row) for row in rows)


def ends_and_value(estimate: Estimate) -> tuple[float, float, float]:
    """Return the low end, the value and the high end; ends that are missing are the value."""
    value = estimate.value or 0.0
    low, high = estimate.ends or (value, value)
    return low, value, high


# -- overview -------------------------------------------------------------------------------------------

_OVERVIEW_COLUMNS = (
    text("source", "where the traces come from"),
    count("traces", "responses that were sampled"),
    count("problems", "different prompts"),
    share("correct", "traces whose answer is correct, of those that were judged"),
    number("words_a_trace", "mean length of a trace in words"),
    share("planning", "words or tokens that belong to an SG"),
    share("low", "low end of the 95 % interval of the planning share, by bootstrap over problems"),
    share("high", "high end of it"),
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
            }
        )
    return build_table("glance", "The sources at a glance", _OVERVIEW_COLUMNS, records)
