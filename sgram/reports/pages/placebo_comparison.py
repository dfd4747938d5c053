"""Strategic Grams beside placebos, quantity by quantity, and an overview of the sources.

All numbers come from tables of the analysis.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sgram.analysis.collect_traces import RUNS_SCOPE
from sgram.analysis.measure import Measure, Quantity
from sgram.analysis.table import Record, Table, build_table
from sgram.analysis.table_columns import count, interval, number, share, text
from sgram.analysis.trace_counts import SGS
from sgram.statistics import LEVEL, Estimate
from sgram.statistics.student import t_quantile

BEYOND = ("above the placebos", "below the placebos")
NOT_SHOWN = "no difference shown"
NO_INTERVAL = "no interval"
"""Verdict if the SGs have no interval."""
ONE_DRAW = "one draw only"
"""Verdict if the placebo has fewer than two draws."""
EQUAL_DRAWS = "all draws are equal"
_EQUAL = 1e-9
"""Draws that differ by less, relative to their mean or 1, are equal."""
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

    Measures that the report does not show have no comparison. The number of draws is that of the table "placebo";
    without it, the least that can have such a mean and such ends.

    >>> from sgram.analysis.measures.entropies import CONDITIONAL_ENTROPY
    >>> rows = [{"source": "m", "list": "SGs", "value": 2.5, "low": 2.25, "high": 2.75},
    ...         {"source": "m", "list": "placebo", "value": 1.5, "low": 1.4, "high": 1.55}]
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
    n_drawn = _count_draws(tables)
    comparisons = (_compare(f"beside_{number}", *pair, n_drawn) for number, pair in enumerate(quantities, 1))
    return [comparison for comparison in comparisons if comparison is not None]


def _count_draws(tables: Mapping[str, Table]) -> dict[str, int]:
    """Return the number of placebos that were drawn for each scope of texts, of several lexicons the least."""
    draws: dict[str, dict[str, set[float | None]]] = defaultdict(lambda: defaultdict(set))
    for row in tables["placebo"].records() if "placebo" in tables else ():
        if row.get("met"):
            draws[row.text("texts")][row.text("lexicon")].add(row.number("draw"))
    return {scope: min(map(len, by_lexicon.values())) for scope, by_lexicon in draws.items()}


def _compare(name: str, table: Table, quantity: Quantity, n_drawn: Mapping[str, int]) -> PlaceboComparison | None:
    """Return a row for each set of traces that has a value for the SGs and for the placebos; None without any."""
    rows = [
        (row, quantity.estimate(row), quantity.estimate(placebo))
        for row, placebo in quantity.pairs(table)
        if placebo is not None and placebo.number(quantity.value) is not None
    ]
    if not rows:
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
        text(
            "verdict",
            "how the SGs lie to the placebos: beyond them if their interval shares no point with the draws, and their "
            "value lies outside the 95 % prediction interval of one more draw",
        ),
    )
    records = [
        {
            "of": " · ".join(filter(None, map(row.text, quantity.keys))),
            **interval(sgs, "SGs"),
            "placebo": placebo.value,
            "draws_low": placebo.low,
            "draws_high": placebo.high,
            "verdict": _verdict(sgs, placebo, n_drawn.get(row.text("source"), n_drawn.get(RUNS_SCOPE, 0))),
        }
        for row, sgs, placebo in rows
    ]
    title = f"{quantity.title[:1].upper()}{quantity.title[1:]}{unit}"
    return PlaceboComparison(
        build_table(name, title, columns, records), _positions([estimates for _, *estimates in rows])
    )


def _verdict(sgs: Estimate, placebo: Estimate, n_drawn: int) -> str:
    """Return how the SGs lie to the placebo; `n_drawn` is its number of draws, 0 if it is not known.

    A random lexicon lies outside the range of three others with probability 1/2. Beyond the placebo is therefore only
    what also lies outside the 95 % prediction interval of one more draw.
    """
    if placebo.value is None or placebo.ends is None:
        return ONE_DRAW
    half_width = _prediction_half_width(placebo.value, *placebo.ends, n_drawn)
    if half_width is None:
        return EQUAL_DRAWS
    if sgs.value is None or sgs.ends is None:
        return NO_INTERVAL
    above, below = BEYOND
    if sgs.ends[0] > placebo.ends[1] and sgs.value > placebo.value + half_width:
        return above
    return below if sgs.ends[1] < placebo.ends[0] and sgs.value < placebo.value - half_width else NOT_SHOWN


def _prediction_half_width(mean: float, low: float, high: float, n_drawn: int) -> float | None:
    """Return half the width of the 95 % prediction interval of one more draw; None if the draws are equal.

    It is t(.975; n-1) · s · √(1 + 1/n), for normal draws. Tables hold the mean of the draws and their ends. These
    determine two or three draws; of more, s is the largest standard deviation that they allow, so that the interval is
    too wide rather than too narrow.

    >>> round(_prediction_half_width(2.0, 1.0, 3.0, 2), 2)  # 12.71 · √2 · √1.5
    22.01
    """
    least_gap = min(mean - low, high - mean)
    if least_gap <= _EQUAL * max(1.0, abs(mean)):
        return None
    # n draws with these ends have a mean at least (high - low) / n away from either end; two draws meet in the middle
    n_least = math.ceil((high - low) / least_gap - 1e-6)
    n = n_least if n_least == 2 else max(n_least, n_drawn)
    return _t_quantile(n - 1) * _largest_deviation(mean, low, high, n) * math.sqrt(1 + 1 / n)


def _largest_deviation(mean: float, low: float, high: float, n: int) -> float:
    """Return the standard deviation of the `n` draws with that mean and these ends that spread most.

    All draws but one are at the ends.

    >>> round(_largest_deviation(2.25, 1.0, 5.0, 4), 3)  # of 5, 2, 1, 1: √(10.75 / 3)
    1.893
    """
    n_high, rest = divmod(n * (mean - low) / (high - low), 1)
    inner, n_low = low + rest * (high - low), n - n_high - 1
    squares = n_high * (high - mean) ** 2 + (inner - mean) ** 2 + n_low * (low - mean) ** 2
    return math.sqrt(squares / (n - 1))


def _t_quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t: exact for 1 and 2 degrees of freedom, within .3 % for more.

    It needs no scipy, which a report does not require.

    >>> round(_t_quantile(1), 3), round(_t_quantile(2), 3)
    (12.706, 4.303)
    """
    if freedom == 1:
        return math.tan(math.pi * LEVEL / 2)
    return LEVEL * math.sqrt(2 / (1 - LEVEL**2)) if freedom == 2 else t_quantile(freedom)


def _positions(pairs: Sequence[Sequence[Estimate]]) -> tuple[tuple[int, ...], ...]:
    """Return the positions of each row on the scale of all; a missing end has the position of its value."""
    rows = [(*ends_and_value(sgs), *ends_and_value(placebo)) for sgs, placebo in pairs]
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
