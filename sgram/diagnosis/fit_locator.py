"""Fit the weights of the error locator to solutions whose first errors are marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.diagnosis.error_locator import ErrorLocator
from sgram.diagnosis.step_features import NO_ERROR_FEATURES, STEP_FEATURES, StepEvidence

PENALTY = 3.0
"""Factor of the sum of squared weights in the loss."""
SHIFTS = tuple(tenths / 10 for tenths in range(-25, 26))
"""Values added to the score of "no error", tried in this order."""
_MIN_PROBABILITY = 1e-300


@dataclass(frozen=True, slots=True)
class MarkedSolution:
    """A solution with its mark."""

    source: str
    """The data set that it is from."""
    problem_id: str
    evidence: StepEvidence
    first_error: int | None
    """The step of the first error; None if there is none."""


def fit_locator(solutions: Sequence[MarkedSolution], source_weights: Mapping[str, float] | None = None) -> ErrorLocator:
    """Return the weights that make the marks most likely (penalized conditional logit).

    A source without an entry in `source_weights` weighs 1. The score of "no error" is then shifted so that the harmonic
    mean of the accuracies on solutions with and without an error, averaged over sources, is largest on `solutions`.
    """
    from scipy.optimize import minimize

    weights = np.array([(source_weights or {}).get(solution.source, 1.0) for solution in solutions])
    stacked = _StackedSolutions.stack(solutions)
    n_features = len(STEP_FEATURES) + len(NO_ERROR_FEATURES)
    fitted = minimize(stacked.loss, np.zeros(n_features), args=(weights,), jac=True, method="L-BFGS-B").x
    step_weights, no_error_weights = fitted[: len(STEP_FEATURES)], fitted[len(STEP_FEATURES) :].copy()
    no_error_weights[NO_ERROR_FEATURES.index("one")] += _best_shift(
        solutions, ErrorLocator(step_weights, no_error_weights)
    )
    return ErrorLocator(step_weights, no_error_weights)


@dataclass(frozen=True, slots=True)
class _StackedSolutions:
    """The features of all solutions as matrices."""

    step_features: FloatArray
    """(all steps, F)"""
    no_error_features: FloatArray
    """(solutions, G)"""
    first_rows: IntArray
    """(solutions,) row of the first step of each solution."""
    solution_of_step: IntArray
    """(all steps,)"""
    first_errors: IntArray
    """(solutions,) step of the first error, -1 for none."""

    @classmethod
    def stack(cls, solutions: Sequence[MarkedSolution]) -> "_StackedSolutions":
        sizes = np.array([len(solution.evidence.step_features) for solution in solutions])
        return cls(
            np.concatenate([solution.evidence.step_features for solution in solutions]),
            np.stack([solution.evidence.no_error_features for solution in solutions]),
            np.cumsum(sizes) - sizes,
            np.repeat(np.arange(len(sizes)), sizes),
            np.array([-1 if solution.first_error is None else solution.first_error for solution in solutions]),
        )

    def loss(self, parameters: FloatArray, weights: FloatArray) -> tuple[float, FloatArray]:
        """Return the penalized negative log-likelihood and its gradient.

        `parameters` are the step weights followed by the "no error" weights; `weights`, (solutions,), are those of
        the solutions.
        """
        n_step_features = self.step_features.shape[1]
        step_scores = self.step_features @ parameters[:n_step_features]
        no_error_scores = self.no_error_features @ parameters[n_step_features:]
        largest = np.maximum(np.maximum.reduceat(step_scores, self.first_rows), no_error_scores)
        step_odds = np.exp(step_scores - largest[self.solution_of_step])
        no_error_odds = np.exp(no_error_scores - largest)
        totals = np.add.reduceat(step_odds, self.first_rows) + no_error_odds
        has_error: BoolArray = self.first_errors >= 0
        marked_rows = self.first_rows + np.maximum(self.first_errors, 0)
        log_likelihoods = np.where(has_error, step_scores[marked_rows], no_error_scores) - largest - np.log(totals)
        step_residuals, no_error_residuals = step_odds / totals[self.solution_of_step], no_error_odds / totals
        step_residuals[marked_rows[has_error]] -= 1
        no_error_residuals[~has_error] -= 1
        gradient = [
            self.step_features.T @ (step_residuals * weights[self.solution_of_step]),
            self.no_error_features.T @ (no_error_residuals * weights),
        ]
        loss = -float(weights @ log_likelihoods) + PENALTY * float(parameters @ parameters)
        return loss, np.concatenate(gradient) + 2 * PENALTY * parameters


def _best_shift(solutions: Sequence[MarkedSolution], locator: ErrorLocator) -> float:
    """Return the best value of `SHIFTS` to add to the score of "no error"."""
    sources = np.array([solution.source for solution in solutions])
    has_error = np.array([solution.first_error is not None for solution in solutions])
    probabilities = [locator.probabilities(solution.evidence) for solution in solutions]
    finds_error = np.array(
        [
            int(np.argmax(of_steps)) == solution.first_error
            for (of_steps, _), solution in zip(probabilities, solutions, strict=True)
        ]
    )
    no_error_logits = np.array(
        [
            np.log(max(no_error, _MIN_PROBABILITY)) - np.log(max(1 - no_error, _MIN_PROBABILITY))
            for _, no_error in probabilities
        ]
    )
    best_mean, best_shift = -1.0, 0.0
    for shift in SHIFTS:
        says_no_error = no_error_logits + shift > 0
        source_means = []
        for source in sorted(set(sources)):
            wrong, right = (sources == source) & has_error, (sources == source) & ~has_error
            if wrong.any() and right.any():
                accuracy_wrong = (finds_error & ~says_no_error)[wrong].mean()
                accuracy_right = says_no_error[right].mean()
                total = accuracy_wrong + accuracy_right
                source_means.append(2 * accuracy_wrong * accuracy_right / total if total else 0.0)
        if source_means and np.mean(source_means) > best_mean:
            best_mean, best_shift = float(np.mean(source_means)), shift
    return best_shift
