"""When curves have settled: exact ones by hand, turned ones, noisy ones by simulation."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.metrics import Curve, curve_draws, settle
from sgram.metrics.settling import interval_with_value

N = 80
T = np.arange(N)


def exponential(time):
    return np.exp(-T / time)


def first_that_stays(values, share=0.9):
    """By the words of the definition, for a monotone curve."""
    n = len(values)
    start, end = np.mean(values[: max(1, round(n / 20))]), np.mean(values[n - max(1, round(n / 5)) :])
    level = start + share * (end - start)
    has_passed = [(value - level) * np.sign(end - start) >= 0 for value in values]
    return next(step for step in range(n) if all(has_passed[step:]))


def with_problems(values, noise, rng, n_problems=8):
    """A curve whose values have the standard error `noise`."""
    samples = values[:, None] + rng.normal(0, noise * math.sqrt(n_problems), (len(values), n_problems))
    return Curve(tuple(range(len(values))), tuple(samples.mean(axis=1)), tuple(map(tuple, samples)))


def test_a_step_function_settles_at_its_step():
    settling = settle(range(0, 200, 10), [1.0] * 7 + [0.25] * 13)
    assert (settling.step, settling.total_change, settling.start, settling.end) == (70, -0.75, 1.0, 0.25)
    assert (settling.undefined, settling.turn) == ("", None)
    assert settling.low <= 70 <= settling.high


def test_without_noise_it_is_the_first_step_that_stays():
    for time in (2, 5, 12, 30):
        values = exponential(time)
        noiseless = np.repeat(values[None], 10, axis=0)
        settling = settle(T, values, resamples=noiseless)
        assert settling.step == first_that_stays(values)
        assert (settling.low, settling.high) == (settling.step, settling.step)
        assert settle(T, values, 0.5, resamples=noiseless).step == first_that_stays(values, 0.5) < settling.step
    # e^(-t / 5): start (1 + e^-0.2 + e^-0.4 + e^-0.6) / 4 = 0.7595, level 0.076, 5 ln(1 / 0.076) = 12.9
    assert settle(T, exponential(5), resamples=np.repeat(exponential(5)[None], 10, axis=0)).step == 13


@given(
    st.lists(st.integers(0, 5), min_size=5, max_size=60),
    st.sampled_from([-3.0, 0.001, 1.0, 1e6]),
    st.sampled_from([0.0, -7.0, 1e4]),
)
def test_a_monotone_curve_of_any_scale_settles_by_the_definition(rises, scale, level):
    values = np.cumsum(rises, dtype=float)
    n = len(values)
    assume(values[n - max(1, round(n / 5)) :].mean() > values[: max(1, round(n / 20))].mean())
    scaled = values * scale + level
    settling = settle(range(n), scaled, resamples=np.repeat(scaled[None], 4, axis=0))
    # where a value is at the level to the last digit, rounding decides
    assert abs(settling.step - first_that_stays(values)) <= 1


def test_a_single_outlier_does_not_move_it():
    values = np.where(T < 20, 1.0, 0.0)
    values[60] = 0.5
    assert settle(T, values, resamples=np.repeat(values[None], 4, axis=0)).step == 20


def turning_curve(rng=None, noise=0.0):
    """Falls evenly from 1 to 0.43 at step 20, then comes back to 0.62 by step 60, and stays."""
    values = np.interp(T, [0, 20, 60], [1, 0.43, 0.62])
    return values if rng is None else with_problems(values, noise, rng)


def test_a_curve_that_turns_settles_on_its_way_back():
    values = turning_curve()
    settling = settle(T, values, resamples=np.repeat(values[None], 10, axis=0))
    assert settling.turn == pytest.approx(20, abs=4)  # smoothed, and steeper before than after
    assert settling.turn_value == pytest.approx(0.44, abs=0.01)
    # start 0.957, end 0.62: total change -0.337; within 0.0337 of 0.62 from 0.5863 on, 20 + 40 * 0.1563 / 0.19 = 52.9
    assert settling.total_change == pytest.approx(-0.337, abs=0.001)
    assert settling.step == 53


def test_the_turn_of_a_noisy_curve_is_detected():
    rng = np.random.default_rng(0)
    for _ in range(5):
        curve = turning_curve(rng, 0.02)
        settling = settle(T, curve.values, resamples=curve_draws(curve, 200))
        assert abs(settling.turn - 20) <= 4
        assert settling.low <= 53 <= settling.high


def test_noise_alone_does_not_turn_a_curve():
    rng, turns = np.random.default_rng(1), 0
    for _ in range(60):
        curve = with_problems(exponential(6), 0.1, rng)
        turns += settle(T, curve.values, resamples=curve_draws(curve, 200)).turn is not None
    assert turns <= 2


def test_a_curve_that_comes_all_the_way_back_has_no_total_change():
    values = np.interp(T, [0, 30, 60], [1, 0.4, 0.97])  # the start is the mean of four steps: 0.97
    settling = settle(T, values)
    assert settling.step is None
    assert settling.undefined.startswith("the total change cannot be distinguished from 0 (")


def test_a_curve_that_is_still_on_its_way_has_not_turned():
    settling = settle(T, T / 79, resamples=np.repeat((T / 79)[None], 4, axis=0))
    # start 0.019, end 0.905: level 0.816, step 64.5
    assert (settling.turn, settling.step) == (None, 65)
    faster = (T / 79) ** 6  # its last step lies 30 % of the total change past the mean of the last fifth
    assert settle(T, faster, resamples=np.repeat(faster[None], 4, axis=0)).turn is None


def test_an_interval_contains_its_value():
    assert interval_with_value(np.arange(101.0), 50) == (2.5, 97.5)
    assert interval_with_value(np.arange(101.0), -3) == (-3, 97.5)
    assert interval_with_value(np.arange(101.0), 120) == (2.5, 120)


@pytest.mark.parametrize("by_problem", [True, False])
def test_flat_noise_rarely_has_a_step(by_problem):
    rng, n_steps = np.random.default_rng(2), 0
    for seed in range(80):
        curve = with_problems(np.zeros(N), 1.0, rng)
        draws = curve_draws(curve if by_problem else Curve(curve.steps, curve.values), 200, seed)
        n_steps += not settle(T, curve.values, resamples=draws).undefined
    assert n_steps <= 12  # 5 % are 4


@pytest.mark.parametrize("noise", [0.03, 0.08])
def test_intervals_cover_the_true_step_at_their_level(noise):
    rng, covered, truth = np.random.default_rng(3), [], first_that_stays(exponential(10))
    for seed in range(60):
        curve = with_problems(exponential(10), noise, rng)
        settling = settle(T, curve.values, resamples=curve_draws(curve, 200, seed))
        covered.append(settling.low <= truth <= settling.high)
    assert np.mean(covered) >= 0.88


def test_results_are_the_same_every_time_and_seeds_differ():
    values = exponential(10) + np.random.default_rng(4).normal(0, 0.1, N)
    assert settle(T, values) == settle(T, values)
    assert settle(T, values).step == settle(T, values, seed=1).step
    assert settle(T, values) != settle(T, values, seed=1)


def test_few_steps_have_no_settling_and_invalid_arguments_are_refused():
    assert settle([1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0]).undefined == "there are 4 steps, fewer than 5"
    assert settle([], []).total_change is None
    for level in (2.0, 0.1, -1 / 3, 0.0):
        for n in (6, 40):
            undefined = settle(range(n), [level] * n).undefined
            assert undefined.startswith("the total change cannot be distinguished from 0 (")
    with pytest.raises(UsageError, match=r"the share of the change must be a number between 0 and 1 \(got 1\)"):
        settle(T, exponential(5), 1)
    with pytest.raises(UsageError, match="give one value a step"):
        settle(T, exponential(5), resamples=np.zeros((3, 7)))
