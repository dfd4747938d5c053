"""Change points of broken lines, and how often a straight one seems bent."""

import numpy as np
import pytest

from sgram.errors import UsageError
from sgram.metrics import change_point

T = np.arange(80)


def correlated(rng, again, n=80):
    noise = rng.normal(size=n)
    for place in range(1, n):
        noise[place] += again * noise[place - 1]
    return noise


def by_hand(x, y):
    """The step of least squares, by fitting every broken line there is."""
    left = {}
    for place in range(2, len(x) - 2):
        columns = np.stack([np.ones(len(x)), x, np.maximum(0, x - x[place])], axis=1)
        left[place] = ((y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]) ** 2).sum()
    return x[min(left, key=left.get)]


def test_a_broken_line_breaks_where_it_does():
    found = change_point(T * 5, np.where(T < 30, 2.0 * T, 60 - 0.5 * (T - 30)))
    assert found.step == 150
    assert (found.low, found.high) == (150, 150)
    assert (found.slope_before, found.slope_after) == (pytest.approx(0.4), pytest.approx(-0.1))
    assert found.p_value == pytest.approx(1 / 1001)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_least_squares_break_at_uneven_steps(seed):
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.integers(1, 9, 25))
    y = np.maximum(0, x - x[9]) + rng.normal(0, 8, 25)
    assert change_point(x, y).step == by_hand(x.astype(float), y)


def test_the_interval_holds_the_break_about_as_often_as_it_says():
    rng, held = np.random.default_rng(0), []
    for seed in range(100):
        found = change_point(T, 0.2 * np.maximum(0, T - 30) + rng.normal(size=80), seed, n_draws=200)
        held.append(found.low <= 30 <= found.high)
    assert np.mean(held) >= 0.89


def test_a_short_curve_has_a_wide_enough_interval():
    rng, held, steps = np.random.default_rng(5), [], np.arange(12)
    for seed in range(150):
        found = change_point(steps, 2.0 * np.maximum(0, steps - 5) + rng.normal(size=12), seed, n_draws=200)
        held.append(found.low <= 5 <= found.high)
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize(("again", "n", "most"), [(0.0, 80, 0.1), (0.0, 12, 0.1), (0.5, 80, 0.13)])
def test_a_straight_line_seems_bent_about_as_seldom_as_it_should(again, n, most):
    rng, steps = np.random.default_rng(1), np.arange(n)
    ps = [
        change_point(steps, 0.1 * steps + correlated(rng, again, n), seed, n_draws=200).p_value for seed in range(150)
    ]
    assert np.mean(np.array(ps) < 0.05) <= most  # 0.05, standard error 0.018
    assert np.mean(np.array(ps) < 0.5) >= 0.3  # and it does not always say no


def test_a_bend_in_noise_is_found():
    rng = np.random.default_rng(2)
    ps = [change_point(T, 0.1 * np.maximum(0, T - 30) + correlated(rng, 0.3), n_draws=200).p_value for _ in range(40)]
    assert np.mean(np.array(ps) < 0.05) >= 0.8


def test_it_does_not_depend_on_scale_and_is_the_same_every_time():
    y = np.maximum(0, T - 30) + np.random.default_rng(3).normal(0, 9, 80)
    found = change_point(T, y)
    assert change_point(T, y) == found
    scaled = change_point(T, -1000 * y + 7)
    assert (scaled.step, scaled.low, scaled.high) == (found.step, found.low, found.high)
    assert scaled.p_value == pytest.approx(found.p_value, abs=0.002)
    assert change_point(T, y, seed=1) != found


def test_long_curves_are_tried_at_fewer_places():
    x = np.arange(3000)
    found = change_point(x, np.maximum(0, x - 1000) / 100 + np.random.default_rng(4).normal(size=3000), n_draws=50)
    assert abs(found.step - 1000) < 60


def test_what_has_no_change_point_says_why():
    assert change_point(range(7), range(7)).undefined == "there are 7 steps, fewer than 8"
    assert change_point(T, [0.1] * 80).undefined == "the curve is flat"
    assert change_point(T, 0.1 * T - 3).undefined == "the curve is a straight line"
    assert change_point([], []).step is None
    with pytest.raises(UsageError, match="missing or not finite"):
        change_point(range(8), [1.0] * 7 + [float("nan")])
