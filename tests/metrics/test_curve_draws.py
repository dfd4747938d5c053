"""Curves from rows, and how far they spread."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.metrics import Curve, curve_band, curve_draws, curve_of
from sgram.metrics.curve import noise_like, residuals, smoothed

STEPS, PROBLEMS = [2, 1, 1, 2, 1], ["p", "p", "q", "p", "p"]


def sampled(values, problems=None, weights=None):
    return Curve(tuple(range(len(values))), tuple(map(float, np.mean(values, axis=1))), values, weights, problems)


def test_rows_of_a_step_and_problem_are_joined():
    # step 1: p has 1 + 3 of 2 + 2 tokens, q 1 of 4: 5 of 8; step 2: p 2 + 4 of 2 + 1
    found = curve_of(STEPS, PROBLEMS, [2.0, 1.0, 1.0, 4.0, 3.0], [2, 2, 4, 1, 2])
    assert found == Curve((1, 2), (5 / 8, 2.0), ((1.0, 0.25), (2.0,)), ((4.0, 4.0), (3.0,)), (("p", "q"), ("p",)))
    # without tokens rows weigh the same: step 1 (1 + 1 + 3) / 3
    assert curve_of(STEPS, PROBLEMS, [2.0, 1.0, 1.0, 4.0, 3.0]).values == (5 / 3, 3.0)


def test_what_has_no_tokens_has_no_value():
    found = curve_of([1, 1, 2], ["p", "q", "p"], [3.0, 0.0, 0.0], [2, 0, 0])
    assert found == Curve((1,), (1.5,), ((1.5, 0.0),), ((2.0, 0.0),), (("p", "q"),))
    assert curve_of([], [], []) == Curve((), (), (), (), ())


@given(st.permutations(range(5)))
def test_the_order_of_rows_does_not_matter(order):
    above = [0.1, 0.2, 0.3, 0.4, 0.7]
    given_so = curve_of([STEPS[at] for at in order], [PROBLEMS[at] for at in order], [above[at] for at in order])
    assert given_so == curve_of(STEPS, PROBLEMS, above)


def test_draws_spread_as_the_mean_of_problems_does():
    rng = np.random.default_rng(0)
    curve = sampled(tuple(map(tuple, rng.normal(size=(4, 25)))))
    drawn = curve_draws(curve, 8000)  # (draws, steps)
    assert drawn.shape == (8000, 4)
    assert drawn.mean(axis=0) == pytest.approx(np.array(curve.values), abs=0.02)
    assert drawn.std(axis=0) == pytest.approx(np.std(curve.samples, axis=1, ddof=1) / 5, rel=0.05)
    # steps are drawn by themselves, as their problems are different ones
    assert np.abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.05


def test_a_problem_that_is_looked_at_in_every_step_moves_the_whole_curve():
    levels = tuple(map(float, np.random.default_rng(1).normal(size=20)))
    names = tuple(f"p{at}" for at in range(20))
    curve = sampled((levels, levels, levels), (names, names, names))
    drawn = curve_draws(curve, 500)
    assert drawn.std(axis=0).min() > 0.1
    assert np.ptp(drawn, axis=1).max() < 1e-12  # only up and down


def test_weights_say_how_much_a_problem_counts():
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


def test_a_band_holds_the_truth_about_as_often_as_it_says():
    rng, held = np.random.default_rng(3), []
    for seed in range(60):
        low, high = curve_band(sampled(tuple(map(tuple, rng.normal(size=(10, 20))))), 300, seed)
        held.append((low <= 0) & (high >= 0))
    assert 0.90 <= np.mean(held) <= 0.97


def test_without_problems_there_is_no_band_and_noise_is_what_smoothing_leaves():
    values = tuple(map(float, np.linspace(0, 5, 200) + np.random.default_rng(4).normal(size=200)))
    curve = Curve(tuple(range(200)), values)
    assert curve_band(curve) is None
    assert curve_band(sampled(((1.0,), (2.0,)))) is None  # one problem has no spread
    assert curve_draws(curve, 500).std(axis=0) == pytest.approx(np.ones(200), abs=0.3)
    assert np.mean(curve_draws(curve, 500).std(axis=0)) == pytest.approx(1, rel=0.1)


def test_what_a_short_smoothed_curve_follows_by_itself_is_made_up_for():
    rng, found = np.random.default_rng(6), []
    for _ in range(100):
        found.append(residuals(rng.normal(size=16))[0].var())
    assert np.mean(found) == pytest.approx(1, rel=0.15)  # without it a half


def test_a_line_is_smoothed_to_itself():
    line = np.linspace(3, -4, 30)
    for half in (2, 5, 100):
        fitted, freedom = smoothed(line, half)
        assert fitted == pytest.approx(line)
        assert 2 <= freedom <= 30
    assert residuals(line)[0] == pytest.approx(np.zeros(30), abs=1e-12)


@pytest.mark.parametrize("again", [0.0, 0.6])
def test_noise_keeps_its_spread_and_its_correlation(again):
    rng = np.random.default_rng(5)
    left = rng.normal(size=3000)
    for place in range(1, 3000):
        left[place] += again * left[place - 1]
    drawn = noise_like(left, 2, 200, rng)
    assert drawn.std() == pytest.approx(left.std(), rel=0.05)
    assert np.mean(drawn[:, 1:] * drawn[:, :-1]) / drawn.var() == pytest.approx(again, abs=0.05)
    assert noise_like(np.zeros(9), 2, 3, rng).tolist() == [[0.0] * 9] * 3


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (((1, 2), (1.0,)), "2 steps and 1 values"),
        (((2, 1), (1.0, 1.0)), "steps of a curve must increase"),
        (((1, 1), (1.0, 1.0)), "steps of a curve must increase"),
        (((1,), (float("nan"),)), "missing or not finite; leave its step out"),
        (((1,), (1.0,), ((1.0,), (2.0,))), "1 steps and samples of 2"),
        (((1,), (1.0,), ((1.0, 1.0),), ((1.0,),)), "weights of a curve must be one for each sample"),
        (((1,), (1.0,), ((1.0,),), None, (("p", "q"),)), "problems of a curve must be one for each sample"),
        (((1,), (1.0,), ((1.0, float("inf")),)), "a sample of a curve is missing or not finite"),
        (((1,), (1.0,), ((1.0, 1.0),), ((1.0, -1.0),)), "a weight of a curve is missing or below 0"),
    ],
)
def test_what_is_no_curve_is_refused(arguments, match):
    with pytest.raises(UsageError, match=match):
        Curve(*arguments)


def test_a_curve_can_be_cut_to_steps():
    curve = curve_of(STEPS, PROBLEMS, [2.0, 1.0, 1.0, 4.0, 3.0])
    assert curve.at([2, 7]) == Curve((2,), (3.0,), ((3.0,),), ((2.0,),), (("p",),))
