"""Change points of broken lines, and how often a straight one seems bent."""

import numpy as np
import pytest

from sgram.errors import UsageError
from sgram.metrics import change_point

T = np.arange(80)


def correlated(rng, correlation, n=80):
    noise = rng.normal(size=n)
    for step in range(1, n):
        noise[step] += correlation * noise[step - 1]
    return noise


def least_squares_step(x, y):
    """The step of least squares, by fitting every broken line there is."""
    squares = {}
    for step in range(2, len(x) - 2):
        columns = np.stack([np.ones(len(x)), x, np.maximum(0, x - x[step])], axis=1)
        squares[step] = ((y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]) ** 2).sum()
    return x[min(squares, key=squares.get)]


def test_a_broken_line_breaks_where_it_does():
    bend = change_point(T * 5, np.where(T < 30, 2.0 * T, 60 - 0.5 * (T - 30)))
    assert bend.step == 150
    assert (bend.low, bend.high) == (150, 150)
    assert (bend.slope_before, bend.slope_after) == (pytest.approx(0.4), pytest.approx(-0.1))
    assert bend.p_value == pytest.approx(1 / 1001)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_least_squares_break_at_uneven_steps(seed):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.integers(1, 9, 25))
    y = np.maximum(0, x - x[9]) + rng.normal(0, 8, 25)
    assert change_point(x, y).step == least_squares_step(x.astype(float), y)


def test_intervals_cover_the_break_at_their_level():
    rng, covered = np.random.default_rng(0), []
    for seed in range(100):
        bend = change_point(T, 0.2 * np.maximum(0, T - 30) + rng.normal(size=80), seed, n_draws=200)
        covered.append(bend.low <= 30 <= bend.high)
    assert np.mean(covered) >= 0.89


def test_a_short_curve_has_a_wide_enough_interval():
    rng, covered, steps = np.random.default_rng(5), [], np.arange(12)
    for seed in range(150):
        bend = change_point(steps, 2.0 * np.maximum(0, steps - 5) + rng.normal(size=12), seed, n_draws=200)
        covered.append(bend.low <= 5 <= bend.high)
    assert np.mean(covered) >= 0.9


@pytest.mark.parametrize(("correlation", "n", "max_share"), [(0.0, 80, 0.1), (0.0, 12, 0.1), (0.5, 80, 0.13)])
def test_a_straight_line_rarely_seems_bent(correlation, n, max_share):
    rng, steps = np.random.default_rng(1), np.arange(n)
    p_values = [
        change_point(steps, 0.1 * steps + correlated(rng, correlation, n), seed, n_draws=200).p_value
        for seed in range(150)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= max_share  # 0.05, standard error 0.018
    assert np.mean(np.array(p_values) < 0.5) >= 0.3  # and it does not always say no


def test_a_bend_in_noise_is_detected():
    rng = np.random.default_rng(2)
    p_values = [
        change_point(T, 0.1 * np.maximum(0, T - 30) + correlated(rng, 0.3), n_draws=200).p_value for _ in range(40)
    ]
    assert np.mean(np.array(p_values) < 0.05) >= 0.8


def test_it_does_not_depend_on_scale_and_is_the_same_every_time():
    y = np.maximum(0, T - 30) + np.random.default_rng(3).normal(0, 9, 80)
    bend = change_point(T, y)
    assert change_point(T, y) == bend
    scaled = change_point(T, -1000 * y + 7)
    assert (scaled.step, scaled.low, scaled.high) == (bend.step, bend.low, bend.high)
    assert scaled.p_value == pytest.approx(bend.p_value, abs=0.002)
    assert change_point(T, y, seed=1) != bend


def test_long_curves_have_fewer_candidate_steps():
    x = np.arange(3000)
    bend = change_point(x, np.maximum(0, x - 1000) / 100 + np.random.default_rng(4).normal(size=3000), n_draws=50)
    assert abs(bend.step - 1000) < 60


def test_a_curve_without_change_point_has_a_reason():
    assert change_point(range(7), range(7)).undefined == "there are 7 steps, fewer than 8"
    assert change_point(T, [0.1] * 80).undefined == "the curve is flat"
    assert change_point(T, 0.1 * T - 3).undefined == "the curve is a straight line"
    assert change_point([], []).step is None
    with pytest.raises(UsageError, match="missing or not finite"):
        change_point(range(8), [1.0] * 7 + [float("nan")])
