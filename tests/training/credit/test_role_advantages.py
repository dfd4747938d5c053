"""Advantages by role: by hand, against the group advantages, and against what must not change."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.training import role_advantages
from sgram.training.credit.advantages import group_advantages

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["proposer", "solver", "judge"]),
        st.sampled_from(["q1", "q2", None]),
        st.sampled_from([0.0, 0.1, 0.5, 1.0, None]),
        st.integers(0, 3),
    ),
    max_size=20,
)


def same(actual, expected, tolerance=1e-6):
    np.testing.assert_allclose(np.asarray(actual, float), np.asarray(expected, float), atol=tolerance, rtol=0)


# -- by hand --------------------------------------------------------------------------------------------


def test_each_role_has_its_own_mean_and_deviation():
    # proposer .9, .5, .4: mean .6, squares .09 + .01 + .04 = .14, deviation sqrt(.14 / 2) = .264575;
    #   .3 / .264675 = 1.133465, -.1 / .264675 = -.377822, -.2 / .264675 = -.755643
    # judge 1, 0: mean .5, deviation sqrt(.5 / 1) = .707107; .5 / .707207 = .707007
    rewards, roles = [0.9, 1.0, 0.5, 0.0, 0.4], ["proposer", "judge", "proposer", "judge", "proposer"]
    same(role_advantages(rewards, roles), [1.133465, 0.707007, -0.377822, -0.707007, -0.755643])


def test_answers_to_one_question_are_compared_with_each_other_and_share_the_scale_of_their_role():
    # q: 1, 0, 0, 0: mean .25, deviations .75, -.25, -.25, -.25, squares .5625 + 3 * .0625 = .75
    # r: .5, 1: mean .75, deviations -.25, .25, squares .125
    # pooled over 6 rows with 2 baselines: sqrt(.875 / 4) = .467707; .75 / .467807 = 1.603225, .25 / .467807 = .534408
    rewards = [1.0, 0.5, 0.0, 0.0, 1.0, 0.0]
    groups = ["q", "r", "q", "q", "r", "q"]
    expected = [1.603225, -0.534408, -0.534408, -0.534408, 0.534408, -0.534408]
    same(role_advantages(rewards, ["solver"] * 6, groups), expected)


def test_rows_without_a_group_take_the_mean_of_their_role():
    # proposer: mean .5 of both rows; solver: mean of each question; equal keys of two roles are two groups
    rewards = [1.0, 0.0, 1.0, 0.5, 0.2, 0.2]
    roles = ["proposer", "proposer", "solver", "solver", "judge", "solver"]
    groups = [None, None, "q", "q", "q", "r"]
    same(role_advantages(rewards, roles, groups, scale="none"), [0.5, -0.5, 0.25, -0.25, 0.0, 0.0], 1e-12)


def test_missing_rewards_count_in_no_mean_and_have_advantage_0():
    # 1, 0 without the missing ones: mean .5; were a missing reward 0, the mean would be 1/4
    rewards = [1.0, None, 0.0, math.nan]
    same(role_advantages(rewards, ["judge"] * 4, scale="none"), [0.5, 0.0, -0.5, 0.0], 1e-12)


def test_whitening_over_tokens_counts_a_row_once_for_each_of_its_tokens():
    # 3 tokens of reward 1, 1 token of reward 0: mean .75, squares 3 * .0625 + .5625 = .75, deviation sqrt(.75 / 3) = .5
    # .25 / .5001 = .4999, -.75 / .5001 = -1.4997; over responses it is +-.5 / .707207
    actual = role_advantages([1.0, 0.0], ["solver"] * 2, whiten="tokens", lengths=[3, 1])
    same(actual, [0.49990, -1.49970])
    same(role_advantages([1.0, 0.0], ["solver"] * 2), [0.707007, -0.707007])


def test_a_row_without_tokens_counts_in_no_mean_over_tokens():
    # the two rows with tokens have equal rewards, so nothing remains; the third would be divided by 1e-4
    assert role_advantages([1, 1, 0], ["judge"] * 3, whiten="tokens", lengths=[5, 2, 0]).tolist() == [0, 0, 0]


def test_weights_multiply_the_advantages_of_a_role_and_0_leaves_it_untrained():
    rewards, roles = [1.0, 0.0, 1.0, 0.0], ["solver", "solver", "judge", "judge"]
    actual = role_advantages(rewards, roles, scale="none", weights={"judge": 0, "solver": 2})
    assert actual.tolist() == [1.0, -1.0, 0.0, 0.0]


def test_equal_rewards_give_exactly_0_whatever_their_rounding():
    # the computed mean of three times .1 is not .1
    assert role_advantages([0.1, 0.1, 0.1], ["judge"] * 3).tolist() == [0, 0, 0]
    assert role_advantages([0.7], ["judge"]).tolist() == [0]
    assert role_advantages([], []).tolist() == []
    assert role_advantages([0.1, 0.1, 0.9], ["solver"] * 3, ["q", "q", "r"]).tolist() == [0, 0, 0]


def test_tensors_give_tensors_of_their_type():
    actual = role_advantages(torch.tensor([1.0, 0.0, math.nan]), ["judge"] * 3, scale="none")
    assert actual.dtype == torch.float32
    assert actual.tolist() == [0.5, -0.5, 0.0]
    lengths = torch.tensor([3, 1])
    same(role_advantages(torch.tensor([1.0, 0.0]), ["a", "a"], whiten="tokens", lengths=lengths), [0.4999, -1.4997])


# -- properties -----------------------------------------------------------------------------------------


@given(ROWS, st.sampled_from(["none", "std"]))
def test_without_groups_a_role_is_one_group_of_group_advantages(rows, scale):
    roles, _, rewards, _ = zip(*rows, strict=True) if rows else ((), (), (), ())
    same(role_advantages(rewards, roles, scale=scale), group_advantages(rewards, roles, scale=scale), 1e-9)


@given(ROWS, st.randoms(use_true_random=False), st.sampled_from(["responses", "tokens"]))
def test_the_order_of_rows_does_not_matter(rows, random, whiten):
    def compute(ordered):
        roles, groups, rewards, lengths = zip(*ordered, strict=True) if ordered else ((), (), (), ())
        lengths = lengths if whiten == "tokens" else None
        return role_advantages(rewards, roles, groups, whiten=whiten, lengths=lengths).tolist()

    order = list(range(len(rows)))
    random.shuffle(order)
    expected = compute(rows)
    assert compute([rows[row] for row in order]) == [expected[row] for row in order]


@given(ROWS)
def test_whitening_over_tokens_equals_rows_repeated_by_their_length(rows):
    roles, groups, rewards, lengths = zip(*rows, strict=True) if rows else ((), (), (), ())
    actual = role_advantages(rewards, roles, groups, whiten="tokens", lengths=lengths)
    copies = [row for row, length in enumerate(lengths) for _ in range(length)]
    repeated = role_advantages(*([column[row] for row in copies] for column in (rewards, roles, groups)))
    same([actual[row] for row in copies], repeated, 1e-9)


# -- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": "batch"}, "scale must be 'none' or 'std'"),
        ({"whiten": "rows"}, "whiten must be 'responses' or 'tokens'"),
        ({"whiten": "tokens"}, "needs lengths"),
        ({"lengths": [1, 1]}, "lengths are read with whiten='tokens' only"),
        ({"whiten": "tokens", "lengths": [1]}, "2 rows and 1 lengths"),
        ({"whiten": "tokens", "lengths": [1, 0.5]}, "the length of row 1 must be a whole number >= 0"),
        ({"roles": ["judge"]}, "2 rows and 1 roles"),
        ({"roles": "ab"}, "roles must be a sequence with one key a row"),
        ({"groups": ["q"]}, "2 rows and 1 group keys"),
        ({"weights": {"jugde": 0.0}}, "weights name a role that no row has: jugde; the rows have judge"),
        ({"weights": {"judge": -1.0}}, "the weight of role judge must be"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        role_advantages(**{"rewards": [1.0, 0.0], "roles": ["judge", "judge"], **arguments})


@pytest.mark.parametrize(
    ("rewards", "roles", "message"),
    [
        ([1.0, math.inf], ["judge", "judge"], "the reward of row 1 is inf"),
        ([1.0, 0.0], ["judge", None], "the role of row 1 is missing"),
    ],
)
def test_unusable_rows_are_named(rewards, roles, message):
    with pytest.raises(InputError, match=message):
        role_advantages(rewards, roles)
