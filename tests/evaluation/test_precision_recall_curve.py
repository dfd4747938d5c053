"""Curves by hand, against scikit-learn, and against counting units again and again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.evaluation.label_index import UnitIndex
from sgram.evaluation.precision_recall import DocumentResamples
from sgram.evaluation.precision_recall_curve import (
    PrecisionRecallCurve,
    chance_curve,
    compare_at_coverage,
    summarize_curve,
)
from tests.builders.labeled_examples import PLAN, STEP, document

NONE = -np.inf


def labeled(positive, documents=None):
    """An index of units with these labels; `documents` are the document numbers of the units."""
    numbers = documents or range(len(positive))
    labeled_documents = [
        document(
            f"d{number:03}",
            *[
                (PLAN if is_positive else STEP, "so")
                for is_positive, unit_number in zip(positive, numbers, strict=True)
                if unit_number == number
            ],
        )
        for number in sorted(set(numbers))
    ]
    return UnitIndex.from_documents(labeled_documents)


def summary(scores, positive, documents=None, n_draws=50):
    index = labeled(positive, documents)
    return summarize_curve(index, np.array(scores, float), DocumentResamples.from_index(index, n_draws=n_draws))


def test_a_curve_has_one_point_per_distinct_score():
    curve = PrecisionRecallCurve.from_scores(np.array([0.9, 0.5, 0.9, NONE]), np.array([True, True, False, True]))
    # above .9: 1 of 2; above .5: 2 of 3; all: 3 of 4
    assert curve.thresholds.tolist() == [0.9, 0.5, NONE]
    assert curve.precision.tolist() == [0.5, pytest.approx(2 / 3), 0.75]
    assert curve.recall.tolist() == [pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0]
    assert curve.coverage.tolist() == [0.5, 0.75, 1.0]
    assert curve.is_list.tolist() == [True, True, False]


def test_the_summary_by_hand():
    curve_summary = summary([4, 3, 2, 1, NONE], [True, True, False, True, True])
    # precisions 1, 1, 2/3, 3/4, then all: 4/5; each positive unit is a quarter of the recall
    assert curve_summary.average_precision.value == pytest.approx((1 + 1 + 0.75 + 0.8) / 4)
    assert [(precision, recall.value) for precision, recall in curve_summary.recall_at] == [
        (0.9, 0.5),
        (0.8, 0.5),
        (0.7, 0.75),
    ]
    # F1 of the four lists: 2/5, 4/6, 4/7, 6/8; the threshold that marks all is not a list
    best = curve_summary.best
    assert (best.threshold, best.precision, best.recall) == (1.0, 0.75, 0.75)
    assert best.f1.value == pytest.approx(0.75)
    assert curve_summary.to_json()["recall_at"]["0.9"]["value"] == 0.5


def test_a_precision_that_is_never_reached_is_undefined():
    unreached = summary([2, 1], [False, True])
    assert [recall.value for _, recall in unreached.recall_at] == [None] * 3
    assert unreached.recall_at[0][1].undefined == "no threshold reaches it"
    nothing = summary([NONE, NONE], [False, True])
    assert nothing.best.f1.value is None
    assert nothing.average_precision.value == 0.5
    assert summary([1, 2], [False, False]).average_precision.undefined == "nothing is positive"


cases = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9, NONE]), st.booleans()), min_size=1, max_size=14)


@given(rows=cases)
def test_average_precision_equals_that_of_scikit_learn(rows):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, positive = np.array([score for score, _ in rows]), [label for _, label in rows]
    if any(positive):
        expected = metrics.average_precision_score(positive, np.where(scores == NONE, -1.0, scores))
        assert summary(scores, positive, n_draws=1).average_precision.value == pytest.approx(expected)


@given(rows=cases, times=st.lists(st.integers(0, 3), min_size=14, max_size=14))
def test_a_weight_counts_a_unit_as_many_times(rows, times):
    scores, positive = np.array([score for score, _ in rows]), np.array([label for _, label in rows])
    weights = np.array(times[: len(rows)])
    repeated = np.repeat(np.arange(len(rows)), weights)
    weighted = PrecisionRecallCurve.from_scores(scores, positive, weights)
    expected = PrecisionRecallCurve.from_scores(scores[repeated], positive[repeated])
    is_common = np.isin(weighted.thresholds, expected.thresholds)
    assert weighted.marked[is_common].tolist() == expected.marked.tolist()
    assert weighted.hits[is_common].tolist() == expected.hits.tolist()


def test_intervals_come_from_draws_of_documents():
    scores = np.array([0.9, 0.8, 0.8, 0.3, NONE, 0.5])
    positive = np.array([True, False, True, True, False, False])
    numbers = [0, 0, 1, 1, 2, 2]
    average_precision = summary(scores, positive, numbers, n_draws=40).average_precision
    draws = []
    rng = np.random.default_rng([0, 3])
    for _ in range(40):
        times = rng.multinomial(3, [1 / 3] * 3)
        rows = [
            unit
            for number in range(3)
            for _ in range(times[number])
            for unit in np.flatnonzero(np.array(numbers) == number)
        ]
        if positive[rows].any():
            curve = PrecisionRecallCurve.from_scores(scores[rows], positive[rows])
            draws.append(float(np.sum(np.diff(curve.recall, prepend=0) * curve.precision)))
    low, high = np.percentile(draws, (2.5, 97.5))
    assert (average_precision.low, average_precision.high) == pytest.approx((low, high))


def test_a_list_has_no_gain_over_itself():
    index = labeled([True, False] * 10)
    scores = np.arange(20.0)
    rows = compare_at_coverage(index, scores, scores, DocumentResamples.from_index(index, n_draws=20))
    assert [row.coverage for row in rows] == pytest.approx(np.arange(1, 21) * 0.05)
    assert all((row.gain.value, row.gain.low, row.gain.high) == (0, 0, 0) for row in rows)


def test_the_better_order_has_a_gain_until_both_mark_all():
    index = labeled([True] * 4 + [False] * 4)
    up, down = np.arange(8.0), -np.arange(8.0)
    rows = compare_at_coverage(index, down, up, DocumentResamples.from_index(index, n_draws=20), step=0.25)
    # 2 marked: 2 hits against 0, F1 4/6; 4: 8/8 against 0; 6: 8/10 against 4/10; 8: equal
    assert [(row.ours, row.theirs) for row in rows] == [
        (pytest.approx(4 / 6), 0),
        (1.0, 0.0),
        (pytest.approx(0.8), pytest.approx(0.4)),
        (pytest.approx(2 / 3),) * 2,
    ]
    assert rows[1].gain.low > 0


def test_orders_are_compared_up_to_the_smaller_coverage():
    index = labeled([True, False, True, False])
    short, long = np.array([1.0, NONE, NONE, NONE]), np.array([1.0, 2.0, 3.0, 4.0])
    rows = compare_at_coverage(index, short, long, DocumentResamples.from_index(index, n_draws=5), step=0.1)
    assert [row.coverage for row in rows] == pytest.approx([0.1, 0.2, 0.25])
    assert compare_at_coverage(index, np.full(4, NONE), long, DocumentResamples.from_index(index)) == []


def test_tied_units_count_in_part():
    index = labeled([True, True, False, False])
    tied, sorted_out = np.zeros(4), np.array([4.0, 3.0, 2.0, 1.0])
    (first, *_) = compare_at_coverage(index, sorted_out, tied, DocumentResamples.from_index(index, n_draws=5), step=0.5)
    # 2 of the 4 tied units, half of them positive: 1 hit, F1 = 2 / (2 + 2)
    assert (first.ours, first.theirs) == (1.0, 0.5)


def test_random_scores_have_the_base_rate():
    rng = np.random.default_rng(1)
    words = [chr(97 + a) * 2 + chr(97 + b) for a in range(20) for b in range(20)]
    labeled_documents = [
        document(f"d{number}", (PLAN if rng.random() < 0.3 else STEP, word)) for number, word in enumerate(words)
    ]
    index = UnitIndex.from_documents(labeled_documents)
    recall, precision, area = chance_curve(index, index.find(index.grams(1)), n_draws=20)
    assert area.value == pytest.approx(index.positive.mean(), abs=0.03)
    assert area.low <= area.value <= area.high
    assert precision[-1] == pytest.approx(index.positive.mean())
    assert recall[-1] == pytest.approx(1)
    assert np.all(np.diff(recall) >= 0)


def test_without_grams_there_is_no_chance_curve():
    index = labeled([True, False])
    recall, precision, area = chance_curve(index, index.find([]))
    assert (len(recall), len(precision), area.value) == (0, 0, 0.5)
