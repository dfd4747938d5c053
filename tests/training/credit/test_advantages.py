"""Advantages against plain Python, by hand, and against what must not change."""

import math
import statistics
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.training.credit.advantages import (
    centered_advantages,
    entropy_advantages,
    gated_advantages,
    group_advantages,
    hicra_advantages,
    high_entropy_mask,
    long_response_mask,
    mask_advantages,
    matched_advantages,
    norm_ratio,
    squared_norms,
    symmetric_advantages,
)

REWARDS = st.lists(
    st.tuples(st.sampled_from(["p", "q", "r"]), st.sampled_from([0.0, 1.0, 0.1, 0.5, -2.0, None])),
    min_size=1,
    max_size=20,
)


def same(actual, expected, tolerance=1e-6):
    np.testing.assert_allclose(np.asarray(actual, float), np.asarray(expected, float), atol=tolerance, rtol=1e-6)


# -- rewards of a group ---------------------------------------------------------------------------------


def test_rewards_are_centered_in_their_group():
    # p: mean (1 + 0 + 0) / 3 = 1/3; q: mean (1 + 0) / 2 = 1/2; rows of a group need not follow each other
    actual = group_advantages([1.0, 1.0, 0.0, 0.0, 0.0], ["p", "q", "p", "q", "p"])
    same(actual, [2 / 3, 1 / 2, -1 / 3, -1 / 2, -1 / 3], 1e-12)
    assert actual.dtype == np.float64


def test_the_deviation_of_a_group_has_the_divisor_n_less_one():
    # 1, 0: mean 1/2, deviation sqrt((1/4 + 1/4) / 1) = 0.7071; 0.5 / (0.7071 + 0.0001) = 0.707007
    same(group_advantages([1.0, 0.0], ["p", "p"], scale="std"), [0.707007, -0.707007])


def plain_advantages(rewards, groups, scale):
    """Word for word what is promised, in plain Python."""
    actual = []
    for reward, group in zip(rewards, groups, strict=True):
        members = [r for r, g in zip(rewards, groups, strict=True) if g == group and r is not None]
        if reward is None or len(set(members)) < 2:
            actual.append(0.0)
            continue
        divisor = statistics.stdev(members) + 1e-4 if scale == "std" else 1.0
        actual.append((reward - statistics.mean(members)) / divisor)
    return actual


@given(rows=REWARDS, scale=st.sampled_from(["none", "std"]), seed=st.integers(0, 99))
def test_group_advantages_are_those_of_plain_python_in_any_order(rows, scale, seed):
    groups, rewards = zip(*rows, strict=True)
    actual = group_advantages(rewards, groups, scale)
    same(actual, plain_advantages(rewards, groups, scale))
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = group_advantages([rewards[at] for at in order], [groups[at] for at in order], scale)
    assert shuffled.tolist() == actual[order].tolist()  # to the bit


def test_group_advantages_are_those_of_torch():
    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0], [2.0, 2.5, 0.0, 1.0]])
    centered = rewards - rewards.mean(1, keepdim=True)
    groups = torch.tensor([5] * 4 + [-1] * 4)
    same(group_advantages(rewards.flatten(), groups), centered.flatten())
    same(
        group_advantages(rewards.flatten(), groups, "std"), (centered / (rewards.std(1, keepdim=True) + 1e-4)).flatten()
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_tensor_gives_a_tensor_of_its_type(dtype):
    actual = group_advantages(torch.tensor([1, 0, 0, 1], dtype=dtype), [0, 0, 0, 0])
    assert actual.dtype == dtype
    assert actual.tolist() == [0.5, -0.5, -0.5, 0.5]
    assert hicra_advantages(actual, np.ones((4, 2))).dtype == dtype


def test_whole_numbers_become_floats():
    assert group_advantages(torch.tensor([1, 0]), [0, 0]).dtype == torch.float32
    assert group_advantages(np.array([1, 0]), [0, 0]).tolist() == [0.5, -0.5]
    assert hicra_advantages(torch.tensor([1, -1]), torch.ones(2, 1, dtype=torch.bool)).tolist() == [
        [pytest.approx(1.2)],
        [pytest.approx(-0.8)],
    ]


@pytest.mark.parametrize("scale", ["none", "std"])
@pytest.mark.parametrize("reward", [0.1, 1 / 3, 1e-9, 0.7])
def test_equal_rewards_give_exactly_nothing(scale, reward):
    # seven times 0.1 add up to 0.7000000000000001 or less: a mean by division is not always 0.1
    assert group_advantages([reward] * 7 + [0.0], ["p"] * 7 + ["q"], scale).tolist() == [0.0] * 8


def test_a_row_alone_in_its_group_has_no_advantage():
    assert group_advantages([5.0, 1.0, 0.0], ["p", "q", "q"], "std")[0] == 0
    assert group_advantages(torch.tensor([5.0]), [0], "std").tolist() == [0.0]


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_missing_reward_counts_in_no_mean(missing):
    # p without its missing row: 1 and 0, mean 1/2; q has none at all
    actual = group_advantages([1.0, missing, 0.0, missing, missing], ["p", "p", "p", "q", "q"])
    assert actual.tolist() == [0.5, 0.0, -0.5, 0.0, 0.0]
    tensor = torch.tensor([1.0, math.nan, 0.0])
    assert group_advantages(tensor, ["p"] * 3).tolist() == [0.5, 0.0, -0.5]


def test_a_group_of_one_known_reward_has_no_advantage():
    assert group_advantages([1.0, None, None], ["p", "p", "p"], "std").tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "groups",
    [
        [("a", 1), ("b", 1), ("a", 1)],
        np.array(["a", "b", "a"]),
        np.array(["a", None, "a"], dtype=object)[[0, 0, 0]] * np.array([1, 2, 1], dtype=object),
        torch.tensor([7, 9, 7]),
        [torch.tensor(7), torch.tensor(9), torch.tensor(7)],
        iter("aba"),
    ],
)
def test_any_key_names_a_group(groups):
    assert group_advantages([1.0, 3.0, 0.0], groups).tolist() == [0.5, 0.0, -0.5]


def test_a_reward_that_cannot_be_used_is_refused_with_a_sentence():
    for reward in (math.inf, -math.inf, 1e200):
        with pytest.raises(InputError, match=r"the reward of row 1 is .*; correct the reward function"):
            group_advantages([0.0, reward], ["p", "p"])
    with pytest.raises(InputError, match="the reward of row 0 is a str, not a number"):
        group_advantages(["high", 1.0], ["p", "p"])
    with pytest.raises(InputError, match="the reward of row 0 is a list"):
        group_advantages(np.zeros((2, 2)), ["p", "p"])
    with pytest.raises(UsageError, match="got a single number"):
        group_advantages(np.array(1.0), ["p"])


def test_a_key_that_names_no_group_is_refused_with_a_sentence():
    with pytest.raises(UsageError, match="3 rows and 2 group keys; give one key a row"):
        group_advantages([1.0, 0.0, 0.0], ["p", "p"])
    with pytest.raises(UsageError, match="1 rows and 2 group keys"):
        group_advantages([1.0], torch.tensor([1, 2]))
    for missing in (None, math.nan):
        with pytest.raises(InputError, match="the group key of row 1 is missing"):
            group_advantages([1.0, 0.0], ["p", missing])
    with pytest.raises(UsageError, match="the group key of row 0 is a list"):
        group_advantages([1.0, 0.0], [[1], [2]])
    with pytest.raises(UsageError, match=r"scale must be 'none' or 'std' \(got 'batch'\)"):
        group_advantages([1.0, 0.0], ["p", "p"], scale="batch")


def test_numpy_needs_no_torch():
    code = (
        "import sys, sgram.training.credit.registry\n"
        "from sgram.training.credit.advantages import *\n"
        "a = hicra_advantages(group_advantages([1, 0], ['p', 'p']), [[1, 0], [0, 1]])\n"
        "assert abs(a[0, 0] - 0.6) < 1e-12 and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# -- token by token -------------------------------------------------------------------------------------

A = np.array([1.0, -1.0, 0.5, -0.5])
PLANNING = np.array([[1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 1]], bool)
MASK = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]], bool)
GROUPS = ["p", "q", "p", "q"]
ENTROPIES = np.array([[0.1, 0.9, 0.2, 9], [0.5, 0.4, 9, 9], [0.3, 0.8, 0.0, 0.1], [0.2, 0.6, 0.7, 0.4]])
LONG = np.array([True, False, True, False])

VARIANTS = {
    "hicra": lambda a, p, h, m, g, long, alpha: hicra_advantages(a, p & m, alpha),
    "symmetric": lambda a, p, h, m, g, long, alpha: symmetric_advantages(a, p & m, alpha),
    "centered": lambda a, p, h, m, g, long, alpha: centered_advantages(a, p, g, m, alpha),
    "gated": lambda a, p, h, m, g, long, alpha: gated_advantages(a, p, h, m, long, alpha),
    "matched": lambda a, p, h, m, g, long, alpha: matched_advantages(a, p, m, alpha),
    "entropy": lambda a, p, h, m, g, long, alpha: entropy_advantages(a, h, alpha, response_mask=m),
}
EVERY = pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)


def test_hicra_amplifies_credit_and_damps_penalties_of_planning_tokens():
    # alpha 0.2: 1 -> 1.2, -1 -> -0.8, -0.5 -> -0.4; the third row has no planning token
    actual = hicra_advantages(A, PLANNING)
    same(actual, [[1.2, 1, 1.2, 1], [-0.8, -0.8, -1, -1], [0.5] * 4, [-0.5, -0.4, -0.5, -0.4]], 1e-12)


def test_the_symmetric_control_amplifies_penalties_too():
    # alpha 0.2: 1 -> 1.2, -1 -> -1.2, -0.5 -> -0.6
    actual = symmetric_advantages(A, PLANNING)
    same(actual, [[1.2, 1, 1.2, 1], [-1.2, -1.2, -1, -1], [0.5] * 4, [-0.5, -0.6, -0.5, -0.6]], 1e-12)


def test_the_mean_push_is_what_hicra_has_and_the_centered_control_has_not():
    # one planning token in each of 4 rows, rewards 1 0 0 0: A = 3/4, -1/4, -1/4, -1/4. HICRA, alpha 0.2: the sum over
    # the tokens is 0 + 0.2 (3/4 + 3/4) = 0.3, the mean 0.075 = 2 alpha p (1 - p) at p = 1/4
    advantages = group_advantages([1, 0, 0, 0], "pppp")
    planning, mask = np.array([[1, 0]] * 4), np.ones((4, 2))
    assert hicra_advantages(advantages, planning)[:, 0].mean() == pytest.approx(0.075)
    # bonuses 0.15, 0.05, 0.05, 0.05, mean 0.075: pushes 0.075, -0.025, -0.025, -0.025
    actual = centered_advantages(advantages, planning, "pppp", mask)
    same(actual, [[0.825, 0.75], [-0.275, -0.25], [-0.275, -0.25], [-0.275, -0.25]], 1e-12)
    assert actual[:, 0].sum() == pytest.approx(0)


def test_the_centered_control_counts_planning_tokens_in_the_response_only():
    # group p: |A| = 1 and 0.2, bonuses (alpha 1) 1, 1 in row 0 and 0.2 in row 1, mean 2.2 / 3; group q: none in it
    planning = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 1]])
    mask = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0]])
    actual = centered_advantages([1.0, -0.2, 0.3], planning, ["p", "p", "q"], mask, alpha=1)
    high, low = 1 + 1 - 2.2 / 3, -0.2 + 0.2 - 2.2 / 3
    same(actual, [[high, high, 1], [low, -0.2, -0.2], [0.3, 0.3, 0.3]], 1e-12)


def test_the_gate_lets_only_correct_long_responses_through():
    # row 0 (A = 1, long; response tokens 0 to 2): 0.7 quantile of 0.1, 0.9, 0.2 is at place 1.4 of 0.1, 0.2, 0.9:
    # 0.2 + 0.4 * 0.7 = 0.48, so token 1 is of high entropy, 0 and 2 plan: all three get 1.2.
    # row 2 (A = 0.5, long; no planning token): place 2.1 of 0.0, 0.1, 0.3, 0.8: 0.35, so token 1 gets 0.6.
    # rows 1 and 3 are wrong and short
    actual = gated_advantages(A, PLANNING, ENTROPIES, MASK, LONG)
    same(actual, [[1.2, 1.2, 1.2, 1], [-1] * 4, [0.5, 0.6, 0.5, 0.5], [-0.5] * 4], 1e-12)
    same(gated_advantages(A, PLANNING, ENTROPIES, MASK, ~LONG), np.repeat(A[:, None], 4, axis=1))
    correct_and_short = np.abs(A)
    actual = gated_advantages(correct_and_short, PLANNING, ENTROPIES, MASK, [0, 0, 0, 0])
    same(actual, np.repeat(correct_and_short[:, None], 4, axis=1))


def test_the_matched_control_has_hicras_norm_and_grpos_direction():
    # row 0: A = 3 on two response tokens, one plans; row 1: -4 on one, it plans. alpha 0.5:
    # ||A||^2 = 9 + 9 + 16 = 34, ||A^H||^2 = 4.5^2 + 9 + 2^2 = 33.25
    planning, mask = np.array([[1, 0, 1], [1, 0, 0]]), np.array([[1, 1, 0], [1, 0, 0]])
    scale = math.sqrt(33.25 / 34)
    actual = matched_advantages([3.0, -4.0], planning, mask, alpha=0.5)
    same(actual, [[3 * scale, 3 * scale, 3], [-4 * scale, -4, -4]], 1e-12)
    assert squared_norms([3.0, -4.0], planning, mask, 0.5) == pytest.approx((34, 33.25))
    # as two processes see it
    halves = [squared_norms([a], planning[[row]], mask[[row]], 0.5) for row, a in enumerate([3.0, -4.0])]
    ratio = norm_ratio(sum(half[0] for half in halves), sum(half[1] for half in halves))
    assert ratio == pytest.approx(scale)
    same(matched_advantages([3.0], planning[:1], mask[:1], 0.5, ratio), actual[:1])
    assert norm_ratio(0.0, 0.0) == 1


def test_entropy_adds_a_bounded_bonus():
    # alpha 0.4, kappa 2: min(0.4 * 0.5, 1 / 2) = 0.2; min(0.4 * 3, 1 / 2) = 0.5; for A = -1 the same: -0.8 and -0.5
    actual = entropy_advantages([1.0, -1.0], [[0.5, 3.0], [0.5, 3.0]])
    same(actual, [[1.2, 1.5], [-0.8, -0.5]], 1e-12)
    same(entropy_advantages([1.0, 1.0], [[0.5, 3], [0.5, 3]], response_mask=[[1, 0], [0, 1]]), [[1.2, 1], [1, 1.5]])


def test_no_gradient_flows_through_entropies():
    entropies = torch.rand(4, 4, requires_grad=True)
    advantages = torch.tensor(A, requires_grad=True)
    entropy_advantages(advantages, entropies).sum().backward()
    assert entropies.grad is None
    assert advantages.grad is not None


def test_the_tokens_of_highest_entropy_are_those_of_the_batch():
    # response tokens 0.1, 0.9, 0.2 | 0.5, 0.4 | 0.3, 0.8, 0, 0.1 | 0.2, 0.6, 0.7, 0.4: 13, the 0.8 quantile is at
    # place 9.6 between 0.6 and 0.7: 0.66; the 9s are outside the response
    actual = high_entropy_mask(ENTROPIES, MASK, share=0.2)
    assert actual.tolist() == [[0, 1, 0, 0], [0] * 4, [0, 1, 0, 0], [0, 0, 1, 0]]
    assert high_entropy_mask(ENTROPIES, MASK, share=1).tolist() == MASK.tolist()
    assert not high_entropy_mask(ENTROPIES, np.zeros_like(MASK)).any()
    elsewhere = np.concatenate([ENTROPIES[MASK], [0.85] * 10])  # 23 values, place 17.6: 0.85
    actual = high_entropy_mask(ENTROPIES, MASK, 0.2, pooled_entropies=elsewhere)
    assert actual.tolist() == [[0, 1, 0, 0], [0] * 4, [0] * 4, [0] * 4]


@given(st.integers(0, 1000), st.sampled_from([0.05, 0.2, 0.3, 0.5, 1.0]))
def test_the_batch_quantile_is_that_of_torch(seed, share):
    rng = np.random.default_rng(seed)
    entropies, mask = rng.random((3, 17)), rng.random((3, 17)) < 0.7
    mask[0, 0] = True
    threshold = torch.quantile(torch.tensor(entropies[mask]), 1 - share).item()
    assert (high_entropy_mask(entropies, mask, share) == (entropies >= threshold - 1e-12) & mask).all()


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 0.7, 0.8, 1.0]))
def test_the_gates_quantile_is_that_of_numpy_for_each_response(seed, quantile):
    rng = np.random.default_rng(seed)
    mask = np.arange(21) < rng.integers(1, 22, size=4)[:, None]
    entropies = rng.random(mask.shape).round(2)
    actual = gated_advantages(np.ones(4), np.zeros_like(mask), entropies, mask, np.ones(4), 1.0, quantile)
    for row in range(4):
        threshold = np.quantile(entropies[row, mask[row]], quantile)
        assert (actual[row] == 1 + ((entropies[row] > threshold + 1e-12) & mask[row])).all()


def test_a_quantile_that_is_a_value_is_not_missed_by_a_rounding():
    # 0.7 * 90 is 62.99999999999999 in floats and 63 in truth: of 0 to 90 those above 63 are 27
    entropies = np.arange(91.0)[None]
    actual = gated_advantages([1.0], np.zeros((1, 91)), entropies, np.ones((1, 91)), [1], 1.0, 0.7)
    assert (actual == 2).sum() == 27


def test_an_entropy_a_rounding_below_nothing_is_nothing():
    actual = entropy_advantages([1.0, 0.0], [[-1e-7, 0.5], [-1e-7, 0.5]])
    assert actual.tolist() == [[1.0, 1.2], [0.0, 0.0]]


def test_long_is_longer_than_the_mean_of_the_group():
    # p: 3 and 1 tokens, mean 2; q: 2, 2, 2, mean 2, and none is longer
    mask = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]])
    assert long_response_mask(mask, ["p", "q", "p", "q", "q"]).tolist() == [True, False, False, False, False]
    assert long_response_mask(torch.tensor(mask), "pqpqq").dtype == torch.bool


def test_advantages_outside_a_mask_can_be_put_to_nothing():
    assert mask_advantages([2.0, -1.0], [[1, 0], [0, 1]]).tolist() == [[2, 0], [0, -1]]


# -- what must not change -------------------------------------------------------------------------------


@EVERY
def test_every_variant_changes_something_here(variant):
    assert (variant(A, PLANNING, ENTROPIES, MASK, GROUPS, LONG, 0.2) != A[:, None]).any()


@EVERY
def test_nothing_changes_for_alpha_0(variant):
    actual = variant(A, PLANNING, ENTROPIES, MASK, GROUPS, LONG, 0.0)
    assert (actual == A[:, None]).all()


@EVERY
def test_nothing_changes_for_equal_rewards(variant):
    equal = group_advantages([0.1] * 4, GROUPS, "std")
    assert (variant(equal, PLANNING, ENTROPIES, MASK, GROUPS, LONG, 0.2) == 0).all()


@EVERY
def test_nothing_outside_the_response_changes(variant):
    actual = variant(A, np.ones_like(MASK), ENTROPIES, MASK, GROUPS, LONG, 0.2)
    assert (actual[~MASK] == np.repeat(A[:, None], 4, axis=1)[~MASK]).all()


@pytest.mark.parametrize("name", ["hicra", "symmetric", "centered", "matched"])
def test_nothing_changes_for_an_empty_planning_mask(name):
    nothing = np.zeros_like(PLANNING)
    assert (VARIANTS[name](A, nothing, ENTROPIES, MASK, GROUPS, LONG, 0.2) == A[:, None]).all()


@EVERY
@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(variant, seed):
    rng = np.random.default_rng(seed)
    shape = (6, 5)
    a, planning, mask = rng.normal(size=6), rng.random(shape) < 0.4, rng.random(shape) < 0.8
    entropies, long = rng.random(shape), rng.random(6) < 0.5
    groups = rng.integers(3, size=6)
    actual = variant(a, planning, entropies, mask, groups, long, 0.3)
    o = rng.permutation(6)
    same(variant(a[o], planning[o], entropies[o], mask[o], groups[o], long[o], 0.3), actual[o], 1e-12)


@EVERY
def test_tensors_and_token_advantages_give_the_same(variant):
    expected = variant(A, PLANNING, ENTROPIES, MASK, GROUPS, LONG, 0.2)
    by_token = np.repeat(A[:, None], 4, axis=1)
    same(variant(by_token, PLANNING, ENTROPIES, MASK, GROUPS, LONG, 0.2), expected, 1e-12)
    tensors = [torch.tensor(array) for array in (PLANNING, ENTROPIES, MASK)]
    actual = variant(torch.tensor(A, dtype=torch.float32), *tensors, GROUPS, torch.tensor(LONG), 0.2)
    assert actual.dtype == torch.float32
    assert actual.shape == (4, 4)
    same(actual, expected)


@EVERY
@pytest.mark.parametrize("alpha", [-0.1, math.nan, math.inf, "0.2", True])
def test_an_alpha_that_is_no_weight_is_refused(variant, alpha):
    with pytest.raises(UsageError, match=r"alpha must be a finite number >= 0 \(got"):
        variant(A, PLANNING, ENTROPIES, MASK, GROUPS, LONG, alpha)


def test_arrays_that_do_not_fit_are_refused_with_a_sentence():
    with pytest.raises(UsageError, match=r"advantages has shape \(3,\), but the mask has shape \(4, 4\)"):
        hicra_advantages(A[:3], PLANNING)
    with pytest.raises(UsageError, match=r"advantages has shape \(4, 3\)"):
        hicra_advantages(np.zeros((4, 3)), PLANNING)
    with pytest.raises(UsageError, match=r"the planning mask has shape \(4,\)"):
        hicra_advantages(A, PLANNING[:, 0])
    with pytest.raises(UsageError, match="rows of equal length; pad the rows"):
        hicra_advantages([1.0, 0.0], [[1, 0], [1]])
    with pytest.raises(UsageError, match="the response mask has shape"):
        centered_advantages(A, PLANNING, GROUPS, MASK[:, :2])
    with pytest.raises(UsageError, match="the array of entropies has shape"):
        gated_advantages(A, PLANNING, ENTROPIES[:, :3], MASK, LONG)
    with pytest.raises(UsageError, match="the array of long responses has shape"):
        gated_advantages(A, PLANNING, ENTROPIES, MASK, LONG[:3])
    with pytest.raises(UsageError, match=r"the share of tokens must be a finite number > 0 and <= 1 \(got 0\)"):
        high_entropy_mask(ENTROPIES, MASK, 0)
    with pytest.raises(UsageError, match=r"kappa must be a finite number >= 1 \(got 0"):
        entropy_advantages(A, ENTROPIES, kappa=0.5)


def test_no_rows_and_no_tokens_are_no_mistake():
    assert group_advantages([], []).shape == (0,)
    assert hicra_advantages(np.zeros(0), np.zeros((0, 3))).shape == (0, 3)
    assert gated_advantages(np.ones(2), *np.zeros((3, 2, 0)), np.ones(2)).shape == (2, 0)
    empty = np.zeros((4, 4))
    same(gated_advantages(A, PLANNING, ENTROPIES, empty, LONG), np.repeat(A[:, None], 4, axis=1))
