"""Weights of the error locator from solutions with marked first errors. Knows nothing about where marks come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sgram.diagnosis.error_locator import Locator
from sgram.diagnosis.step_features import NONE_FEATURES, STEP_FEATURES, StepEvidence

PENALTY = 3.0
"""Of the sum of squared weights."""
SHIFTS = tuple(each / 10 for each in range(-25, 26))
"""Of "no error", tried in order."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution with its mark."""

    source: str
    """Which set it is of."""
    problem_id: str
    evidence: StepEvidence
    mark: int | None
    """The step of the first error, None for none."""


def fit_locator(solutions: Sequence[Solution], weights: Mapping[str, float] | None = None) -> Locator:
    """The weights that make the marks likeliest (conditional logit, penalized), each source weighing as `weights` says.

    How ready it is to say "no error" is then set so that the mean over sources of the harmonic mean of both
    accuracies (of solutions with an error, and of those without) is largest on these solutions.
    """
    from scipy.optimize import minimize

    weigh = np.array([(weights or {}).get(each.source, 1.0) for each in solutions])
    table = _Packed.of(solutions)
    size = len(STEP_FEATURES) + len(NONE_FEATURES)
    found = minimize(table.loss, np.zeros(size), args=(weigh,), jac=True, method="L-BFGS-B").x
    step, none = found[: len(STEP_FEATURES)], found[len(STEP_FEATURES) :].copy()
    none[NONE_FEATURES.index("one")] += _best_shift(solutions, Locator(step, none))
    return Locator(step, none)


@dataclass(frozen=True, slots=True)
class _Packed:
    """Solutions below one another."""

    steps: np.ndarray  # (all steps, F)
    none: np.ndarray  # (solutions, G)
    firsts: np.ndarray  # (solutions,)
    owner: np.ndarray  # (all steps,)
    marks: np.ndarray  # (solutions,), -1 for none

    @classmethod
    def of(cls, solutions: Sequence[Solution]) -> "_Packed":
        sizes = np.array([len(each.evidence.steps) for each in solutions])
        marks = np.array([-1 if each.mark is None else each.mark for each in solutions])
        return cls(
            np.concatenate([each.evidence.steps for each in solutions]),
            np.stack([each.evidence.none for each in solutions]),
            np.cumsum(sizes) - sizes,
            np.repeat(np.arange(len(sizes)), sizes),
            marks,
        )

    def loss(self, both: np.ndarray, weigh: np.ndarray) -> tuple[float, np.ndarray]:
        """(penalized negative log-likelihood, its gradient)."""
        n_step = self.steps.shape[1]
        scores, none = self.steps @ both[:n_step], self.none @ both[n_step:]
        top = np.maximum(np.maximum.reduceat(scores, self.firsts), none)
        parts, rest = np.exp(scores - top[self.owner]), np.exp(none - top)
        total = np.add.reduceat(parts, self.firsts) + rest
        has = self.marks >= 0
        places = self.firsts + np.maximum(self.marks, 0)
        likely = np.where(has, scores[places], none) - top - np.log(total)
        step_gap, none_gap = parts / total[self.owner], rest / total
        step_gap[places[has]] -= 1
        none_gap[~has] -= 1
        gradient = [self.steps.T @ (step_gap * weigh[self.owner]), self.none.T @ (none_gap * weigh)]
        loss = -float(weigh @ likely) + PENALTY * float(both @ both)
        return loss, np.concatenate(gradient) + 2 * PENALTY * both


def _best_shift(solutions: Sequence[Solution], locator: Locator) -> float:
    """What to add to the score of "no error"."""
    sources = np.array([each.source for each in solutions])
    has = np.array([each.mark is not None for each in solutions])
    found = [locator.probabilities(each.evidence) for each in solutions]
    right = np.array([int(np.argmax(p)) == each.mark for (p, _), each in zip(found, solutions, strict=True)])
    margin = np.array([np.log(max(none, 1e-300)) - np.log(max(1 - none, 1e-300)) for _, none in found])
    best, best_shift = -1.0, 0.0
    for shift in SHIFTS:
        says_none = margin + shift > 0
        means = []
        for source in sorted(set(sources)):
            ours = sources == source
            if (ours & has).any() and (ours & ~has).any():
                a, b = (right & ~says_none)[ours & has].mean(), says_none[ours & ~has].mean()
                means.append(2 * a * b / (a + b) if a + b else 0.0)
        if means and np.mean(means) > best:
            best, best_shift = float(np.mean(means)), shift
    return best_shift
