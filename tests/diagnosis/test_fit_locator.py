"""Fitting: what was put into made-up marks is found again."""

import numpy as np
import pytest

from sgram.diagnosis.fit_locator import PENALTY, Solution, _Packed, fit_locator
from sgram.diagnosis.step_features import NONE_FEATURES, STEP_FEATURES, StepEvidence

N_STEP, N_NONE = len(STEP_FEATURES), len(NONE_FEATURES)


def made_up(n=400, seed=0):
    """Solutions of 2 to 6 steps with random features; the first decides where the mark is."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(n):
        steps = rng.normal(size=(rng.integers(2, 7), N_STEP))
        mark = int(np.argmax(steps[:, 0])) if steps[:, 0].max() > 0.5 else None
        none = np.concatenate(([1.0], rng.normal(size=N_NONE - 1)))
        found.append(Solution("ab"[at % 2], f"p{at}", StepEvidence(steps, none, (), ()), mark))
    return found


def test_the_feature_that_decides_gets_the_weight():
    training, held_out = made_up(), made_up(seed=1)
    locator = fit_locator(training)
    assert np.argmax(np.abs(locator.step_weights)) == 0
    assert locator.step_weights[0] > 1
    hits = [
        int(np.argmax(locator.probabilities(each.evidence, True)[0])) == each.mark
        for each in held_out
        if each.mark is not None
    ]
    assert np.mean(hits) > 0.85
    both = [(locator.probabilities(each.evidence)[1] > 0.5) == (each.mark is None) for each in held_out]
    assert np.mean(both) > 0.8


def test_the_gradient_is_that_of_the_loss():
    table, rng = _Packed.of(made_up(12)), np.random.default_rng(2)
    weigh, place = rng.uniform(0.5, 2, 12), rng.normal(size=N_STEP + N_NONE) / 5
    _, gradient = table.loss(place, weigh)
    for at in (0, 3, N_STEP, N_STEP + 2):
        step = np.zeros_like(place)
        step[at] = 1e-6
        slope = (table.loss(place + step, weigh)[0] - table.loss(place - step, weigh)[0]) / 2e-6
        assert gradient[at] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_the_loss_is_the_penalized_log_likelihood():
    solutions = made_up(3)
    table = _Packed.of(solutions)
    # all weights 0: each of n steps and "no error" is as likely, 1 / (n + 1)
    expected = sum(np.log(len(each.evidence.steps) + 1) for each in solutions)
    assert table.loss(np.zeros(N_STEP + N_NONE), np.ones(3))[0] == pytest.approx(expected)
    assert PENALTY > 0


def test_the_order_of_solutions_changes_nothing_that_is_kept():
    solutions = made_up(80)
    one, other = fit_locator(solutions), fit_locator(solutions[::-1])
    assert one.step_weights == pytest.approx(other.step_weights, abs=1e-3)


def test_a_source_that_weighs_nothing_does_not_count():
    solutions = made_up(200)
    flipped = [
        Solution("b", each.problem_id, StepEvidence(-each.evidence.steps, each.evidence.none, (), ()), each.mark)
        for each in solutions
    ]
    ours = [Solution("a", each.problem_id, each.evidence, each.mark) for each in solutions]
    assert fit_locator([*ours, *flipped], {"b": 0.0}).step_weights[0] > 1
    assert fit_locator([*ours, *flipped], {"a": 0.0}).step_weights[0] < -1
