"""Shares from labels of a few rows and predictions of all."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.statistics import corrected_share, wilson_interval

NAN = float("nan")


def table(*cells: tuple[str, int, int, int]) -> tuple[list[float], list[str]]:
    """Labels and predictions of cells (prediction, rows, labeled rows, labels that are 1)."""
    labels, predictions = [], []
    for prediction, n_rows, n_labeled, n_true in cells:
        labels += [1.0] * n_true + [0.0] * (n_labeled - n_true) + [NAN] * (n_rows - n_labeled)
        predictions += [prediction] * n_rows
    return labels, predictions


def test_the_mean_label_of_a_prediction_counts_by_its_share_of_all_rows():
    # 100 of 400 rows are predicted yes: .25 * 9/10 + .75 * 6/30 = .375; the labels alone: 15/40 = .375
    share = corrected_share(*table(("yes", 100, 10, 9), ("no", 300, 30, 6)))
    assert share.corrected.value == share.labels_alone.value == 0.375
    # 200 of 400 rows are predicted yes, of which the sample holds too few: .5 * .9 + .5 * .2 = .55
    share = corrected_share(*table(("yes", 200, 10, 9), ("no", 200, 30, 6)))
    assert share.corrected.value == pytest.approx(0.55)
    assert share.labels_alone.value == 0.375
    assert share.n_labels == 40


def test_two_predictions_give_the_estimate_of_ppi_with_tuned_power():
    labels, predictions = table(("yes", 150, 20, 15), ("no", 250, 40, 4))
    truth, said = np.array(labels), np.array([prediction == "yes" for prediction in predictions], float)
    rated = ~np.isnan(truth)
    y, f, f_others = truth[rated], said[rated], said[~rated]
    # PPI++ (Angelopoulos, Duchi, Zrnic 2023, section 6): power = cov(y, f) / ((1 + n / N) var(f)), N rows without label
    power = np.cov(y, f, ddof=0)[0, 1] / ((1 + len(y) / len(f_others)) * f.var())
    estimate = power * f_others.mean() + (y - power * f).mean()
    assert corrected_share(labels, predictions).corrected.value == pytest.approx(estimate)
    # by hand: 150/400 * 15/20 + 250/400 * 4/40
    assert estimate == pytest.approx(0.34375)


def test_good_predictions_narrow_the_interval_and_worthless_ones_leave_it():
    good = corrected_share(*table(("yes", 500, 30, 28), ("no", 500, 30, 2)))
    opposite = corrected_share(*table(("yes", 500, 30, 2), ("no", 500, 30, 28)))
    assert good.corrected.high - good.corrected.low < 0.75 * (good.labels_alone.high - good.labels_alone.low)
    assert opposite.corrected == good.corrected
    coin = corrected_share(*table(("yes", 500, 30, 1), ("no", 500, 30, 1)))
    assert coin.corrected == coin.labels_alone
    constant = corrected_share(*table(("yes", 1000, 60, 18)))
    assert constant.corrected == constant.labels_alone
    # Agresti and Coull's interval, with Student's 2.00 of 59 degrees of freedom in place of 1.96, contains Wilson's
    low, high = wilson_interval(18, 60)
    assert low - 0.01 < constant.corrected.low < low < high < constant.corrected.high < high + 0.01


def test_a_sample_without_an_error_of_the_predictions_still_leaves_doubt():
    share = corrected_share(*table(("yes", 500, 30, 30), ("no", 500, 30, 0)))
    assert share.corrected.value == 0.5
    # at best 1 of 30 labels may differ in either direction: the interval is not that of 1,000 known rows
    assert share.corrected.high - share.corrected.low > 0.1


def test_predictions_with_few_labels_are_pooled():
    # a has 2 labels, b 3 and c 30: a and b are one cell with 5, which is too few and goes with c: no correction
    share = corrected_share(*table(("a", 10, 2, 2), ("b", 10, 3, 0), ("c", 100, 30, 9)))
    assert share.corrected == share.labels_alone
    # 3 and 3 labels are a cell of 20 rows: 20/120 * 3/6 + 100/120 * 9/30
    share = corrected_share(*table(("a", 10, 3, 3), ("b", 10, 3, 0), ("c", 100, 30, 0)))
    same = corrected_share(*table(("pooled", 20, 6, 3), ("c", 100, 30, 0)))
    assert share.corrected == same.corrected
    # nobody rated d: it goes with the smallest other, e
    share = corrected_share(*table(("c", 50, 30, 28), ("e", 40, 20, 1), ("d", 10, 0, 0)))
    assert share.corrected == corrected_share(*table(("c", 50, 30, 28), ("e or d", 50, 20, 1))).corrected


def test_rows_of_one_problem_count_as_often_as_they_tell_something_new():
    labels, predictions = table(("yes", 100, 40, 20))
    alone = corrected_share(labels, predictions)
    copies = corrected_share(labels, predictions, [row // 4 for row in range(100)])  # 10 problems of four equal labels
    mixed = corrected_share(labels, predictions, [row % 20 for row in range(100)])  # 20 problems of 1 and 0 each
    widths = [share.corrected.high - share.corrected.low for share in (alone, copies, mixed)]
    assert widths[1] > 1.9 * widths[0]
    assert widths[2] < 1.1 * widths[0]
    assert (alone.corrected.n, copies.corrected.n, mixed.corrected.n) == (40, 10, 20)


def test_a_row_that_was_rated_with_half_the_chance_counts_twice():
    labels, predictions = table(("yes", 100, 40, 20))
    weights = [2.0] * 20 + [1.0] * 80
    # 20 labels of 1 with weight 2, 20 labels of 0 with weight 1
    share = corrected_share(labels, predictions, label_weights=weights)
    assert share.corrected.value == pytest.approx(40 / 60)


def test_a_row_may_stand_for_several():
    labels, predictions = table(("yes", 100, 20, 18), ("no", 100, 20, 2))
    # rows that say yes stand for 3 each: 3/4 * 18/20 + 1/4 * 2/20
    share = corrected_share(labels, predictions, row_weights=[3.0] * 100 + [1.0] * 100)
    assert share.corrected.value == pytest.approx(0.7)


def test_without_labels_or_with_one_problem_there_is_no_interval():
    nothing = corrected_share([NAN] * 3, ["a", "b", "c"])
    assert (nothing.corrected.value, nothing.n_labels) == (None, 0)
    assert nothing.corrected.undefined == "no row has a label"
    one = corrected_share([1.0, 0.0, NAN], ["a"] * 3, ["p"] * 3)
    assert (one.corrected.value, one.corrected.ends) == (0.5, None)
    with pytest.raises(UsageError, match="one number of rows"):
        corrected_share([1.0], ["a", "b"])


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 1.0, NAN]), st.integers(0, 9)), min_size=1, max_size=60
    ),
    st.randoms(),
)
def test_intervals_lie_in_0_to_1_contain_the_share_and_depend_on_no_order(rows, random):
    predictions, labels, problems = (list(column) for column in zip(*rows, strict=True))
    share = corrected_share(labels, predictions, problems)
    for estimate in (share.corrected, share.labels_alone):
        if estimate.ends is not None:
            assert 0 <= estimate.low <= estimate.value + 1e-12
            assert estimate.value - 1e-12 <= estimate.high <= 1
    random.shuffle(rows)
    predictions, labels, problems = (list(column) for column in zip(*rows, strict=True))
    again = corrected_share(labels, predictions, problems)
    for one, other in ((share.corrected, again.corrected), (share.labels_alone, again.labels_alone)):
        assert (one.value is None) == (other.value is None)
        assert one.value is None or math.isclose(one.value, other.value, abs_tol=1e-12)
        assert (one.ends is None) == (other.ends is None)
        assert one.ends is None or np.allclose(one.ends, other.ends)
