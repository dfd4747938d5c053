"""Noise from step to step, on series worked out by hand and on series in random order."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.statistics import Interval, step_variance, widen_by_steps
from sgram.statistics.step_noise import FEWEST_STEPS
from sgram.statistics.student import t_quantile

NUMBERS = st.lists(st.floats(-100, 100), min_size=FEWEST_STEPS, max_size=40)


def test_a_trend_is_no_noise_and_jumps_are():
    # 40 equal steps of 1/40: half of 1/1600; jumps between 0 and 1: half of 1
    assert step_variance([step / 40 for step in range(41)]) == pytest.approx(1 / 3200)
    assert step_variance([0, 1] * 20) == 0.5


def test_the_interval_is_that_of_the_noise_if_that_is_wider():
    # s^2 = 1/2 of 20 values, the means of 2 and 2: half-width t sqrt(1/2), with 2/3 * 19 degrees of freedom
    half_width = t_quantile(38 / 3) * math.sqrt(0.5)
    widened = widen_by_steps(Interval(0.2, 0.1, 0.3), [0.0, 1.0] * 10, n_end=2)
    assert (widened.low, widened.high) == (pytest.approx(0.2 - half_width), pytest.approx(0.2 + half_width))
    wide = Interval(0.2, -9.0, 9.0)
    assert widen_by_steps(wide, [0.0, 1.0] * 10, n_end=2) == wide


def test_a_few_checkpoints_are_compared_as_they_are():
    change = Interval(1.0, 0.9, 1.1)
    assert widen_by_steps(change, [0.0, 1.0] * 3, n_end=1) == change
    assert widen_by_steps(change, [0.0, 1.0] * 3 + [0.0], n_end=1) != change


@given(NUMBERS, st.integers(1, 3), st.floats(0.1, 10))
def test_the_width_has_the_unit_of_the_values(values, n_end, unit):
    width = [
        widen_by_steps(Interval(0.0, 0.0, 0.0), [unit * value for value in values], n_end).high * factor
        for unit, factor in ((1.0, unit), (unit, 1.0))
    ]
    assert width[0] == pytest.approx(width[1])


def test_in_random_order_about_one_change_in_twenty_is_called_one():
    """A fall from .6 to .1 in random order: its steps differ by more than their own errors tell."""
    rng, alarms, n_orders = np.random.default_rng(0), 0, 1000
    for _ in range(n_orders):
        values = rng.permutation(np.linspace(0.6, 0.1, 40))
        change = float(values[-4:].mean() - values[:4].mean())
        alarms += not widen_by_steps(Interval(change, change, change), values.tolist(), n_end=4).contains_zero
    # 5 % of 1,000 has a standard error of 0.7 points
    assert 0.03 < alarms / n_orders < 0.07


@pytest.mark.parametrize(("freedom", "quantile"), [(3, 3.1824), (6, 2.4469), (10, 2.2281), (26, 2.0555)])
def test_quantiles_of_student_s_t_are_as_printed(freedom, quantile):
    # Student's t, 97.5 %, as in any table
    assert t_quantile(freedom) == pytest.approx(quantile, rel=2e-3 if freedom == 3 else 1e-4)
