"""Curves from rows, and how far they spread."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.metrics import Curve, build_curve, curve_band, curve_draws, trend_draws
from sgram.metrics.curve import draw_noise, residuals, smooth

STEPS, PROBLEMS = [2, 1, 1, 2, 1], ["p", "p", "q", "p", "p"]


def sampled(values, problems=None, weights=None):
    return Curve(tuple(range(len(values))), tuple(map(float, np.mean(values, axis=1))), values, weights, problems)


def test_rows_of_a_step_and_problem_are_joined():
    # step 1: p has 1 + 3 of 2 + 2 tokens, q 1 of 4: 5 of 8; step 2: p 2 + 4 of 2 + 1
    curve = build_curve(STEPS, PROBLEMS, [2.0, 1.0, 1.0, 4.0, 3.0], [2, 2, 4, 1, 2])
    assert curve == Curve((1, 2), (5 / 8, 2.0), ((1.0, 0.25), (2.0,)), ((4.0, 4.0), (3.0,)), (("p", "q"), ("p",)))
    # without tokens rows weigh the same: step 1 (1 + 1 + 3) / 3
    assert build_curve(STEPS, PROBLEMS, [2.0, 1.0, 1.0, 4.0, 3.0]).values == (5 / 3, 3.0)


def test_a_step_without_tokens_is_left_out():
    curve = build_curve([1, 1, 2], ["p", "q", "p"], [3.0, 0.0, 0.0], [2, 0, 0])
    assert curve == Curve((1,), (1.5,), ((1.5, 0.0),), ((2.0, 0.0),), (("p", "q"),))
    assert build_curve([], [], []) == Curve((), (), (), (), ())


@given(st.permutations(range(5)))
def test_the_order_of_rows_does_not_matter(order):
    numerators = [0.1, 0.2, 0.3, 0.4, 0.7]
    shuffled = build_curve(
        [STEPS[index] for index in order], [PROBLEMS[index] for index in order], [numerators[index] for index in order]
    )
    assert shuffled == build_curve(STEPS, PROBLEMS, numerators)


def test_draws_spread_as_the_mean_of_problems_does():
    rng = np.random.default_rng(0)
    curve = sampled(tuple(map(tuple, rng.normal(size=(4, 25)))))
    draws = curve_draws(curve, 8000)  # (draws, steps)
    assert draws.shape == (8000, 4)
    assert draws.mean(axis=0) == pytest.approx(np.array(curve.values), abs=0.02)
    assert draws.std(axis=0) == pytest.approx(np.std(curve.samples, axis=1, ddof=1) / 5, rel=0.05)
    # every step is drawn by itself, because its problems are different
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.05


def test_a_problem_that_occurs_at_every_step_moves_the_whole_curve():
    levels = tuple(map(float, np.random.default_rng(1).normal(size=20)))
    names = tuple(f"p{index}" for index in range(20))
    curve = sampled((levels, levels, levels), (names, names, names))
    draws = curve_draws(curve, 500)
    assert draws.std(axis=0).min() > 0.1
    assert np.ptp(draws, axis=1).max() < 1e-12  # only up and down


def test_a_problem_counts_by_its_weight():
    heavy = curve_draws(sampled(((1.0, 3.0, 9.0),), weights=((1.0, 1.0, 0.0),)), 2000)
    without = curve_draws(sampled(((1.0, 3.0),)), 2000)
    assert heavy.std() == pytest.approx(without.std(), rel=0.05)
    # two of 100 tokens and one of 1: about as if there were the two alone, but one more problem to be drawn
    light = curve_draws(sampled(((1.0, 3.0, 9.0),), weights=((100.0, 100.0, 1.0),)), 4000)
    assert light.std() < 1.0 < curve_draws(sampled(((1.0, 3.0, 9.0),)), 4000).std()


def test_a_problem_without_weight_needs_no_value():
    missing = sampled(((1.0, 3.0, 9.0),), weights=((1.0, 1.0, 0.0),))
    missing = Curve(missing.steps, missing.values, ((1.0, 3.0, float("nan")),), missing.weights)
    assert np.isfinite(curve_draws(missing, 20)).all()


def test_the_same_problems_get_the_same_draws():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(5, 10))
    first, second = sampled(tuple(map(tuple, noise))), sampled(tuple(map(tuple, 2 * noise + 1)))
    assert curve_draws(second, 50) == pytest.approx(2 * curve_draws(first, 50) + 1)
    assert (curve_draws(first, 50, seed=1) != curve_draws(first, 50)).any()


def test_bands_cover_the_truth_at_their_level():
    rng, covered = np.random.default_rng(3), []
    for seed in range(60):
        low, high = curve_band(sampled(tuple(map(tuple, rng.normal(size=(10, 20))))), 300, seed)
        covered.append((low <= 0) & (high >= 0))
    assert 0.90 <= np.mean(covered) <= 0.97


def test_without_problems_there_is_no_band_and_noise_is_what_smoothing_leaves():
    values = tuple(map(float, np.linspace(0, 5, 200) + np.random.default_rng(4).normal(size=200)))
    curve = Curve(tuple(range(200)), values)
    assert curve_band(curve) is None
    assert curve_band(sampled(((1.0,), (2.0,)))) is None  # one problem has no spread
    assert curve_draws(curve, 500).std(axis=0) == pytest.approx(np.ones(200), abs=0.3)
    assert np.mean(curve_draws(curve, 500).std(axis=0)) == pytest.approx(1, rel=0.1)


def test_the_noise_that_all_problems_of_a_step_share_is_drawn_too():
    rng = np.random.default_rng(8)
    wander = rng.normal(0, 1, (200, 1))  # of each step; its ten problems differ by 0.1 only: means by 0.1 / sqrt(10)
    curve = sampled(tuple(map(tuple, wander + rng.normal(0, 0.1, (200, 10)))))
    assert np.mean(curve_draws(curve, 500).std(axis=0)) == pytest.approx(0.1 / np.sqrt(10), rel=0.1)
    assert np.mean(trend_draws(curve, 500).std(axis=0)) == pytest.approx(1, rel=0.1)
    # problems that explain the whole spread of the steps leave next to nothing to add
    independent = sampled(tuple(map(tuple, rng.normal(0, 1, (200, 10)))))
    assert np.mean(trend_draws(independent, 500).std(axis=0)) == pytest.approx(1 / np.sqrt(10), rel=0.1)
    few = sampled(tuple(map(tuple, rng.normal(0, 1, (6, 10)))))  # fewer than seven steps
    assert (trend_draws(few, 20) == curve_draws(few, 20)).all()


def test_residuals_of_a_short_curve_are_widened_for_the_noise_it_follows():
    rng, variances = np.random.default_rng(6), []
    for _ in range(100):
        variances.append(residuals(rng.normal(size=16))[0].var())
    assert np.mean(variances) == pytest.approx(1, rel=0.15)  # one half without the widening


def test_a_line_is_smoothed_to_itself():
    line = np.linspace(3, -4, 30)
    for half_window in (2, 5, 100):
        fitted, freedom = smooth(line, half_window)
        assert fitted == pytest.approx(line)
        assert 2 <= freedom <= 30
    assert residuals(line)[0] == pytest.approx(np.zeros(30), abs=1e-12)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_noise_keeps_its_spread_and_its_correlation(correlation):
    rng = np.random.default_rng(5)
    noise = rng.normal(size=3000)
    for step in range(1, 3000):
        noise[step] += correlation * noise[step - 1]
    draws = draw_noise(noise, 2, 200, rng)
    assert draws.std() == pytest.approx(noise.std(), rel=0.05)
    assert np.mean(draws[:, 1:] * draws[:, :-1]) / draws.var() == pytest.approx(correlation, abs=0.05)
    assert draw_noise(np.zeros(9), 2, 3, rng).tolist() == [[0.0] * 9] * 3


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (((1, 2), (1.0,)), "2 steps and 1 values"),
        (((2, 1), (1.0, 1.0)), "steps of a curve must increase"),
        (((1, 1), (1.0, 1.0)), "steps of a curve must increase"),
        (((1,), (float("nan"),)), "missing or not finite; leave its step out"),
        (((1,), (1.0,), ((1.0,), (2.0,))), "1 steps and samples of 2"),
        (((1,), (1.0,), ((1.0, 1.0),), ((1.0,),)), "a curve must have one of its weights for each sample"),
        (((1,), (1.0,), ((1.0,),), None, (("p", "q"),)), "a curve must have one of its problems for each sample"),
        (((1,), (1.0,), ((1.0, float("inf")),)), "a sample of a curve is missing or not finite"),
        (((1,), (1.0,), ((1.0, 1.0),), ((1.0, -1.0),)), "a weight of a curve is missing or below 0"),
    ],
)
def test_an_invalid_curve_is_refused(arguments, match):
    with pytest.raises(UsageError, match=match):
        Curve(*arguments)


def test_a_curve_can_be_cut_to_steps():
    curve = build_curve(STEPS, PROBLEMS, [2.0, 1.0, 1.0, 4.0, 3.0])
    assert curve.at([2, 7]) == Curve((2,), (3.0,), ((3.0,),), ((2.0,),), (("p",),))
