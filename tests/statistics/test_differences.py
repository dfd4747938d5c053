"""Differences, means and p-values of estimates with intervals, worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.statistics import Interval, difference, mean, p_value, read_interval


def test_the_interval_of_a_difference_combines_those_of_both():
    """5 [4, 7] less 2 [1, 5]: down by hypot(1, 3), up by hypot(2, 1)."""
    interval = difference(Interval(5, 4, 7), Interval(2, 1, 5))
    assert (interval.value, interval.low, interval.high) == (3, 3 - math.sqrt(10), 3 + math.sqrt(5))
    assert interval.contains_zero
    assert not difference(Interval(5, 4, 7), Interval(1, 0.5, 1.5)).contains_zero


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(0, 3), st.floats(0, 3)), min_size=2, max_size=5))
def test_swapped_differences_mirror_and_means_lie_between(numbers):
    intervals = [Interval(value, value - down, value + up) for value, down, up in numbers]
    forward, backward = difference(intervals[0], intervals[1]), difference(intervals[1], intervals[0])
    assert forward.low == pytest.approx(-backward.high)
    assert forward.value == -backward.value
    average = mean(intervals)
    values = [interval.value for interval in intervals]
    assert min(values) - 1e-9 <= average.value <= max(values) + 1e-9
    assert average.high - average.value <= max(interval.high - interval.value for interval in intervals) + 1e-9


def test_a_mean_of_four_equal_estimates_has_half_the_interval():
    average = mean([Interval(1, 0.5, 2)] * 4)
    assert (average.value, average.low, average.high) == (1, 0.75, 1.5)


def test_p_values_are_those_of_the_normal_distribution():
    assert p_value(Interval(1.959964, 0, 9)) == pytest.approx(0.05, abs=1e-6)  # the nearer end decides
    assert p_value(Interval(-1.959964, -9, 0)) == pytest.approx(0.05, abs=1e-6)
    assert p_value(Interval(3, 2, 4)) == pytest.approx(4.1e-9, rel=0.02)  # z = 3 * 1.96 = 5.88
    assert [p_value(interval) for interval in (None, Interval(0, -1, 1), Interval(2, 2, 2))] == [1, 1, 1]


def test_a_row_with_a_missing_cell_has_no_interval():
    assert read_interval({"value": 1, "low": 0, "high": 2}) == Interval(1, 0, 2)
    assert read_interval({"value": 1, "low": None, "high": 2}) is None
    assert read_interval({"value": float("nan"), "low": 0, "high": 2}) is None
    assert read_interval({}) is None
