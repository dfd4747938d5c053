"""Measures of judges and proposers against truth, worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from sgram.errors import UsageError
from sgram.training.evolve.truth_measures import (
    auc_within_groups,
    correlation,
    count_new,
    effective_classes,
    mean_failure,
    mean_score,
    pooled_auc,
    share,
    share_unparsable,
)

NAN = math.nan


def test_the_pooled_auc_counts_pairs_of_a_right_and_a_wrong_text():
    # right .9 .4, wrong .4 .1: pairs .9>.4, .9>.1, .4=.4 (half), .4>.1 -> 3.5 of 4
    assert pooled_auc([0.9, 0.4, 0.4, 0.1], [True, False, True, False]).value == 0.875


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=40))
def test_the_pooled_auc_is_that_of_scikit_learn(rows):
    scores, truths = [score / 9 for score, _ in rows], [truth for _, truth in rows]
    auc = pooled_auc(scores, truths)
    if len(set(truths)) == 2:
        assert auc.value == pytest.approx(roc_auc_score(truths, scores))
    else:
        assert auc.value is None
        assert auc.undefined


def test_within_a_question_only_its_own_answers_are_compared():
    # question a: right .3 against wrong .2 -> 1 of 1; b: right .8 against wrong .9 and .7 -> 1 of 2; c has no wrong.
    # Pooled, wrong .9 and .7 would also stand above a's .3.
    scores = [0.3, 0.2, 0.8, 0.9, 0.7, 0.5]
    truths = [True, False, True, False, False, True]
    within = auc_within_groups(scores, truths, ["a", "a", "b", "b", "b", "c"])
    assert (within.value, within.n) == (pytest.approx(2 / 3), 2)
    # pooled: right .3 .8 .5 against wrong .2 .9 .7: 1 + 2 + 1 of 9
    assert pooled_auc(scores, truths).value == pytest.approx(4 / 9)


def test_texts_without_a_score_are_left_out_and_counted_by_themselves():
    scores, truths = [0.9, NAN, 0.1, NAN], [True, True, False, False]
    assert pooled_auc(scores, truths).value == 1.0
    assert pooled_auc(scores, truths).n == 2
    assert auc_within_groups(scores, truths, ["a", "b", "a", "b"]).n == 1
    assert mean_score(scores, truths, truth=False).value == pytest.approx(0.1)
    assert share_unparsable(scores).value == 0.5


def test_leniency_is_the_mean_score_of_wrong_texts():
    # (0 + 4/9) / 2
    assert mean_score([0.0, 4 / 9, 1.0], [False, False, True], truth=False).value == pytest.approx(2 / 9)


@pytest.mark.parametrize(
    ("estimate", "reason"),
    [
        (pooled_auc([], []), "no text has a score"),
        (pooled_auc([0.1, NAN], [True, False]), "no wrong text has a score"),
        (pooled_auc([0.1], [False]), "no right text has a score"),
        (auc_within_groups([0.1, 0.2], [True, False], ["a", "b"]), "no question has both a right and a wrong answer"),
        (mean_score([0.1], [True], truth=False), "no wrong text has a score"),
        (share_unparsable([]), "nothing was judged"),
        (share([]), "there is no row"),
        (effective_classes([None, None]), "no valid question was proposed"),
        (mean_failure([None], {"a": 0.5}), "no valid question was proposed"),
        (mean_failure(["a"], None), "the task has no table of the start solver's failures"),
        (correlation([0.1, 0.2], [0.1, 0.2]), "2 questions have both difficulties, fewer than 3"),
        (correlation([0.1, 0.1, 0.1], [0.1, 0.2, 0.3]), "the judged difficulty of all 3 questions is the same"),
        (correlation([0.1, 0.2, 0.3], [0.5, 0.5, 0.5]), "the true difficulty of all 3 questions is the same"),
    ],
)
def test_an_undefined_measure_has_a_reason_in_place_of_a_number(estimate, reason):
    assert estimate.value is None
    assert reason in estimate.undefined


def test_effective_classes_are_the_exponential_of_the_entropy():
    # shares 1/2, 1/4, 1/4: H = .5 ln 2 + .5 ln 4 = 1.5 ln 2
    assert effective_classes(["a", "a", "b", "c", None]).value == pytest.approx(2**1.5)
    assert effective_classes(["a"] * 7).value == 1.0


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60))
def test_effective_classes_lie_between_one_and_the_number_of_kinds(kinds):
    assert 1 - 1e-9 <= effective_classes(kinds).value <= len(set(kinds)) + 1e-9


def test_a_new_question_counts_once_and_only_if_the_pool_lacks_it():
    assert count_new(["a", "b", "b", "c", "c"], ["a", "c"]) == 1


def test_true_difficulty_is_looked_up_by_kind():
    # .2, .2, .8; the kind z is not in the table and None is not valid
    estimate = mean_failure(["x", "x", "y", "z", None], {"x": 0.2, "y": 0.8})
    assert (estimate.value, estimate.n) == (pytest.approx(0.4), 3)


def test_the_correlation_leaves_out_questions_of_which_one_difficulty_is_missing():
    judged, true = [0.1, 0.2, NAN, 0.3], [0.9, 0.8, 0.1, 0.7]
    assert correlation(judged, true).value == -1.0
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 20))
    assert correlation(first, second).value == pytest.approx(np.corrcoef(first, second)[0, 1])


def test_different_lengths_are_refused():
    with pytest.raises(UsageError, match="one truth a score is required"):
        pooled_auc([0.1, 0.2], [True])
    with pytest.raises(UsageError):
        auc_within_groups([0.1, 0.2], [True, False], ["a"])
