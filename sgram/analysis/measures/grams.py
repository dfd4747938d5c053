"""Measure `grams`: every gram that occurs, and how often correct and wrong traces contain it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sgram.analysis.figure_specs import DotMark, DotPlot, Panel
from sgram.analysis.findings import MIN_OUTCOMES, Comparison, Discoveries, FindingContext
from sgram.analysis.measure import AnalysisData, Measure
from sgram.analysis.table import Column, Table
from sgram.analysis.table_columns import SHARE_INTERVAL, count, interval, number, share, text
from sgram.analysis.trace_counts import TraceCounts
from sgram.array_types import IntArray
from sgram.statistics import Estimate, Interval, share_difference, stratified_differences_by_problem

_MAX_COMPARED = 400
"""Most frequent grams whose difference between outcomes has an interval."""


class GramDifferences(Discoveries):
    """Which grams correct and wrong traces differ in; intervals are widened by the numbers of traces."""

    def comparisons(self, table: Table, context: FindingContext) -> Iterator[Comparison]:
        """Yield the share of wrong traces that contain a gram less that of correct ones, for each compared gram.

        All findings compare wrong traces with correct ones; the column `difference` has the opposite sign.
        """
        judged = [context.n_judged(source) for source in context.sources]
        n_correct, n_wrong = (sum(pair[side] for pair in judged if pair is not None) for side in (0, 1))
        if any(judged) and min(n_correct, n_wrong) < MIN_OUTCOMES:
            return
        for row in table.records():
            gap = share_difference(row, n_correct, n_wrong)
            if gap is not None:
                yield Comparison(None, row.text("gram"), Interval(-gap.value, -gap.high, -gap.low))


def _main_rows(counts: TraceCounts) -> IntArray:
    """Return the rows of the traces that the main lexicon tags."""
    sources = [source for source in range(counts.n_sources) if counts.lexicon(source) == counts.lexicons[0]]
    return np.flatnonzero(np.isin(counts.columns.source, sources))


def _records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    """Yield the grams of the main lexicon that occur in the traces tagged by it, those in most traces first."""
    counts = data.counts
    lexicon, rows, lexicon_list = counts.lexicons[0], _main_rows(counts), counts.columns.lists[0]
    traces, grams, _ = counts.spans(lexicon_list, rows)
    first_entropies = lexicon_list.spans.entropy[np.isin(lexicon_list.spans.trace, rows)]
    n_grams = len(lexicon.grams)
    span_counts = np.bincount(grams, minlength=n_grams)
    pairs = np.unique(grams * len(rows) + traces)  # each (gram, trace) once
    pair_grams, pair_traces = pairs // max(1, len(rows)), pairs % max(1, len(rows))
    outcomes = counts.columns.outcome[rows]
    df_by_outcome = [
        np.bincount(pair_grams[outcomes[pair_traces] == outcome], minlength=n_grams) for outcome in range(3)
    ]
    n_correct, n_wrong = int((outcomes == 0).sum()), int((outcomes == 1).sum())
    labels = [
        (gram.text, cluster.id, cluster.move, gram.core) for cluster in lexicon.clusters for gram in cluster.grams
    ]
    df = np.sum(df_by_outcome, axis=0)  # a loop repeats a gram a thousand times in one trace
    ranked = sorted(np.flatnonzero(df).tolist(), key=lambda gram: (-df[gram], -span_counts[gram], labels[gram][0]))
    differences = _outcome_differences(counts, rows, pair_grams, pair_traces, ranked[:_MAX_COMPARED])
    for gram in ranked:
        gram_text, cluster_id, move, core = labels[gram]
        entropies = first_entropies[(grams == gram) & ~np.isnan(first_entropies)]
        n_traces = int(df[gram])
        yield {
            "gram": gram_text,
            "cluster": cluster_id,
            "move": move,
            "core": core,
            "count": int(span_counts[gram]),
            "traces": n_traces,
            "traces_share": n_traces / len(rows),
            "correct_share": df_by_outcome[0][gram] / n_correct if n_correct else None,
            "wrong_share": df_by_outcome[1][gram] / n_wrong if n_wrong else None,
            **interval(differences.get(gram, Estimate(None)), "difference"),
            "entropy": float(np.sort(entropies).mean()) if len(entropies) else None,
        }


def _note(data: AnalysisData) -> str:
    counts, lexicon = data.counts, data.counts.lexicons[0]
    n_occurring = len(np.unique(counts.spans(counts.columns.lists[0], _main_rows(counts))[1]))
    note = f"{n_occurring:,} of the {len(lexicon.grams):,} grams of {lexicon.name} occur. "
    if len(counts.lexicons) > 1:
        note += "Sources that were tagged by another lexicon do not count here. "
    if n_occurring > _MAX_COMPARED:
        note += f"The {_MAX_COMPARED} that most traces hold are compared. "
    return note + (
        "The difference is taken within sources, so that a source that is right more often and speaks otherwise adds "
        "nothing to it. Intervals are 95 % by problem, each for itself: of twenty grams that make no difference about "
        "one excludes 0."
    )


def _outcome_differences(
    counts: TraceCounts, rows: IntArray, pair_grams: IntArray, pair_traces: IntArray, compared: Sequence[int]
) -> dict[int, Estimate]:
    """Return, for each gram in `compared`, the share of correct traces that contain it minus that of wrong traces.

    Shares are over judged traces, within sources. `pair_grams` and `pair_traces`, (pairs,), say which gram occurs in
    which trace (an index into `rows`). The mapping is empty if one outcome does not occur.
    """
    outcomes = counts.columns.outcome[rows]
    judged = np.flatnonzero(outcomes < 2)
    if not compared or not (outcomes == 0).any() or not (outcomes == 1).any():
        return {}
    index_of_trace = np.full(len(rows), -1)
    index_of_trace[judged] = np.arange(len(judged))
    column_of_gram = np.full(int(pair_grams.max()) + 1, -1)
    column_of_gram[compared] = np.arange(len(compared))
    contains = np.zeros((len(judged), len(compared)), np.float32)
    selected = (index_of_trace[pair_traces] >= 0) & (column_of_gram[pair_grams] >= 0)
    contains[index_of_trace[pair_traces[selected]], column_of_gram[pair_grams[selected]]] = 1
    differences = stratified_differences_by_problem(
        counts.columns.problem[rows][judged].tolist(),
        counts.columns.source[rows][judged].tolist(),
        contains,
        outcomes[judged] == 0,
        counts.config.n_draws,
        counts.config.seed,
    )
    return dict(zip(compared, differences, strict=True))


GRAMS = Measure(
    "grams",
    "The grams that occur",
    (
        text("gram", "the words"),
        count("cluster", "number of its cluster in the lexicon"),
        text("move", "what it does for the reasoning"),
        Column("core", "in the lexicon's pruned list", "flag"),
        count("count", "spans, none inside another"),
        count("traces", "traces that hold one"),
        share("traces_share", "of all traces"),
        share("correct_share", "of the correct traces, those that hold one"),
        share("wrong_share", "of the wrong traces, those that hold one"),
        share("difference", "correct_share less wrong_share within sources, weighted as Mantel and Haenszel have it"),
        *SHARE_INTERVAL,
        number("entropy", "mean entropy of its first token, nats; empty where it is not known"),
    ),
    _records,
    _note,
    needs="The lexicon's table needs traces in which its grams occur",
    section="lexicon",
    is_open=True,
    figures=(
        DotPlot(
            "grams",
            "Grams that correct and wrong traces differ in",
            "Share of correct traces that contain the gram less share of wrong traces, taken within sources and "
            "weighted as Mantel and Haenszel have it: the largest differences. The intervals are of one gram each: "
            "chance alone puts one in twenty clear of 0. Filled are those that stand when all are judged together "
            "(Benjamini and Hochberg, 5 %). No placebo stands beside single grams: random ones may differ as much.",
            (
                Panel(
                    "",
                    "share of correct less share of wrong traces, percentage points",
                    (DotMark("SGs", "difference"),),
                    100,
                    from_zero=False,
                    reference=0.0,
                ),
            ),
            row_by="gram",
            remark="{traces} traces",
            largest=("difference",),
            filled_by="grams by outcome",
            key="95 % intervals of one gram each; filled: stands among all that are compared",
        ),
    ),
    questions=(
        GramDifferences(
            name="grams by outcome",
            subject="grams",
            value="difference",
            things="grams",
            named_by="gram",
            words=("more frequent in correct traces", "more frequent in wrong traces"),
        ),
    ),
)
