"""Every gram that occurs: how often, in correct and in wrong traces. Knows nothing about how grams were chosen."""

import numpy as np

from sgram.analysis.table import Column, Table, build_table
from sgram.analysis.table_columns import SHARE_INTERVAL, count, number, share, text
from sgram.analysis.trace_counts import Counted
from sgram.statistics import stratified_differences_by_problem

_INTERVALS = 400
"""Grams, the most frequent, whose difference has an interval."""


def grams_table(counted: Counted) -> Table:
    """The grams of the main lexicon that occur in the traces tagged by it, the most frequent first."""
    columns = [
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
    ]
    lexicon = counted.lexicons[0]
    sources = [place for place in range(len(counted.names)) if counted.lexicon(place) == lexicon]
    rows = np.flatnonzero(np.isin(counted.columns.source, sources))
    held = counted.columns.lists[0]
    place, gram, _ = counted.spans(held, rows)
    entropy = held.spans.entropy[np.isin(held.spans.trace, rows)]
    n_grams = len(lexicon.grams)
    counts = np.bincount(gram, minlength=n_grams)
    pairs = np.unique(gram * len(rows) + place)
    of_gram, of_trace = pairs // max(1, len(rows)), pairs % max(1, len(rows))
    outcome = counted.columns.outcome[rows]
    df = [np.bincount(of_gram[outcome[of_trace] == each], minlength=n_grams) for each in range(3)]
    n_correct, n_wrong = int((outcome == 0).sum()), int((outcome == 1).sum())
    facts = [(cluster.id, cluster.move, each.text, each.core) for cluster in lexicon.clusters for each in cluster.grams]
    ranked = sorted(np.flatnonzero(counts).tolist(), key=lambda row: (-counts[row], facts[row][2]))
    differences = _differences(counted, rows, of_gram, of_trace, ranked[:_INTERVALS])
    records = []
    for row in ranked:
        known = entropy[(gram == row) & ~np.isnan(entropy)] if len(entropy) else entropy
        found = differences.get(row)
        traces = int(sum(each[row] for each in df))
        correct = df[0][row] / n_correct if n_correct else None
        wrong = df[1][row] / n_wrong if n_wrong else None
        records.append(
            {
                "gram": facts[row][2],
                "cluster": facts[row][0],
                "move": facts[row][1],
                "core": facts[row][3],
                "count": int(counts[row]),
                "traces": traces,
                "traces_share": traces / len(rows),
                "correct_share": correct,
                "wrong_share": wrong,
                "difference": found and found.value,
                "low": found and found.low,
                "high": found and found.high,
                "entropy": float(np.sort(known).mean()) if len(known) else None,
            }
        )
    return build_table(
        "grams", "The grams that occur", columns, records, _note(counted, lexicon.name, len(ranked), n_grams)
    )


def _note(counted: Counted, name: str, n_found: int, n_grams: int) -> str:
    told = f"{n_found:,} of the {n_grams:,} grams of {name} occur. "
    if len(counted.lexicons) > 1:
        told += "Sources that were tagged by another lexicon do not count here. "
    if n_found > _INTERVALS:
        told += f"The {_INTERVALS} most frequent are compared. "
    return told + (
        "The difference is taken within sources, so that a source that is right more often and speaks otherwise adds "
        "nothing to it. Intervals are 95 % by problem, each for itself: of twenty grams that make no difference about "
        "one excludes 0."
    )


def _differences(
    counted: Counted, rows: np.ndarray, of_gram: np.ndarray, of_trace: np.ndarray, chosen: list[int]
) -> dict:
    """gram -> share of correct traces that hold it less share of wrong ones, over judged traces, within sources."""
    outcome = counted.columns.outcome[rows]
    judged = np.flatnonzero(outcome < 2)
    if not chosen or not (outcome == 0).any() or not (outcome == 1).any():
        return {}
    place = np.full(len(rows), -1)
    place[judged] = np.arange(len(judged))
    column = np.full(int(of_gram.max()) + 1, -1)
    column[chosen] = np.arange(len(chosen))
    holds = np.zeros((len(judged), len(chosen)), np.float32)
    kept = (place[of_trace] >= 0) & (column[of_gram] >= 0)
    holds[place[of_trace[kept]], column[of_gram[kept]]] = 1
    found = stratified_differences_by_problem(
        counted.columns.problem[rows][judged].tolist(),
        counted.columns.source[rows][judged].tolist(),
        holds,
        outcome[judged] == 0,
        counted.config.n_draws,
        counted.config.seed,
    )
    return dict(zip(chosen, found, strict=True))
