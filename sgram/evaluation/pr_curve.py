"""Precision and recall at every threshold of a score. Knows nothing about what is scored or how.

A unit's score is the largest of its grams' scores, so a threshold is a list of grams. Units without a scored gram
come last, all together; they count in the average precision (as in scikit-learn), not as points of the curve.
Average precision is the sum over thresholds of precision x the gain in recall.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.evaluation.label_index import Occurrences, UnitIndex
from sgram.evaluation.precision_recall import DocumentResamples, estimate, plain_record
from sgram.statistics import Estimate

PRECISIONS = (0.9, 0.8, 0.7)
"""Precisions at which the recall is told."""
_NEVER = "no threshold reaches it"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What each threshold marks, from the highest; (K,) each. The last marks everything."""

    thresholds: np.ndarray
    """-inf where units without a scored gram are marked, too."""
    marked: np.ndarray
    hits: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, positive: np.ndarray, weights: np.ndarray | None = None) -> "Curve":
        """The curve of units' `scores`, (U,), -inf without one; `weights` count a unit so many times."""
        order, ends = _ranked(scores)
        each = np.ones(len(scores)) if weights is None else weights
        hits = np.cumsum((each * positive)[order])[ends]
        return cls(scores[order][ends], np.cumsum(each[order])[ends], hits)

    @property
    def is_list(self) -> np.ndarray:
        """(K,) bool: thresholds that are a list of grams; not the one that marks units without any."""
        return self.thresholds > -np.inf

    @property
    def precision(self) -> np.ndarray:
        """(K,)."""
        return self.hits / np.maximum(self.marked, 1e-300)

    @property
    def recall(self) -> np.ndarray:
        """(K,) 0 where nothing is positive."""
        return self.hits / max(float(self.hits[-1]) if len(self.hits) else 0.0, 1e-300)

    @property
    def coverage(self) -> np.ndarray:
        """(K,)."""
        return self.marked / max(float(self.marked[-1]) if len(self.marked) else 0.0, 1e-300)


@dataclass(frozen=True, slots=True)
class Best:
    """The threshold of the best F1 on these very labels: an upper view."""

    threshold: float | None
    precision: float | None
    recall: float | None
    f1: Estimate


@dataclass(frozen=True, slots=True)
class CurveSummary:
    """A curve in a few numbers. Each draw chooses its thresholds anew."""

    average_precision: Estimate
    recall_at: tuple[tuple[float, Estimate], ...]
    """(precision, largest recall at a threshold that has at least this precision)."""
    best: Best

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        fields: dict[str, Any] = plain_record(self)
        fields["recall_at"] = {f"{precision:g}": plain_record(found) for precision, found in self.recall_at}
        return fields


def _ranked(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(units by score, the largest first; place in that order of the last unit of each distinct score)."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    return order, np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)])


def summarize(index: UnitIndex, scores: np.ndarray, resamples: DocumentResamples) -> CurveSummary:
    """The curve of the units' `scores`, with intervals."""
    order, ends = _ranked(scores)
    is_list = scores[order][ends] > -np.inf
    group, positive = resamples.group[index.document[order]], index.positive[order]
    once = _facts(np.ones((1, len(scores))), positive, ends, is_list)[0]
    drawn = [_facts(block[:, group], positive, ends, is_list) for block in resamples.blocks(4 * len(scores))]
    drawn = np.concatenate(drawn) if drawn else np.zeros((0, len(once)))
    found = [
        estimate(value, column, resamples.n_groups, reason)
        for value, column, reason in zip(
            once, drawn.T, ["nothing is positive", *[_NEVER] * len(PRECISIONS), _NEVER], strict=True
        )
    ]
    curve = Curve.of(scores, index.positive)
    f1 = 2 * curve.hits / (curve.marked + index.positive.sum()) if len(curve.marked) else np.zeros(0)
    best = Best(None, None, None, found[-1])
    if found[-1].value is not None:
        at = int(np.argmax(np.where(is_list, f1, -1)))
        best = Best(float(curve.thresholds[at]), float(curve.precision[at]), float(curve.recall[at]), found[-1])
    return CurveSummary(found[0], tuple(zip(PRECISIONS, found[1:-1], strict=True)), best)


def _facts(weights: np.ndarray, positive: np.ndarray, ends: np.ndarray, is_list: np.ndarray) -> np.ndarray:
    """(draws, 2 + len(PRECISIONS)): average precision, recall at each precision, best F1; NaN where undefined."""
    marked = np.cumsum(weights, axis=1)[:, ends].astype(np.float64)
    hits = np.cumsum(weights * positive, axis=1)[:, ends].astype(np.float64)
    n_positive = (weights * positive).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = np.where(marked > 0, hits / marked, 0.0), hits / n_positive
        f1 = 2 * hits / (marked + n_positive)
    columns = [(np.diff(recall, axis=1, prepend=0) * precision).sum(axis=1)]
    allowed = is_list & (marked > 0)
    for wanted in PRECISIONS:
        passing = allowed & (precision >= wanted)
        columns.append(np.where(passing.any(axis=1), np.where(passing, recall, 0).max(axis=1, initial=0), np.nan))
    columns.append(np.where(allowed.any(axis=1), np.where(allowed, f1, 0).max(axis=1, initial=0), np.nan))
    facts = np.stack(columns, axis=1)
    facts[n_positive[:, 0] == 0] = np.nan
    return facts


@dataclass(frozen=True, slots=True)
class AtCoverage:
    """Two orders of grams, each cut where it marks the same share of units."""

    coverage: float
    ours: float
    """F1."""
    theirs: float
    gain: Estimate


def compare_at_coverage(
    index: UnitIndex, ours: np.ndarray, theirs: np.ndarray, resamples: DocumentResamples, step: float = 0.05
) -> list[AtCoverage]:
    """F1 of two scores of units at every coverage that both reach, in steps, the last at the end of the shorter one.

    Between two thresholds the tied units count in part, as if drawn at random.
    """
    reach = min(float((scores > -np.inf).mean()) if len(scores) else 0.0 for scores in (ours, theirs))
    if not reach or not index.positive.any():
        return []
    grid = np.append(np.arange(1, 1000) * step, reach)
    grid = np.unique(np.round(grid[grid <= reach], 12))
    once = _f1_at(grid, np.ones((1, index.n_units)), index, ours, theirs)[0]  # (2, grid)
    blocks = resamples.blocks(4 * index.n_units)
    document = resamples.group[index.document]
    drawn = [_f1_at(grid, block[:, document], index, ours, theirs) for block in blocks]
    gains = np.concatenate([each[:, 0] - each[:, 1] for each in drawn]) if drawn else np.zeros((0, len(grid)))
    return [
        AtCoverage(float(share), float(a), float(b), estimate(a - b, column, resamples.n_groups, ""))
        for share, a, b, column in zip(grid, *once, gains.T, strict=True)
    ]


def _f1_at(grid: np.ndarray, weights: np.ndarray, index: UnitIndex, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """(draws, 2, grid) F1 at each coverage."""
    found = np.empty((len(weights), 2, len(grid)))
    totals = weights.sum(axis=1)
    positives = (weights * index.positive).sum(axis=1)
    for which, scores in enumerate((ours, theirs)):
        order, ends = _ranked(scores)
        ranked = weights[:, order]
        marked = np.cumsum(ranked, axis=1)[:, ends]
        hits = np.cumsum(ranked * index.positive[order], axis=1)[:, ends]
        for draw in range(len(weights)):
            wanted = grid * totals[draw]
            got = np.interp(wanted, np.append(0, marked[draw]), np.append(0, hits[draw]))
            found[draw, which] = 2 * got / (wanted + positives[draw])
    return found


def chance_curve(
    index: UnitIndex, found: Occurrences, n_draws: int = 5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, Estimate]:
    """What random scores of the same grams give: (recall, precision) on a grid of 100 coverages, and average precision.

    The mean of `n_draws`; the interval is the least and the largest of them.
    """
    grid = np.linspace(0.01, 1, 100)
    hits, areas, reach = np.zeros(len(grid)), [], 1.0
    for draw in range(n_draws):
        scores = found.best(np.random.default_rng([seed, draw, 0xC4A2]).random(found.n_grams))
        curve = Curve.of(scores, index.positive)
        reach = min(reach, float((scores > -np.inf).mean()))
        hits += np.interp(grid, np.append(0, curve.coverage), np.append(0, curve.hits)) / n_draws
        areas.append(float(np.sum(np.diff(curve.recall, prepend=0) * curve.precision)))
    kept = grid <= reach
    area = Estimate(float(np.mean(areas)), min(areas), max(areas))
    n_positive = max(int(index.positive.sum()), 1)
    return (hits / n_positive)[kept], (hits / (grid * index.n_units))[kept], area
