"""Precision and recall at every threshold of a score.

The score of a unit is the largest score of its grams, so a threshold selects a list of grams. Units without a scored
gram are marked last, all together; they count in average precision (as in scikit-learn) but are not points of the
curve. Average precision is the sum over thresholds of precision times the increase in recall.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.array_types import AnyArray, BoolArray, FloatArray, IntArray
from sgram.evaluation.label_index import GramOccurrences, UnitIndex
from sgram.evaluation.precision_recall import DocumentResamples, estimate_rate, plain_record
from sgram.frames import Backend, build_frame
from sgram.statistics import Estimate

PRECISIONS = (0.9, 0.8, 0.7)
"""Precisions at which recall is reported."""
_NOT_REACHED = "no threshold reaches it"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PrecisionRecallCurve:
    """Marked units and hits at each threshold, from the highest; arrays (K,). The last threshold marks all units.

    >>> curve = PrecisionRecallCurve.from_scores(np.array([0.9, 0.8, -np.inf]), np.array([True, False, True]))
    >>> curve.precision.round(2).tolist(), curve.recall.tolist(), curve.is_list.tolist()
    ([1.0, 0.5, 0.67], [0.5, 0.5, 1.0], [True, True, False])
    """

    thresholds: FloatArray
    """-inf for the threshold that also marks units without a scored gram."""
    marked: FloatArray
    hits: FloatArray

    @classmethod
    def from_scores(
        cls, scores: FloatArray, positive: BoolArray, weights: FloatArray | None = None
    ) -> "PrecisionRecallCurve":
        """Build the curve of units' `scores`, (U,), -inf without a score; a unit counts as many times as its weight."""
        order, ends = _rank_units(scores)
        unit_weights = np.ones(len(scores)) if weights is None else weights
        hits = np.cumsum((unit_weights * positive)[order])[ends]
        return cls(scores[order][ends], np.cumsum(unit_weights[order])[ends], hits)

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with one row per threshold: threshold, marked, hits, precision, recall.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.
        """
        arrays = self.thresholds, self.marked, self.hits, self.precision, self.recall
        names = "threshold", "marked", "hits", "precision", "recall"
        return build_frame(
            dict.fromkeys(names, "number"), zip(*(array.tolist() for array in arrays), strict=True), backend
        )

    def __repr__(self) -> str:
        return f"PrecisionRecallCurve({len(self.thresholds):,} thresholds)"

    @property
    def is_list(self) -> BoolArray:
        """(K,) whether the threshold selects a list of grams; false for the one that marks all units."""
        is_list: BoolArray = self.thresholds > -np.inf
        return is_list

    @property
    def precision(self) -> FloatArray:
        """(K,) hits / marked."""
        return self.hits / np.maximum(self.marked, 1e-300)

    @property
    def recall(self) -> FloatArray:
        """(K,) hits / positive units; 0 if there are none."""
        return self.hits / max(float(self.hits[-1]) if len(self.hits) else 0.0, 1e-300)

    @property
    def coverage(self) -> FloatArray:
        """(K,) marked / all units."""
        return self.marked / max(float(self.marked[-1]) if len(self.marked) else 0.0, 1e-300)


@dataclass(frozen=True, slots=True)
class BestThreshold:
    """Threshold with the largest F1, chosen on the same labels and therefore optimistic."""

    threshold: float | None
    precision: float | None
    recall: float | None
    f1: Estimate


@dataclass(frozen=True, slots=True)
class CurveSummary:
    """Summary of a curve; thresholds are chosen anew in each bootstrap draw."""

    average_precision: Estimate
    recall_at: tuple[tuple[float, Estimate], ...]
    """(precision, largest recall at a threshold with at least this precision)."""
    best: BestThreshold

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        summary: dict[str, Any] = plain_record(self)
        summary["recall_at"] = {f"{precision:g}": plain_record(recall) for precision, recall in self.recall_at}
        return summary


def _rank_units(scores: FloatArray) -> tuple[IntArray, IntArray]:
    """Return (units by descending score, position in this order of the last unit of each distinct score)."""
    order = np.argsort(-scores, kind="stable")
    ranked_scores = scores[order]
    is_last = np.append(ranked_scores[1:] != ranked_scores[:-1], True)[: len(ranked_scores)]
    return order, np.flatnonzero(is_last)


def summarize_curve(index: UnitIndex, scores: FloatArray, resamples: DocumentResamples) -> CurveSummary:
    """Return the summary of the curve of the units' `scores`, (U,), with intervals."""
    order, ends = _rank_units(scores)
    is_list = scores[order][ends] > -np.inf
    group, positive = resamples.group[index.document[order]], index.positive[order]
    points = _summary_statistics(np.ones((1, len(scores))), positive, ends, is_list)[0]
    blocks = [
        _summary_statistics(block[:, group], positive, ends, is_list) for block in resamples.blocks(4 * len(scores))
    ]
    draws = np.concatenate(blocks) if blocks else np.zeros((0, len(points)))
    reasons = ["nothing is positive", *[_NOT_REACHED] * len(PRECISIONS), _NOT_REACHED]
    average_precision, *recalls, f1 = (
        estimate_rate(point, column, resamples.n_groups, reason)
        for point, column, reason in zip(points, draws.T, reasons, strict=True)
    )
    best = BestThreshold(None, None, None, f1)
    if f1.value is not None:
        curve = PrecisionRecallCurve.from_scores(scores, index.positive)
        f1_scores = 2 * curve.hits / (curve.marked + index.positive.sum()) if len(curve.marked) else np.zeros(0)
        row = int(np.argmax(np.where(is_list, f1_scores, -1)))
        best = BestThreshold(float(curve.thresholds[row]), float(curve.precision[row]), float(curve.recall[row]), f1)
    return CurveSummary(average_precision, tuple(zip(PRECISIONS, recalls, strict=True)), best)


def _summary_statistics(weights: AnyArray, positive: BoolArray, ends: IntArray, is_list: BoolArray) -> FloatArray:
    """Return average precision, recall at each of `PRECISIONS`, and best F1, (draws, 2 + len(PRECISIONS)).

    `weights`, (draws, U), are the counts of units in each draw. An undefined statistic is NaN.
    """
    marked = np.cumsum(weights, axis=1)[:, ends].astype(np.float64)
    hits = np.cumsum(weights * positive, axis=1)[:, ends].astype(np.float64)
    n_positive = (weights * positive).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = np.where(marked > 0, hits / marked, 0.0), hits / n_positive
        f1 = 2 * hits / (marked + n_positive)
    columns = [(np.diff(recall, axis=1, prepend=0) * precision).sum(axis=1)]
    is_allowed = is_list & (marked > 0)
    for min_precision in PRECISIONS:
        is_precise = is_allowed & (precision >= min_precision)
        max_recall = np.where(is_precise, recall, 0).max(axis=1, initial=0)
        columns.append(np.where(is_precise.any(axis=1), max_recall, np.nan))
    max_f1 = np.where(is_allowed, f1, 0).max(axis=1, initial=0)
    columns.append(np.where(is_allowed.any(axis=1), max_f1, np.nan))
    statistics: FloatArray = np.stack(columns, axis=1)
    statistics[n_positive[:, 0] == 0] = np.nan
    return statistics


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """F1 of two orders of grams, each cut where it marks the same share of units."""

    coverage: float
    ours: float
    """F1 of the first order."""
    theirs: float
    """F1 of the second order."""
    gain: Estimate
    """`ours` - `theirs`."""


def compare_at_coverage(
    index: UnitIndex, ours: FloatArray, theirs: FloatArray, resamples: DocumentResamples, step: float = 0.05
) -> list[CoveragePoint]:
    """Compare the F1 of two scores of units, (U,), at equal coverage.

    Coverages are multiples of `step` up to the largest coverage that both scores reach, which is the last one. Between
    two thresholds, tied units count in part, as if drawn at random.
    """
    max_coverage = min(float((scores > -np.inf).mean()) if len(scores) else 0.0 for scores in (ours, theirs))
    if not max_coverage or not index.positive.any():
        return []
    grid = np.append(np.arange(1, 1000) * step, max_coverage)
    grid = np.unique(np.round(grid[grid <= max_coverage], 12))
    our_f1, their_f1 = _f1_at_coverage(grid, np.ones((1, index.n_units)), index, ours, theirs)[0]
    group = resamples.group[index.document]
    blocks = [
        _f1_at_coverage(grid, block[:, group], index, ours, theirs) for block in resamples.blocks(4 * index.n_units)
    ]
    gain_draws = np.concatenate([block[:, 0] - block[:, 1] for block in blocks]) if blocks else np.zeros((0, len(grid)))
    return [
        CoveragePoint(
            float(coverage),
            float(first),
            float(second),
            estimate_rate(float(first) - float(second), draws, resamples.n_groups, ""),
        )
        for coverage, first, second, draws in zip(grid, our_f1, their_f1, gain_draws.T, strict=True)
    ]


def _f1_at_coverage(
    grid: FloatArray, weights: AnyArray, index: UnitIndex, ours: FloatArray, theirs: FloatArray
) -> FloatArray:
    """Return F1 of both scores at each coverage in each draw, (draws, 2, grid)."""
    f1 = np.empty((len(weights), 2, len(grid)))
    totals = weights.sum(axis=1)
    n_positive = (weights * index.positive).sum(axis=1)
    for row, scores in enumerate((ours, theirs)):
        order, ends = _rank_units(scores)
        ranked_weights = weights[:, order]
        marked = np.cumsum(ranked_weights, axis=1)[:, ends]
        hits = np.cumsum(ranked_weights * index.positive[order], axis=1)[:, ends]
        for draw in range(len(weights)):
            n_marked = grid * totals[draw]
            n_hits = np.interp(n_marked, np.append(0, marked[draw]), np.append(0, hits[draw]))
            f1[draw, row] = 2 * n_hits / (n_marked + n_positive[draw])
    return f1


def chance_curve(
    index: UnitIndex, occurrences: GramOccurrences, n_draws: int = 5, seed: int = 0
) -> tuple[FloatArray, FloatArray, Estimate]:
    """Return (recall, precision, average precision) of random scores of the grams, averaged over `n_draws`.

    Recall and precision are on a grid of 100 coverages. The interval of average precision is the minimum and maximum of
    the draws.
    """
    grid = np.linspace(0.01, 1, 100)
    hits, average_precisions, max_coverage = np.zeros(len(grid)), [], 1.0
    for draw in range(n_draws):
        scores = occurrences.max_scores(np.random.default_rng([seed, draw, 0xC4A2]).random(occurrences.n_grams))
        curve = PrecisionRecallCurve.from_scores(scores, index.positive)
        max_coverage = min(max_coverage, float((scores > -np.inf).mean()))
        hits += np.interp(grid, np.append(0, curve.coverage), np.append(0, curve.hits)) / n_draws
        average_precisions.append(float(np.sum(np.diff(curve.recall, prepend=0) * curve.precision)))
    is_reached = grid <= max_coverage
    average_precision = Estimate(float(np.mean(average_precisions)), min(average_precisions), max(average_precisions))
    n_positive = max(int(index.positive.sum()), 1)
    recall, precision = hits / n_positive, hits / (grid * index.n_units)
    return recall[is_reached], precision[is_reached], average_precision
