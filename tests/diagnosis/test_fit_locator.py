"""Fitting recovers the rule behind synthetic marks."""

from dataclasses import replace

import numpy as np
import pytest

from sgram.diagnosis.fit_locator import PENALTY, MarkedSolution, _StackedSolutions, fit_locator
from sgram.diagnosis.step_features import NO_ERROR_FEATURES, STEP_FEATURES, StepEvidence

N_STEP, N_NO_ERROR = len(STEP_FEATURES), len(NO_ERROR_FEATURES)


def synthetic_solutions(n=400, seed=0):
    """Return solutions of 2 to 6 steps with random features; the first feature decides where the mark is."""
    rng = np.random.default_rng(seed)
    solutions = []
    for number in range(n):
        step_features = rng.normal(size=(rng.integers(2, 7), N_STEP))
        first_error = int(np.argmax(step_features[:, 0])) if step_features[:, 0].max() > 0.5 else None
        no_error_features = np.concatenate(([1.0], rng.normal(size=N_NO_ERROR - 1)))
        evidence = StepEvidence(step_features, no_error_features, (), ())
        solutions.append(MarkedSolution("ab"[number % 2], f"p{number}", evidence, first_error))
    return solutions


def test_the_feature_that_decides_gets_the_weight():
    training, held_out = synthetic_solutions(), synthetic_solutions(seed=1)
    locator = fit_locator(training)
    assert np.argmax(np.abs(locator.step_weights)) == 0
    assert locator.step_weights[0] > 1
    hits = [
        int(np.argmax(locator.probabilities(solution.evidence, True)[0])) == solution.first_error
        for solution in held_out
        if solution.first_error is not None
    ]
    assert np.mean(hits) > 0.85
    decides_right = [
        (locator.probabilities(solution.evidence)[1] > 0.5) == (solution.first_error is None) for solution in held_out
    ]
    assert np.mean(decides_right) > 0.8


def test_the_gradient_is_that_of_the_loss():
    stacked, rng = _StackedSolutions.stack(synthetic_solutions(12)), np.random.default_rng(2)
    weights, parameters = rng.uniform(0.5, 2, 12), rng.normal(size=N_STEP + N_NO_ERROR) / 5
    _, gradient = stacked.loss(parameters, weights)
    for index in (0, 3, N_STEP, N_STEP + 2):
        step = np.zeros_like(parameters)
        step[index] = 1e-6
        slope = (stacked.loss(parameters + step, weights)[0] - stacked.loss(parameters - step, weights)[0]) / 2e-6
        assert gradient[index] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_the_loss_is_the_penalized_log_likelihood():
    solutions = synthetic_solutions(3)
    stacked = _StackedSolutions.stack(solutions)
    # all weights 0: each of n steps and "no error" is as likely, 1 / (n + 1)
    expected = sum(np.log(len(solution.evidence.step_features) + 1) for solution in solutions)
    assert stacked.loss(np.zeros(N_STEP + N_NO_ERROR), np.ones(3))[0] == pytest.approx(expected)
    assert PENALTY > 0


def test_the_order_of_solutions_does_not_change_the_weights():
    solutions = synthetic_solutions(80)
    locator, reverse_locator = fit_locator(solutions), fit_locator(solutions[::-1])
    assert locator.step_weights == pytest.approx(reverse_locator.step_weights, abs=1e-3)


def test_a_source_that_weighs_nothing_does_not_count():
    solutions = synthetic_solutions(200)
    flipped = [
        MarkedSolution(
            "b",
            solution.problem_id,
            StepEvidence(-solution.evidence.step_features, solution.evidence.no_error_features, (), ()),
            solution.first_error,
        )
        for solution in solutions
    ]
    original = [replace(solution, source="a") for solution in solutions]
    assert fit_locator([*original, *flipped], {"b": 0.0}).step_weights[0] > 1
    assert fit_locator([*original, *flipped], {"a": 0.0}).step_weights[0] < -1
