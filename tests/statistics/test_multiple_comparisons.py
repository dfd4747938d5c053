"""Holm's correction, and the procedure of Benjamini and Hochberg, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.statistics import Interval, holm, multiple_comparisons, select_discoveries


def test_holm_by_hand():
    # sorted .01 .02 .04: x 3 = .03, x 2 = .04, x 1 = .04
    assert holm([0.04, 0.01, None, 0.02]) == [0.04, pytest.approx(0.03), None, 0.04]
    # .03 x 2 = .06; .04 x 1 = .04 must not fall below it
    assert holm([0.03, 0.04]) == [pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=9))
def test_holm_never_makes_a_p_value_smaller_nor_larger_than_bonferroni(p_values):
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= max(p, min(1.0, p * len(p_values)))


def discoveries_by_hand(p_values, rate=0.05):
    """Benjamini and Hochberg: the largest k with p(k) <= rate k / m."""
    ranked = sorted(p_values)
    ranks = [k for k in range(1, len(ranked) + 1) if ranked[k - 1] <= rate * k / len(ranked)]
    return ranked[: max(ranks, default=0)]


@given(st.lists(st.floats(1e-6, 1), max_size=12))
def test_discoveries_are_those_of_benjamini_and_hochberg(p_values):
    rows = list(enumerate(p_values))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiple_comparisons, "p_value", lambda interval: p_values[int(interval.value)])
        discoveries = select_discoveries(rows, lambda row: Interval(row[0], 0, 0))
    assert [p for _, p in discoveries] == discoveries_by_hand(p_values)
