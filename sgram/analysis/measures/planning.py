"""Measures `shares`, `moves` and `scaling`: how much of the traces is planning, and of which kind."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sgram.analysis.columns_store import ListColumns
from sgram.analysis.figure_specs import BinPlot, DotMark, DotPlot, Panel
from sgram.analysis.findings import MIN_OUTCOMES, Comparison, Contrast, Discoveries, FindingContext, Level, to_estimate
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.table import Record, Table
from sgram.analysis.table_columns import (
    INTERVAL,
    LIST,
    OUTCOME,
    SHARE_INTERVAL,
    SOURCE,
    count,
    interval,
    number,
    share,
    text,
)
from sgram.analysis.trace_counts import ALL, TraceCounts
from sgram.array_types import FloatArray, IntArray
from sgram.lexicon import MOVES
from sgram.statistics import Estimate, difference
from sgram.traces.trace_keys import OUTCOMES

N_BINS = 8
"""Most bins of length; each has about the same number of traces."""
MIN_BIN = 10
"""Fewest traces in a bin of length."""


def planning_unit(counts: TraceCounts, rows: IntArray) -> str:
    """Return the unit in which planning is counted: "tokens" if they are known of all traces in `rows`, or "words"."""
    return "tokens" if len(rows) and (counts.columns.lists[0].tokens[rows, 0] >= 0).all() else "words"


def planning_sizes(
    counts: TraceCounts, gram_list: ListColumns, rows: IntArray, unit: str
) -> tuple[FloatArray, FloatArray]:
    """Return the numbers of planning units and of all units of each trace, (rows,) each."""
    if unit == "tokens":
        tokens = gram_list.tokens[rows].astype(float)
        return tokens[:, 0], tokens.sum(axis=1)
    return gram_list.words[rows].astype(float), counts.columns.words[rows].astype(float)


def planning_share_estimator(counts: TraceCounts, rows: IntArray, unit: str) -> Callable[[ListColumns], Estimate]:
    """Return a function from a gram list to its pooled planning share in the traces in `rows`."""
    resamples = counts.row_resamples(rows)
    return lambda gram_list: resamples.ratio(*planning_sizes(counts, gram_list, rows, unit))


def outcome_rows(counts: TraceCounts, source: int, judged_only: bool = False) -> Iterator[tuple[str, IntArray]]:
    """Yield ("all", all rows of the source), then each outcome with its rows, if it occurs.

    With `judged_only`, the outcome "not judged" is left out.
    """
    yield ALL, counts.rows(source)
    for outcome, name in enumerate(OUTCOMES):
        rows = counts.rows(source, outcome)
        if len(rows) and not (judged_only and name == OUTCOMES[2]):
            yield name, rows


def _share_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    counts = data.counts
    for source, source_name in enumerate(counts.source_names):
        unit = planning_unit(counts, counts.rows(source))
        for outcome, rows in outcome_rows(counts, source):
            sizes = {"traces": len(rows), "problems": counts.row_resamples(rows).n_problems, "unit": unit}
            estimator = planning_share_estimator(counts, rows, unit)
            for list_name, planning_share in counts.estimate_lists(source, estimator):
                cells = {"source": source_name, "outcome": outcome, "list": list_name}
                yield {**cells, **sizes, **interval(planning_share)}


SHARES = Measure(
    "shares",
    "How much is planning",
    (
        SOURCE,
        OUTCOME,
        LIST,
        share("value", "planning words or tokens, of all of them pooled"),
        *SHARE_INTERVAL,
        count("traces", "traces"),
        count("problems", "problems, which are resampled"),
        text("unit", "what is counted: words or tokens"),
    ),
    _share_records,
    needs="Planning shares need traces with words in them",
    section="dynamics",
    quantities=(Quantity("planning share", keys=("source", "outcome", "unit"), extra=("traces",), is_matched=True),),
    figures=(
        DotPlot(
            "planning-share",
            "How much of a trace is planning",
            "Share of the words or tokens that belong to a Strategic Gram.",
            (Panel("planning share", "% of {unit}", (DotMark("SGs", where={"list": "SGs"}),), scale=100),),
            row_by="outcome",
            remark="{traces} traces, {problems} problems",
            key="bars: 95 % intervals",
        ),
    ),
    questions=(
        Level(name="planning share", subject="the planning share", where={"outcome": "all"}, n="traces", rank=8),
        Contrast(name="planning by outcome", subject="the planning share", n="traces", rank=8),
    ),
)


def _move_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    counts = data.counts
    for source, source_name in enumerate(counts.source_names):
        move_of_gram = _move_indices(counts, source)
        for outcome, rows in outcome_rows(counts, source, judged_only=True):
            resamples = counts.row_resamples(rows)
            words = counts.columns.words[rows].astype(float)
            traces, grams, _ = counts.spans(counts.columns.lists[0], rows)
            for move_index, move in enumerate(MOVES):
                spans = np.bincount(traces[move_of_gram[grams] == move_index], minlength=len(rows)).astype(float)
                yield {
                    "source": source_name,
                    "move": move,
                    "outcome": outcome,
                    "count": int(spans.sum()),
                    **interval(resamples.ratio(1000 * spans, words), "per_1000_words"),
                    "traces_share": float((spans > 0).mean()),
                }


def _move_indices(counts: TraceCounts, source: int) -> IntArray:
    """Return the index in `MOVES` of the move of each gram of the source's lexicon."""
    lexicon = counts.lexicon(source)
    return np.array([MOVES.index(cluster.move) for cluster in lexicon.clusters for _ in cluster.grams], np.int64)


class MoveDifferences(Discoveries):
    """Which moves are more frequent in wrong or in correct traces; all sources and moves are judged together."""

    def comparisons(self, table: Table, context: FindingContext) -> Iterator[Comparison]:
        """Yield the rate in wrong traces less that in correct ones, for each source and move."""
        for source in context.sources:
            if min(context.n_judged(source) or (MIN_OUTCOMES,)) < MIN_OUTCOMES:
                continue
            rows = {(row.text("move"), row["outcome"]): row for row in table.records(source=source)}
            for move in MOVES:
                sides = [
                    self.interval(rows[move, outcome]) if (move, outcome) in rows else None
                    for outcome in ("correct", "wrong")
                ]
                if sides[0] is not None and sides[1] is not None:
                    estimates = to_estimate(sides[0]), to_estimate(sides[1])
                    yield Comparison(source, move, difference(sides[1], sides[0]), estimates)


MOVE_RATES = Measure(
    "moves",
    "Which moves the planning makes",
    (
        SOURCE,
        text("move", "what a span does for the reasoning"),
        OUTCOME,
        count("count", "spans, none inside another"),
        number("per_1000_words", "spans per 1,000 words"),
        *INTERVAL,
        share("traces_share", "traces that hold at least one"),
    ),
    _move_records,
    "Random grams make no moves, so a placebo has no rows here; its share of words is in the table shares.",
    needs="Moves need traces in which grams of the lexicon occur",
    section="lexicon",
    figures=(
        DotPlot(
            "moves",
            "Moves, in correct and in wrong traces",
            "Strategic Grams of each move per 1,000 words; moves that a source never makes are left out. Random grams "
            "make no moves: no placebo stands beside these.",
            (
                Panel(
                    "",
                    "SGs per 1,000 words",
                    (
                        DotMark("correct", "per_1000_words", where={"outcome": "correct"}),
                        DotMark("wrong", "per_1000_words", where={"outcome": "wrong"}),
                        DotMark("all", "per_1000_words", where={"outcome": "all"}),
                    ),
                ),
            ),
            row_by="move",
            remark="{count} SGs",
            key="blue dots: correct, orange squares: wrong, black dots: all traces; 95 % intervals",
        ),
    ),
    questions=(
        MoveDifferences(
            name="moves by outcome",
            subject="moves",
            unit="per 1,000 words",
            value="per_1000_words",
            things="rates of moves",
            named_by="move",
            words=("more frequent in correct traces", "more frequent in wrong traces"),
        ),
    ),
)


def _scaling_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    for source in range(data.counts.n_sources):
        yield from _bin_records(data.counts, source)


def _bin_records(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
    rows = counts.rows(source)
    words = counts.columns.words[rows]
    n_bins = min(N_BINS, len(rows) // MIN_BIN)
    if n_bins < 2:
        return
    bounds = np.unique(np.quantile(words, np.arange(1, n_bins) / n_bins, method="lower"))
    bin_of_trace = np.searchsorted(bounds, words, "left")
    unit = planning_unit(counts, rows)
    for bin_index in np.unique(bin_of_trace).tolist():
        bin_rows = rows[bin_of_trace == bin_index]
        bin_words = counts.columns.words[bin_rows]
        group = {
            "source": counts.source_names[source],
            "bin_low": int(bin_words.min()),
            "bin_high": int(bin_words.max()),
            "traces": len(bin_rows),
        }
        estimator = planning_share_estimator(counts, bin_rows, unit)
        for list_name, planning_share in counts.estimate_lists(source, estimator):
            yield {**group, "list": list_name, **interval(planning_share)}


class LengthContrast(Contrast):
    """Whether the longest traces plan more than the shortest."""

    def _sides(self, table: Table, source: str, list_name: str) -> tuple[Record, Record] | None:
        rows = table.records(source=source, list=list_name)
        rows.sort(key=lambda row: row.number(self.by) or 0.0)
        return (rows[0], rows[-1]) if len(rows) > 1 else None


SCALING = Measure(
    "scaling",
    "Length and planning",
    (
        SOURCE,
        count("bin_low", "shortest trace of the bin, words"),
        count("bin_high", "longest trace of the bin, words"),
        count("traces", "traces in the bin"),
        share("value", "planning words or tokens, of all of them pooled"),
        *SHARE_INTERVAL,
        LIST,
    ),
    _scaling_records,
    "Traces of each source in bins of about equal numbers by their length in words; traces of one length stay "
    "together. No cause is shown.",
    needs="Length against planning needs traces of different lengths",
    section="dynamics",
    figures=(
        BinPlot(
            "length",
            "Length against planning",
            "Planning share of traces binned by length; a point stands at the middle of its bin.",
            "bin_low",
            "bin_high",
            "length of the trace, words",
            "planning share, %",
            100,
            "traces",
        ),
    ),
    questions=(
        LengthContrast(
            name="planning by length",
            subject="the planning share",
            by="bin_low",
            sides=("shortest", "longest"),
            side_names=("the shortest traces", "the longest traces"),
            n="traces",
        ),
    ),
)
