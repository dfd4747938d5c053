"""Figures of a sentence scorer against labels, with intervals over problems.

All figures share the same bootstrap draws of problems, so that the difference of two scorers has an interval of paired
draws. Row 0 of a figure is that of all problems, the rows behind it those of the draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgram.annotation.coefficients import cohen_kappa
from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.evaluation.precision_recall import compute_rates
from sgram.statistics import N_DRAWS, Estimate, draw_counts, estimate_from_draws

RECALL = 0.75
"""Recall at which precision is reported."""
FIGURES = ("precision", "recall", "f1", "precision_at_recall_75", "average_precision")
"""Names of the figures of planning."""
_BLOCK_SIZE = 1 << 22
"""Weights of sentences that are held at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class ProblemDraws:
    """How often each problem is drawn: once in row 0, with replacement in the rows behind it.

    >>> draws = ProblemDraws.from_problems(["a", "b", "a"], n_draws=2)
    >>> draws.code.tolist(), draws.counts[0].tolist(), draws.counts.sum(axis=1).tolist()
    ([0, 1, 0], [1, 1], [2, 2, 2])
    """

    code: IntArray
    """(N,) problem of each sentence."""
    counts: IntArray
    """(1 + draws, problems)"""

    @classmethod
    def from_problems(cls, problems: Sequence[str], n_draws: int = N_DRAWS, seed: int = 0) -> "ProblemDraws":
        """Draw the distinct `problems`, whatever their order."""
        names, code = np.unique(np.array(problems, dtype=object).astype(str), return_inverse=True)
        ones = np.ones(len(names), np.int64)
        return cls(code, np.concatenate([ones[None], draw_counts(np.random.default_rng(seed), ones, n_draws)]))

    @property
    def n_problems(self) -> int:
        """Number of distinct problems."""
        return int(self.counts.shape[1])

    def sums(self, features: FloatArray) -> FloatArray:
        """Return the sums of `features`, (N, F), over the sentences of each draw, (1 + draws, F)."""
        by_problem = np.zeros((self.n_problems, features.shape[1]))
        np.add.at(by_problem, self.code, features)
        return self.counts @ by_problem

    def estimate(self, figure: FloatArray, undefined: str = "") -> Estimate:
        """Return a figure, (1 + draws,), with its 95 % interval; NaN in row 0 means undefined."""
        if np.isnan(figure[0]):
            return Estimate(None, n=self.n_problems, undefined=undefined or "it is undefined")
        return estimate_from_draws(figure[0], figure[1:], self.n_problems, "an interval needs two problems or more")


def draw_figures(
    draws: ProblemDraws, probabilities: FloatArray, is_planning: BoolArray, threshold: float
) -> dict[str, FloatArray]:
    """Return each of `FIGURES` for all problems and in each draw, (1 + draws,), NaN where it is undefined.

    Sentences whose probability is at least `threshold` are marked; the last two figures do not depend on it.

    >>> draws = ProblemDraws.from_problems(["a", "b", "b"], n_draws=1)
    >>> figures = draw_figures(draws, np.array([0.9, 0.6, 0.1]), np.array([True, False, True]), 0.5)
    >>> {name: round(float(figure[0]), 2) for name, figure in figures.items()}  # doctest: +NORMALIZE_WHITESPACE
    {'precision': 0.5, 'recall': 0.5, 'f1': 0.5, 'precision_at_recall_75': 0.67, 'average_precision': 0.83}
    """
    marked = probabilities >= threshold
    counts = np.stack([marked & is_planning, marked, is_planning, np.ones(len(marked))], axis=1).astype(np.float64)
    rates = compute_rates(draws.sums(counts))
    order = np.argsort(-probabilities, kind="stable")
    code, hits = draws.code[order], is_planning[order]
    ends = np.flatnonzero(np.append(np.diff(probabilities[order]) != 0, True))  # equal probabilities go together
    block_size = max(1, _BLOCK_SIZE // max(1, len(order)))
    blocks = [
        _ranked_figures(draws.counts[first : first + block_size][:, code], hits, ends)
        for first in range(0, len(draws.counts), block_size)
    ]
    ranked = np.concatenate(blocks, axis=1)
    return dict(zip(FIGURES, (*rates.T[:3], *ranked), strict=True))


def _ranked_figures(weights: IntArray, hits: BoolArray, ends: IntArray) -> FloatArray:
    """Return (precision at `RECALL`, average precision) of each row of `weights`, (2, rows)."""
    n_marked = np.cumsum(weights, axis=1)[:, ends].astype(np.float64)
    n_hits = np.cumsum(weights * hits, axis=1)[:, ends].astype(np.float64)
    n_positive = n_hits[:, -1:]
    is_defined = n_positive[:, 0] > 0
    precision = n_hits / np.maximum(n_marked, 1)
    recall = n_hits / np.maximum(n_positive, 1)
    at_recall = np.where(recall >= RECALL, precision, 0.0).max(axis=1)
    gains = np.diff(recall, axis=1, prepend=0.0)
    figures = np.stack([at_recall, (precision * gains).sum(axis=1)])
    return np.where(is_defined, figures, np.nan)


def draw_kappa(draws: ProblemDraws, labels: Sequence[str | None], moves: Sequence[str | None]) -> FloatArray:
    """Return Cohen's kappa of two namings of sentences for all problems and in each draw, (1 + draws,).

    Sentences that lack one of the two are left out.

    >>> draws = ProblemDraws.from_problems(["a", "b", "c"], n_draws=1)
    >>> float(draw_kappa(draws, ["x", "y", None], ["x", "y", "x"])[0])
    1.0
    """
    rows = [row for row, pair in enumerate(zip(labels, moves, strict=True)) if None not in pair]
    names = sorted({str(name) for row in rows for name in (labels[row], moves[row])})
    if len(names) < 2:
        return np.full(len(draws.counts), np.nan)
    codes = np.array([[names.index(str(labels[row])), names.index(str(moves[row]))] for row in rows], np.int16)
    kappa = cohen_kappa(codes, len(names))
    features = np.zeros((len(labels), kappa.features.shape[1]))
    features[rows] = kappa.features
    return kappa.compute(draws.sums(features))
