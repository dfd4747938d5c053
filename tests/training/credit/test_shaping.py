"""`shape_advantages`: any method on arrays of any trainer, and refusals that name what is missing."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram import Lexicon, PlanningTagger
from sgram.errors import UsageError
from sgram.training import shape_advantages
from sgram.training.credit.advantages import group_advantages
from sgram.training.credit.method import Method
from sgram.training.credit.registry import METHODS

# ids 0 to 3: " wait", " let", " me", " 4"
TAGGER = PlanningTagger(Lexicon.from_grams(["let me", "wait"]), [b" wait", b" let", b" me", b" 4"])
IDS = np.array([[1, 2, 3], [0, 3, 3], [3, 3, 0], [3, 1, 2]])
MASK = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1]], bool)
PLANNING = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 1]], bool)
REWARDS = [1.0, 0.0, 0.0, 0.0]
GROUPS = ["p"] * 4
A = group_advantages(REWARDS, GROUPS)  # 0.75, -0.25, -0.25, -0.25
PLAIN = np.repeat(A[:, None], 3, 1)


def test_a_tagger_marks_the_tokens_that_a_method_gives_credit_to():
    shaped, metrics = shape_advantages(A, IDS, MASK, GROUPS, TAGGER, "hicra", alpha=0.4)
    np.testing.assert_allclose(shaped, np.where(PLANNING, PLAIN + 0.4 * abs(PLAIN), PLAIN))
    # 6 of 11 response tokens are marked and changed; squares: plain 3 * 0.5625 + 8 * 0.0625 = 2.1875; shaped
    # 2 * 1.05^2 + 0.75^2 + 4 * 0.15^2 + 4 * 0.25^2 = 2.205 + 0.5625 + 0.09 + 0.25 = 3.1075
    assert metrics == {
        "credit/share": 6 / 11,
        "credit/changed": 6 / 11,
        "credit/norm_ratio": pytest.approx((3.1075 / 2.1875) ** 0.5),
    }


@pytest.mark.parametrize("name", [name for name in METHODS if not METHODS[name].acts_in_loss and name != "dr-grpo"])
def test_arrays_tensors_and_masks_give_the_same(name):
    tagger = PLANNING if METHODS[name].mask.startswith("placebo") else TAGGER
    arrays, metrics = shape_advantages(A, IDS, MASK, GROUPS, tagger, name, rewards=REWARDS)
    tensors, tensor_metrics = shape_advantages(
        torch.from_numpy(A).float(),
        torch.from_numpy(IDS),
        torch.from_numpy(MASK),
        torch.zeros(4),
        torch.from_numpy(PLANNING),
        METHODS[name],
        rewards=torch.tensor(REWARDS),
    )
    assert tensors.dtype == torch.float32
    np.testing.assert_allclose(tensors, arrays, rtol=1e-5)
    assert tensor_metrics == pytest.approx(metrics)
    # advantages that a trainer has expanded and masked; the padding keeps its 0
    expanded, _ = shape_advantages(PLAIN * MASK, IDS, MASK, np.array(GROUPS), tagger, name, rewards=REWARDS)
    np.testing.assert_allclose(expanded, arrays * MASK, rtol=1e-12)


def test_entropies_stand_for_those_of_the_current_policy():
    entropies = [[0.5, 1.0, 4.0], [0.5, 1.0, 9.0], [0.0, 0.0, 0.0], [0.1, 0.2, 0.3]]
    shaped, metrics = shape_advantages(A, IDS, MASK, GROUPS, None, "entropy-advantage", entropies=entropies)
    # 0.4 H, at most |A| / 2
    bonus = np.minimum(0.4 * np.array(entropies), abs(PLAIN) / 2) * MASK
    np.testing.assert_allclose(shaped, PLAIN + bonus)
    assert metrics["credit/share"] == 0
    weaker, _ = shape_advantages(
        A, IDS, MASK, GROUPS, None, "entropy-advantage", entropies=entropies, entropy_alpha=0.0
    )
    np.testing.assert_array_equal(weaker, PLAIN)
    # correct and longer than the mean of 11 / 4 tokens: row 0 alone; planning tokens 0 and 1, and the high one, 2
    gated, _ = shape_advantages(A, IDS, MASK, GROUPS, TAGGER, "hicra-gated", entropies=entropies)
    np.testing.assert_allclose(gated, PLAIN + 0.2 * abs(PLAIN) * [[1], [0], [0], [0]])


def test_a_method_of_ones_own_may_return_an_advantage_for_each_token_or_each_response():
    halved = Method("halved", "A / 2", "example", at_rollout=lambda batch, _: batch.advantages / 2)
    shaped, _ = shape_advantages(A, IDS, MASK, GROUPS, None, halved)
    np.testing.assert_array_equal(shaped, PLAIN / 2)
    late = Method("late", "A / 2 on first tokens", "example", at_update=lambda b, _: b.advantages * [0.5, 1, 1])
    np.testing.assert_array_equal(shape_advantages(A, IDS, MASK, GROUPS, None, late)[0], PLAIN * [0.5, 1, 1])
    broken = Method("broken", "a number", "example", at_rollout=lambda batch, _: batch.advantages.sum())
    message = r"at_rollout of method broken returned float64 of shape \(\), but the batch has shape \(4, 3\)"
    with pytest.raises(UsageError, match=message):
        shape_advantages(A, IDS, MASK, GROUPS, None, broken)


ROW = st.tuples(
    st.sampled_from(["p", "q"]), st.sampled_from([0.0, 1.0]), st.lists(st.integers(0, 3), min_size=3, max_size=3)
)
NAMES = ("hicra", "hicra-scale", "hicra-push", "hicra-correct", "hicra-centered", "ktae")


@given(st.lists(ROW, min_size=1, max_size=8), st.sampled_from(NAMES), st.floats(0, 2), st.randoms())
def test_rows_may_come_in_any_order_and_groups_may_be_split_over_rows(rows, name, alpha, random):
    groups, rewards, ids = (list(column) for column in zip(*rows, strict=True))
    mask = np.ones((len(rows), 3))

    def shape(order):
        own_groups, own_rewards = [groups[row] for row in order], [rewards[row] for row in order]
        own_advantages = group_advantages(own_rewards, own_groups, "std")
        arguments = np.array(ids)[order], mask, own_groups, TAGGER, name
        return shape_advantages(own_advantages, *arguments, alpha=alpha, rewards=own_rewards)[0]

    order = list(range(len(rows)))
    straight = shape(order)
    random.shuffle(order)
    np.testing.assert_allclose(shape(order), straight[order], atol=1e-12)


@given(st.lists(ROW, min_size=1, max_size=8), st.floats(0, 2))
def test_hicra_is_scale_and_push_less_the_advantage(rows, alpha):
    groups, rewards, ids = (list(column) for column in zip(*rows, strict=True))
    advantages, mask = group_advantages(rewards, groups), np.ones((len(rows), 3))
    hicra, scaled, pushed, plain = (
        shape_advantages(advantages, np.array(ids), mask, groups, TAGGER, name, alpha=alpha)[0]
        for name in ("hicra", "hicra-scale", "hicra-push", "grpo")
    )
    np.testing.assert_allclose(hicra, scaled + pushed - plain, atol=1e-9)


@pytest.mark.parametrize(
    ("method", "tagger", "options", "message"),
    [
        ("hicra", None, {}, "method hicra gives credit to planning tokens: pass a tagger or a mask"),
        ("placebo", TAGGER, {}, "method placebo gives credit to tokens of a placebo, but the tagger marks planning"),
        ("ktae", None, {}, "method ktae needs rewards, which shape_advantages was not given: pass rewards="),
        ("high-entropy", None, {}, "method high-entropy needs entropies, .* not given: pass entropies="),
        ("clip-cov", None, {}, "method clip-cov needs logps, which shape_advantages was not given: no caller of"),
        ("kl-cov", None, {}, "method kl-cov adds a term to the loss, which shape_advantages cannot: use HICRATrainer"),
        ("siren", None, {}, "method siren adds a term to the loss"),
        ("dr-grpo", None, {}, "method dr-grpo prescribes the trainer's loss"),
        ("hicar", None, {}, r"unknown method 'hicar' \(did you mean hicra"),
        ("grpo", None, {"beta": 1}, "shape_advantages with grpo: unknown option 'beta'; the options are alpha, "),
        ("grpo", None, {"alpha": -1}, "alpha must be a finite number >= 0"),
        ("grpo", PLANNING[:, :2], {}, "the mask of credit has shape"),
    ],
)
def test_what_cannot_be_shaped_is_refused_in_a_sentence_that_names_it(method, tagger, options, message):
    with pytest.raises(UsageError, match=message):
        shape_advantages(A, IDS, MASK, GROUPS, tagger, method, **options)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[1, 2, 3], [1, 2], [1, 2, 3], [1, 2, 3]], "token ids must be integers in rows of equal length; pad the rows"),
        (IDS / 1, "token ids must be integers"),
        (IDS[:, :2], "the array of token ids has shape"),
    ],
)
def test_token_ids_that_do_not_fit_are_refused(ids, message):
    with pytest.raises(UsageError, match=message):
        shape_advantages(A, ids, MASK, GROUPS, None, "grpo")


@pytest.mark.parametrize(("kind", "advantages"), [(np.ndarray, A), (torch.Tensor, torch.from_numpy(A))])
def test_a_method_of_ones_own_gets_arrays_of_one_library(kind, advantages):
    def check(batch, _):
        for array in (batch.advantages, batch.token_ids, batch.rewards, batch.response_mask, batch.credit_mask):
            assert isinstance(array, kind)
        assert [str(reward) for reward in batch.rewards.tolist()] == ["1.0", "nan", "0.0", "0.0"]
        return batch.advantages

    checked = Method("checked", "looks at its batch", "example", at_rollout=check)
    shape_advantages(advantages, IDS.tolist(), MASK.tolist(), GROUPS, PLANNING, checked, rewards=[1.0, None, 0, 0])


def test_arrays_need_no_torch():
    code = (
        "import sys; from sgram.training import shape_advantages\n"
        "shape_advantages([1.0, -1.0], [[1, 2], [3, 4]], [[1, 1], [1, 1]], ['p', 'p'], [[1, 0], [0, 1]], 'hicra')\n"
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
