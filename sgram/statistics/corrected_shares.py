"""Shares of a label among many rows, from labels of a few rows and predictions of all (prediction-powered inference).

A rater labels a random sample of the rows, a classifier or a model predicts all of them. The predictions correct for
what the sample holds by chance, the labels correct for the errors of the predictions. The estimate is valid whatever
the predictions are worth (Angelopoulos, Bates, Fannjiang, Jordan, Zrnic 2023, "Prediction-powered inference"); the
better they are, the narrower is its interval (Angelopoulos, Duchi, Zrnic 2023, "PPI++"). If a prediction is one of a
few values, PPI++ with a power for each value, tuned to the least variance, is post-stratification: the mean label of
the rows with a value, weighted by the share of the value among all rows.

The normal intervals of these papers need hundreds of labels: where a sample of 60 shows no error of the predictions,
they have no width. The interval here adds the squared distances of Agresti and Coull's (1998) ends of the mean of each
value (Zou and Donner 2008), so that a value with few labels counts with its full doubt.
`benchmarks/corrected_shares.py` shows how often it covers.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sgram.array_types import AnyArray, BoolArray, FloatArray, IntArray
from sgram.errors import UsageError
from sgram.statistics.estimate import NORMAL_95, Estimate

FEWEST_LABELS = 6
"""Predictions with fewer labeled rows are pooled: a mean of fewer labels says next to nothing."""


@dataclass(frozen=True, slots=True)
class CorrectedShare:
    """The share of a label among all rows, by the labels alone and with the help of the predictions."""

    corrected: Estimate
    """With the predictions, if that gives the narrower interval; else `labels_alone`."""
    labels_alone: Estimate
    n_labels: int
    """Labeled rows."""


def corrected_share(
    labels: npt.ArrayLike,
    predictions: Sequence[Hashable] | AnyArray,
    problems: Sequence[Hashable] | AnyArray | None = None,
    label_weights: npt.ArrayLike | None = None,
    row_weights: npt.ArrayLike | None = None,
) -> CorrectedShare:
    """Return the share of the rows that have a label, with a 95 % interval over problems.

    `labels`, (rows,), is 1 where raters give the label, 0 where they do not (or any number between, for a mean of such
    numbers), NaN where nobody rated. `predictions`,
    (rows,), has any value that may say something about the label, such as the kind that a classifier gives. The
    labeled rows must be a random sample; `label_weights`, (rows,), are inverse probabilities of being rated (default:
    equal). A row stands for `row_weights`, (rows,), rows (default: for itself), if only a sample has predictions. Rows
    of one problem (`problems`, default: each row its own) are not independent, which widens the interval as far as the
    labels show it. Raise `UsageError` if the numbers of rows differ.

    Half of the rows are predicted "yes"; of their 20 labels 18 are yes, of those of the others 2 are.

    >>> labels = [1] * 18 + [0] * 2 + [float("nan")] * 480 + [1] * 2 + [0] * 18 + [float("nan")] * 480
    >>> share = corrected_share(labels, ["yes"] * 500 + ["no"] * 500)
    >>> [round(number, 2) for number in (share.corrected.value, share.corrected.low, share.corrected.high)]
    [0.5, 0.38, 0.62]
    >>> [round(number, 2) for number in share.labels_alone.ends]
    [0.35, 0.65]
    """
    truth = np.asarray(labels, np.float64)
    weights, sizes = (
        np.ones(len(truth)) if column is None else np.asarray(column, np.float64)
        for column in (label_weights, row_weights)
    )
    problem_codes = _codes(np.arange(len(truth)) if problems is None else problems)
    if not len(truth) == len(predictions) == len(weights) == len(sizes) == len(problem_codes):
        raise UsageError("labels, predictions, problems and weights must have one number of rows")
    is_labeled = ~np.isnan(truth)
    if not is_labeled.any():
        missing = Estimate(None, n=0, undefined="no row has a label")
        return CorrectedShare(missing, missing, 0)
    one_cell = np.zeros(len(truth), np.int64)
    alone = _estimate(truth, one_cell, problem_codes, weights, sizes)
    cells = _pool(_codes(predictions), is_labeled)
    corrected = _estimate(truth, cells, problem_codes, weights, sizes)
    if _width(corrected) >= _width(alone):
        corrected = alone
    return CorrectedShare(corrected, alone, int(is_labeled.sum()))


def _estimate(
    truth: FloatArray, cells: IntArray, problems: IntArray, weights: FloatArray, sizes: FloatArray
) -> Estimate:
    """Return the post-stratified share; every cell has labeled rows."""
    is_labeled = ~np.isnan(truth)
    n_cells, n_rows = int(cells.max()) + 1, sizes.sum()
    cell_shares = np.bincount(cells, sizes, n_cells) / n_rows
    labels, label_cells, label_weights = truth[is_labeled], cells[is_labeled], weights[is_labeled]
    cell_weights = np.bincount(label_cells, label_weights, n_cells)
    means = np.bincount(label_cells, label_weights * labels, n_cells) / cell_weights
    value = float(cell_shares @ means)
    # Kish's (1965) numbers of independent labels: unequal weights, then problems with several rows
    n_effective = cell_weights**2 / np.bincount(label_cells, label_weights**2, n_cells)
    problems_of_labels = _codes(problems[is_labeled])
    n_effective /= _design_effect(label_weights * (labels - means[label_cells]), label_weights, problems_of_labels)
    n_problems = int(problems_of_labels.max()) + 1
    if n_problems < 2:
        return Estimate(value, n=n_problems, undefined="all labels are of one problem")
    quantile = _student_95(n_problems - 1)
    lows, highs = _agresti_coull(means, n_effective, quantile)
    # what the problems at hand add: others would have other predictions
    spread = _sums(problems, sizes * (means[cells] - value)) / n_rows
    between = quantile**2 * float(spread @ spread) * len(spread) / (len(spread) - 1)
    low = value - math.sqrt(float((cell_shares * (means - lows)) @ (cell_shares * (means - lows))) + between)
    high = value + math.sqrt(float((cell_shares * (highs - means)) @ (cell_shares * (highs - means))) + between)
    return Estimate(value, max(0.0, low), min(1.0, high), n=n_problems)


def _student_95(n_free: int) -> float:
    """Return the 97.5th percentile of Student's t with `n_free` >= 1 degrees of freedom, by Fisher's expansion."""
    z = NORMAL_95
    return z + (z**3 + z) / (4 * n_free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n_free**2)


def _agresti_coull(means: FloatArray, n: FloatArray, quantile: float) -> tuple[FloatArray, FloatArray]:
    """Return the ends of Agresti and Coull's (1998) interval of each mean of `n` labels."""
    n_more = n + quantile**2
    centers = (n * means + quantile**2 / 2) / n_more
    half_widths = quantile * np.sqrt(centers * (1 - centers) / n_more)
    return np.clip(centers - half_widths, 0, means), np.clip(centers + half_widths, means, 1)


def _design_effect(residuals: FloatArray, weights: FloatArray, problems: IntArray) -> float:
    """Return by what factor rows of one problem raise the variance of a mean: at least 1, at most Kish's for equals."""
    largest = float((_sums(problems, weights) ** 2).sum() / (weights**2).sum())
    variance = float((residuals**2).sum())
    measured = float((_sums(problems, residuals) ** 2).sum()) / variance if variance else largest
    return min(max(1.0, measured), largest)


def _pool(cells: IntArray, is_labeled: BoolArray) -> IntArray:
    """Return the cells with those that have fewer than `FEWEST_LABELS` labels as one.

    If that has too few labels as well, it takes the smallest of the others.
    """
    n_labels = np.bincount(cells[is_labeled], minlength=int(cells.max()) + 1)
    order = np.argsort(-n_labels, kind="stable")  # most labels first
    n_kept = int((n_labels >= FEWEST_LABELS).sum())
    if n_labels[order[n_kept:]].sum() < FEWEST_LABELS and n_kept < len(order):
        n_kept = max(0, n_kept - 1)
    codes = np.minimum(np.argsort(order, kind="stable"), n_kept)
    return _codes(codes[cells])


def _codes(labels: Sequence[Hashable] | AnyArray) -> IntArray:
    """Return a code from 0 for each label, the same in any order of the rows."""
    if isinstance(labels, np.ndarray):
        codes: IntArray = np.unique(labels, return_inverse=True)[1]
        return codes
    codes_by_label = {label: code for code, label in enumerate(sorted(set(labels), key=repr))}
    return np.array([codes_by_label[label] for label in labels], np.int64)


def _sums(codes: IntArray, numbers: FloatArray) -> FloatArray:
    sums: FloatArray = np.bincount(codes, numbers).astype(np.float64)
    return sums


def _width(estimate: Estimate) -> float:
    return math.inf if estimate.low is None or estimate.high is None else estimate.high - estimate.low
