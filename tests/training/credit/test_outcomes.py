"""The parts of HICRA: scale and push, and its bonus for correct responses, by hand and by their identity."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.training.credit.advantages import group_advantages, hicra_advantages
from sgram.training.credit.outcomes import binary_outcomes, correct_advantages, push_advantages, scale_advantages

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["p", "q", "r"]), st.sampled_from([0, 1, None]), st.lists(st.booleans(), min_size=3, max_size=3)
    ),
    min_size=1,
    max_size=16,
)
ALPHA = st.floats(0, 3)
SCALE = st.sampled_from(["none", "std"])


def batch(rows, scale, low=0.0, high=1.0):
    """Advantages, planning mask, groups, response mask and rewards of random rows."""
    groups = [group for group, _, _ in rows]
    rewards = [None if outcome is None else (low, high)[outcome] for _, outcome, _ in rows]
    advantages = group_advantages(rewards, groups, scale)
    return advantages, np.array([mask for _, _, mask in rows]), groups, np.ones((len(rows), 3), bool), rewards


@given(ROWS, ALPHA, SCALE, st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.1, 1.1)]), st.booleans())
def test_hicra_is_its_scale_and_its_push(rows, alpha, scale, values, is_known):
    advantages, planning, groups, mask, rewards = batch(rows, scale, *values)
    if not is_known:  # the advantages tell the two rewards apart, if none is missing
        rewards = None if None not in rewards else rewards
    arguments = planning, groups, mask, alpha, rewards
    scaled, pushed = scale_advantages(advantages, *arguments), push_advantages(advantages, *arguments)
    expected = hicra_advantages(advantages, planning, alpha)
    np.testing.assert_allclose(scaled + pushed - advantages[:, None], expected, atol=1e-9)


@given(ROWS, ALPHA, SCALE)
def test_the_push_is_that_of_the_closed_form_and_the_same_whatever_the_outcome(rows, alpha, scale):
    advantages, planning, groups, mask, rewards = batch(rows, scale)
    pushed = push_advantages(advantages, planning, groups, mask, alpha, rewards)
    for group in set(groups):
        judged = [r for g, r in zip(groups, rewards, strict=True) if g == group and r is not None]
        p = sum(judged) / len(judged) if judged else 0
        # the deviation with the divisor n - 1 is sqrt(p (1 - p) n / (n - 1))
        n = len(judged)
        sigma = 1.0 if scale == "none" or p in (0, 1) else math.sqrt(p * (1 - p) * n / (n - 1)) + 1e-4
        for row, (own_group, reward) in enumerate(zip(groups, rewards, strict=True)):
            if own_group == group and reward is not None:
                push = np.where(planning[row], 2 * alpha * p * (1 - p) / sigma, 0)
                np.testing.assert_allclose(pushed[row] - advantages[row], push, atol=1e-9)


@given(ROWS, ALPHA, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, alpha, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    for rule in (scale_advantages, push_advantages):
        advantages, planning, groups, mask, rewards = batch(rows, "std")
        straight = rule(advantages, planning, groups, mask, alpha, rewards)
        shuffled = rule(
            advantages[order],
            planning[order],
            [groups[row] for row in order],
            mask,
            alpha,
            [rewards[row] for row in order],
        )
        np.testing.assert_array_equal(shuffled, straight[order])


def test_a_bonus_for_correct_responses_alone_always_counts_the_outcome_more():
    # rewards 1 0 0 0, A = 3/4, -1/4: on planning tokens the difference of correct and wrong grows from 1 to
    # 0.75 * 1.2 + 0.25 = 1.15 = 1 + alpha (1 - p); of rewards 1 1 1 0: 0.25 * 1.2 + 0.75 = 1.05
    for rewards, expected in (([1, 0, 0, 0], 1.15), ([1, 1, 1, 0], 1.05)):
        advantages = group_advantages(rewards, ["p"] * 4)
        shaped = correct_advantages(advantages, np.ones((4, 1)), 0.2)[:, 0]
        assert shaped[0] - shaped[-1] == pytest.approx(expected)
        assert shaped[-1] == advantages[-1]


def test_a_response_that_could_not_be_judged_counts_nowhere():
    # judged: 1, 0: p = 1/2, factor 1, mean |A| = 1/2; the third response keeps its advantage 0
    rewards, groups, ones = [1.0, 0.0, None], ["p"] * 3, np.ones((3, 1))
    advantages = group_advantages(rewards, groups)
    np.testing.assert_allclose(scale_advantages(advantages, ones, groups, ones, 0.2, rewards), [[0.5], [-0.5], [0]])
    np.testing.assert_allclose(push_advantages(advantages, ones, groups, ones, 0.2, rewards), [[0.6], [-0.4], [0]])


def test_advantages_of_each_token_may_be_given_if_they_are_those_of_the_response():
    advantages = torch.tensor([[0.75, 0.75], [-0.25, 0.0], [-0.25, -0.25], [-0.25, -0.25]])
    mask = torch.tensor([[1, 1], [1, 0], [1, 1], [1, 1]])
    ones, groups = torch.ones(4, 2), [0] * 4
    # factor 1.1; the position outside the response keeps its 0
    expected = [[0.825, 0.825], [-0.275, 0.0], [-0.275, -0.275], [-0.275, -0.275]]
    torch.testing.assert_close(scale_advantages(advantages, ones, groups, mask), torch.tensor(expected))
    with pytest.raises(UsageError, match="the advantages of row 1 differ from token to token"):
        scale_advantages(advantages, ones, groups, torch.ones(4, 2))


def test_more_than_two_rewards_in_a_group_are_refused_with_their_values():
    message = r"group of row 1 has 3 different rewards \(0, 0.5, 1\), but hicra-scale, hicra-push and ktae need at most"
    with pytest.raises(UsageError, match=message):
        binary_outcomes([0.0, 1.0, 0.5, 0.0], ["q", "p", "p", "p"])
    with pytest.raises(UsageError, match=r"has 5 different rewards \(0, 1, 2, 3, \.\.\.\)"):
        binary_outcomes([0.0, 1.0, 2.0, 3.0, 4.0], ["p"] * 5)
    advantages = group_advantages([0.0, 0.5, 1.0], ["p"] * 3)
    for rule in (scale_advantages, push_advantages):
        with pytest.raises(UsageError, match="3 different rewards"):
            rule(advantages, np.ones((3, 1)), ["p"] * 3, np.ones((3, 1)))
