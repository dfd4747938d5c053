"""Tables `shares`, `moves` and `scaling`: how much of the traces is planning, and of which kind."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sgram.analysis.columns_store import OUTCOMES, ListColumns
from sgram.analysis.table import Table, build_table
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
from sgram.statistics import Estimate

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


def shares_table(counts: TraceCounts) -> Table:
    """Return the planning share by source and outcome, beside that of the placebo."""
    columns = [
        SOURCE,
        OUTCOME,
        LIST,
        share("value", "planning words or tokens, of all of them pooled"),
        *SHARE_INTERVAL,
        count("traces", "traces"),
        count("problems", "problems, which are resampled"),
        text("unit", "what is counted: words or tokens"),
    ]
    records = []
    for source, source_name in enumerate(counts.source_names):
        unit = planning_unit(counts, counts.rows(source))
        for outcome, rows in outcome_rows(counts, source):
            group = {
                "source": source_name,
                "outcome": outcome,
                "traces": len(rows),
                "unit": unit,
                "problems": counts.row_resamples(rows).n_problems,
            }
            estimator = planning_share_estimator(counts, rows, unit)
            for list_name, planning_share in counts.estimate_lists(source, estimator):
                records.append({**group, "list": list_name, **interval(planning_share)})
    return build_table("shares", "How much is planning", columns, records)


def moves_table(counts: TraceCounts) -> Table:
    """Return the spans of each move by source and outcome. Grams of a placebo have no move, so it has no rows."""
    columns = [
        SOURCE,
        text("move", "what a span does for the reasoning"),
        OUTCOME,
        count("count", "spans, none inside another"),
        number("per_1000_words", "spans per 1,000 words"),
        *INTERVAL,
        share("traces_share", "traces that hold at least one"),
    ]
    records = []
    for source, source_name in enumerate(counts.source_names):
        move_of_gram = _move_indices(counts, source)
        for outcome, rows in outcome_rows(counts, source, judged_only=True):
            resamples = counts.row_resamples(rows)
            words = counts.columns.words[rows].astype(float)
            traces, grams, _ = counts.spans(counts.columns.lists[0], rows)
            for move_index, move in enumerate(MOVES):
                spans = np.bincount(traces[move_of_gram[grams] == move_index], minlength=len(rows)).astype(float)
                rate = resamples.ratio(1000 * spans, words)
                records.append(
                    {
                        "source": source_name,
                        "move": move,
                        "outcome": outcome,
                        "count": int(spans.sum()),
                        "per_1000_words": rate.value,
                        "low": rate.low,
                        "high": rate.high,
                        "traces_share": float((spans > 0).mean()),
                    }
                )
    note = "Random grams make no moves, so a placebo has no rows here; its share of words is in the table shares."
    return build_table("moves", "Which moves the planning makes", columns, records, note)


def _move_indices(counts: TraceCounts, source: int) -> IntArray:
    """Return the index in `MOVES` of the move of each gram of the source's lexicon."""
    lexicon = counts.lexicon(source)
    return np.array([MOVES.index(cluster.move) for cluster in lexicon.clusters for _ in cluster.grams], np.int64)


def scaling_table(counts: TraceCounts) -> Table:
    """Return the planning share of traces of about equal length, beside the placebo's; empty if traces are too few."""
    columns = [
        SOURCE,
        count("bin_low", "shortest trace of the bin, words"),
        count("bin_high", "longest trace of the bin, words"),
        count("traces", "traces in the bin"),
        share("value", "planning words or tokens, of all of them pooled"),
        *SHARE_INTERVAL,
        LIST,
    ]
    records = [record for source in range(counts.n_sources) for record in _scaling_records(counts, source)]
    note = "Traces of each source in bins of equal numbers by their length in words; no cause is shown."
    return build_table("scaling", "Length and planning", columns, records, note)


def _scaling_records(counts: TraceCounts, source: int) -> Iterator[dict[str, Any]]:
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
