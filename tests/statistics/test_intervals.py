"""Student's interval and Holm's correction, against numbers worked out by hand and tables of t."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy", reason="intervals need scipy")

from sgram.statistics.intervals import holm, problem_interval, t_interval

NUMBERS = st.floats(-1, 1, allow_nan=False).map(lambda value: round(value, 3))


def test_an_interval_by_hand():
    # .1 .2 .3: mean .2, sd sqrt((.01 + 0 + .01) / 2) = .1, t(.975; 2) = 4.3027
    # from a table: .1 * 4.3027 / sqrt(3) = .2484
    found = t_interval([0.1, 0.2, 0.3])
    assert (found.n, found.n_above, found.undefined) == (3, 3, "")
    assert found.mean == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(-0.0484, abs=1e-4), pytest.approx(0.4484, abs=1e-4))
    assert found.verdict == "cannot say"
    # t = .2 / (.1 / sqrt(3)) = 3.4641; with 2 degrees of freedom p = 1 - t / sqrt(t^2 + 2) = 1 - 3.4641 / sqrt(14)
    assert found.p == pytest.approx(1 - math.sqrt(12 / 14))


def test_more_pairs_of_the_same_spread_say_more():
    # nine numbers, mean .2, sum of squares 6 * .01: sd sqrt(.06 / 8) = .0866, t(.975; 8) = 2.306: +- .0666
    found = t_interval([0.1, 0.2, 0.3] * 3)
    assert (found.low, found.high) == (pytest.approx(0.1334, abs=1e-4), pytest.approx(0.2666, abs=1e-4))
    assert found.verdict == "higher"
    assert t_interval([-0.1, -0.2, -0.3] * 3).verdict == "lower"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "no pair of runs has this number"),
        ([0.3], "one pair has no spread"),
        ([0.3 - 0.1, 0.4 - 0.2, 0.5 - 0.3], "all 3 differences are equal"),  # equal but for rounding
        ([0.0, 0.0], "all 2 differences are equal"),
    ],
)
def test_without_a_spread_there_is_a_reason_and_no_interval(values, reason):
    found = t_interval(values)
    assert (found.low, found.high, found.p, found.undefined) == (None, None, None, reason)
    assert found.verdict == "cannot say"
    assert found.mean == (pytest.approx(values[0]) if values else None)


@given(st.lists(NUMBERS, max_size=8), st.randoms(use_true_random=False))
def test_the_order_does_not_matter_and_nothing_is_ever_nan(values, random):
    found = t_interval(values)
    mixed = list(values)
    random.shuffle(mixed)
    assert t_interval(mixed) == found
    numbers = [each for each in (found.mean, found.low, found.high, found.p) if each is not None]
    assert all(math.isfinite(each) for each in numbers)
    if found.low is not None:
        assert found.low < found.mean < found.high
        # the interval and the p value tell the same
        assert (found.p < 0.05) == (found.verdict != "cannot say") or found.p == pytest.approx(0.05)


@given(st.lists(NUMBERS, min_size=2, max_size=8))
def test_what_is_turned_round_changes_sides(values):
    found, turned = t_interval(values), t_interval([-value for value in values])
    assert turned.mean == pytest.approx(-found.mean)
    assert (turned.low is None) == (found.low is None)
    if found.low is not None:
        assert (turned.low, turned.high) == (pytest.approx(-found.high), pytest.approx(-found.low))
        assert turned.p == pytest.approx(found.p)


def test_holm_by_hand():
    # sorted .01 .02 .04: x 3 = .03, x 2 = .04, x 1 = .04
    assert holm([0.04, 0.01, None, 0.02]) == [0.04, pytest.approx(0.03), None, 0.04]
    # .03 x 2 = .06; .04 x 1 = .04 must not fall below it
    assert holm([0.03, 0.04]) == [pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=9))
def test_holm_never_makes_a_p_value_smaller_nor_larger_than_bonferroni(ps):
    for p, adjusted in zip(ps, holm(ps), strict=True):
        assert p <= adjusted <= max(p, min(1.0, p * len(ps)))


def test_pass_at_1_has_an_interval_over_problems_not_over_responses():
    # 20 problems, half of them always solved: the mean over problems has sd sqrt(.25 / 20) = .112 whether each was
    # asked once or ten times, so the interval is about .5 +- 1.96 * .112 = [.28, .72] both times
    once = problem_interval([(1, 1)] * 10 + [(1, 0)] * 10)
    often = problem_interval([(10, 10)] * 10 + [(10, 0)] * 10)
    assert once.value == often.value == 0.5
    for found in (once, often):
        assert found.low == pytest.approx(0.28, abs=0.04)
        assert found.high == pytest.approx(0.72, abs=0.04)
    mixed = problem_interval([(4, 1), (2, 2), (2, 0)])
    assert mixed.value == 3 / 8
    assert mixed == problem_interval([(2, 0), (4, 1), (2, 2)])


def test_pass_at_1_of_nothing_judged_has_a_reason():
    assert problem_interval([]).undefined == problem_interval([(0, 0)]).undefined == "no response was judged"
