"""Student's interval against numbers worked out by hand and tables of t."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy", reason="intervals need scipy")

from sgram.statistics import t_interval

NUMBERS = st.floats(-1, 1, allow_nan=False).map(lambda number: round(number, 3))


def test_an_interval_by_hand():
    # .1 .2 .3: mean .2, sd sqrt((.01 + 0 + .01) / 2) = .1, t(.975; 2) = 4.3027
    # from a table: .1 * 4.3027 / sqrt(3) = .2484
    interval = t_interval([0.1, 0.2, 0.3])
    assert (interval.n, interval.n_above, interval.undefined) == (3, 3, "")
    assert interval.mean == pytest.approx(0.2)
    assert (interval.low, interval.high) == (pytest.approx(-0.0484, abs=1e-4), pytest.approx(0.4484, abs=1e-4))
    assert interval.direction == "cannot say"
    # t = .2 / (.1 / sqrt(3)) = 3.4641; with 2 degrees of freedom p = 1 - t / sqrt(t^2 + 2) = 1 - 3.4641 / sqrt(14)
    assert interval.p == pytest.approx(1 - math.sqrt(12 / 14))


def test_more_pairs_of_the_same_spread_give_a_narrower_interval():
    # nine numbers, mean .2, sum of squares 6 * .01: sd sqrt(.06 / 8) = .0866, t(.975; 8) = 2.306: +- .0666
    interval = t_interval([0.1, 0.2, 0.3] * 3)
    assert (interval.low, interval.high) == (pytest.approx(0.1334, abs=1e-4), pytest.approx(0.2666, abs=1e-4))
    assert interval.direction == "higher"
    assert t_interval([-0.1, -0.2, -0.3] * 3).direction == "lower"


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ([], "no pair of runs has this number"),
        ([0.3], "one pair has no spread"),
        ([0.3 - 0.1, 0.4 - 0.2, 0.5 - 0.3], "all 3 differences are equal"),  # equal but for rounding
        ([0.0, 0.0], "all 2 differences are equal"),
    ],
)
def test_without_a_spread_there_is_a_reason_and_no_interval(numbers, reason):
    interval = t_interval(numbers)
    assert (interval.low, interval.high, interval.p, interval.undefined) == (None, None, None, reason)
    assert interval.direction == "cannot say"
    assert interval.mean == (pytest.approx(numbers[0]) if numbers else None)


@given(st.lists(NUMBERS, max_size=8), st.randoms(use_true_random=False))
def test_the_order_does_not_matter_and_nothing_is_ever_nan(numbers, random):
    interval = t_interval(numbers)
    shuffled = list(numbers)
    random.shuffle(shuffled)
    assert t_interval(shuffled) == interval
    defined = [number for number in (interval.mean, interval.low, interval.high, interval.p) if number is not None]
    assert all(math.isfinite(number) for number in defined)
    if interval.low is not None:
        assert interval.low < interval.mean < interval.high
        # the interval and the p-value agree
        assert (interval.p < 0.05) == (interval.direction != "cannot say") or interval.p == pytest.approx(0.05)


@given(st.lists(NUMBERS, min_size=2, max_size=8))
def test_negated_numbers_give_the_mirrored_interval(numbers):
    interval, mirrored = t_interval(numbers), t_interval([-number for number in numbers])
    assert mirrored.mean == pytest.approx(-interval.mean)
    assert (mirrored.low is None) == (interval.low is None)
    if interval.low is not None:
        assert (mirrored.low, mirrored.high) == (pytest.approx(-interval.high), pytest.approx(-interval.low))
        assert mirrored.p == pytest.approx(interval.p)
