"""Intervals of shares, as their authors print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.statistics import wilson_interval


@pytest.mark.parametrize(
    ("n_successes", "n", "low", "high"),
    # Newcombe 1998, Two-sided confidence intervals for the single proportion, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_s_interval_is_as_printed(n_successes, n, low, high):
    assert wilson_interval(n_successes, n) == pytest.approx((low, high), abs=5e-5)


@given(n=st.integers(1, 500), data=st.data())
def test_an_interval_contains_its_share_and_stays_in_range(n, data):
    halves = data.draw(st.integers(0, 2 * n))
    low, high = wilson_interval(halves / 2, n)
    assert 0 <= low <= halves / 2 / n <= high <= 1
    assert high - low > 0
