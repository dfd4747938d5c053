"""KTAE against closed forms, scipy's test and the order of rows."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.training.credit.key_tokens import _strength, ktae_advantages

# Two correct responses (7 8, 7 9) and two wrong ones (7 9, 9 9), four tokens on each side
IDS = np.array([[7, 8], [7, 9], [7, 9], [9, 9]])
MASK = np.ones((4, 2), bool)
REWARDS = [1.0, 1.0, 0.0, 0.0]
GROUPS = ["p"] * 4


def term_frequency(share):
    # k1 (1 - s + s L / mean L) = 2, because both sides have as many tokens
    return 3 * share / (share + 2)


def value(strength, correct_share, wrong_share, correct_tokens, wrong_tokens):
    correct_tf, wrong_tf = term_frequency(correct_tokens), term_frequency(wrong_tokens)
    direction = math.asin(math.sqrt(correct_share)) - math.asin(math.sqrt(wrong_share))
    direction += correct_tf / (wrong_tf + 1e-5) - wrong_tf / (correct_tf + 1e-5)
    x = strength * direction / 2  # alpha = beta = 1, divided by their sum
    return 2 / (1 + math.exp(-x)) - 1 if x > -700 else -1.0


def test_values_are_those_of_the_closed_form():
    plain = np.zeros(4)
    actual = ktae_advantages(plain, IDS, MASK, GROUPS, REWARDS)
    # 7: in both correct and one wrong of four. P = 1 (tables with 3 of 4: every one as likely), so F = 0; the gain is
    # 1 - 3/4 h(2/3) - 1/4 * 0 bits
    h = -(2 / 3 * math.log2(2 / 3) + 1 / 3 * math.log2(1 / 3))
    seven = value(1 - 3 / 4 * h, 1, 1 / 2, 2 / 4, 1 / 4)
    # 9: in one correct and both wrong: the same strength, the other direction; 1 of 4 and 3 of 4 tokens
    nine = value(1 - 3 / 4 * h, 1 / 2, 1, 1 / 4, 3 / 4)
    # 8: in one correct of four: P = 1, the same gain; on one side alone, so that its value is next to 1
    eight = value(1 - 3 / 4 * h, 1 / 2, 0, 1 / 4, 0)
    assert eight > 0.999
    assert -1 < nine < 0 < seven < 1
    np.testing.assert_allclose(actual, [[seven, eight], [seven, nine], [seven, nine], [nine, nine]], rtol=1e-12)


def test_the_value_is_added_to_the_advantage_times_the_weight():
    plain = np.array([0.5, 0.5, -0.5, -0.5])
    values = ktae_advantages(np.zeros(4), IDS, MASK, GROUPS, REWARDS)
    np.testing.assert_allclose(
        ktae_advantages(plain, IDS, MASK, GROUPS, REWARDS, weight=0.25), plain[:, None] + 0.25 * values
    )


def test_strength_has_the_p_value_of_fishers_exact_test():
    fisher_exact = pytest.importorskip("scipy.stats", reason="the test needs scipy").fisher_exact
    for n_correct, n_wrong in ((1, 1), (3, 5), (4, 4), (7, 1)):
        for a in range(n_correct + 1):
            for b in range(n_wrong + 1):
                p = fisher_exact([[a, b], [n_correct - a, n_wrong - b]]).pvalue
                n_rows, n_with = n_correct + n_wrong, a + b
                gain = entropy(n_correct, n_rows)
                gain -= n_with / n_rows * entropy(a, n_with)
                gain -= (n_rows - n_with) / n_rows * entropy(n_correct - a, n_rows - n_with)
                expected = gain + (0 if p > 1 - 1e-9 else math.exp(-2 * p))
                assert _strength(a, b, n_correct, n_wrong) == pytest.approx(expected, abs=1e-9)


def entropy(part, whole):
    shares = [share for share in (part / whole, 1 - part / whole) if share] if whole else []
    return -sum(share * math.log2(share) for share in shares)


@pytest.mark.parametrize("rewards", [[1.0] * 4, [0.0] * 4, [None] * 4, [1.0, None, None, None]])
def test_nothing_is_added_where_a_group_has_one_outcome(rewards):
    plain = np.array([0.5, 0.5, -0.5, -0.5])
    expected = np.repeat(plain[:, None], 2, 1)
    np.testing.assert_array_equal(ktae_advantages(plain, IDS, MASK, GROUPS, rewards), expected)


def test_a_response_that_could_not_be_judged_counts_nowhere():
    ids, mask = np.vstack([IDS, [[8, 9]]]), np.ones((5, 2))
    actual = ktae_advantages(np.zeros(5), ids, mask, ["p"] * 5, [*REWARDS, None])
    np.testing.assert_array_equal(
        actual, np.vstack([ktae_advantages(np.zeros(4), IDS, MASK, GROUPS, REWARDS), [[0, 0]]])
    )


def test_tokens_outside_the_response_count_nowhere():
    ids, mask = np.hstack([IDS, [[8], [8], [7], [9]]]), np.hstack([MASK, np.zeros((4, 1), bool)])
    actual = ktae_advantages(np.zeros(4), ids, mask, GROUPS, REWARDS)
    np.testing.assert_array_equal(actual[:, :2], ktae_advantages(np.zeros(4), IDS, MASK, GROUPS, REWARDS))
    assert (actual[:, 2] == 0).all()
    empty = ktae_advantages(np.zeros(4), ids, np.zeros((4, 3)), GROUPS, REWARDS)
    assert (empty == 0).all()


ROW = st.tuples(
    st.sampled_from(["p", "q"]), st.sampled_from([0.0, 1.0, None]), st.lists(st.integers(0, 5), min_size=4, max_size=4)
)


@given(st.lists(ROW, min_size=1, max_size=12), st.randoms())
def test_the_order_of_rows_does_not_matter_and_groups_do_not_mix(rows, random):
    groups, rewards, ids = (list(column) for column in zip(*rows, strict=True))
    plain, mask = np.zeros(len(rows)), np.ones((len(rows), 4))
    straight = ktae_advantages(plain, np.array(ids), mask, groups, rewards)
    assert (abs(straight) <= 1).all()
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = ktae_advantages(
        plain, np.array(ids)[order], mask, [groups[row] for row in order], [rewards[row] for row in order]
    )
    np.testing.assert_array_equal(shuffled, straight[order])
    own = [row for row, group in enumerate(groups) if group == "p"]
    if own:
        alone = ktae_advantages(
            plain[own], np.array(ids)[own], mask[own], ["p"] * len(own), [rewards[row] for row in own]
        )
        np.testing.assert_array_equal(alone, straight[own])


def test_tensors_give_tensors_of_their_type():
    actual = ktae_advantages(
        torch.zeros(4, dtype=torch.float32), torch.from_numpy(IDS), torch.from_numpy(MASK), torch.zeros(4), REWARDS
    )
    assert actual.dtype == torch.float32
    np.testing.assert_allclose(actual, ktae_advantages(np.zeros(4), IDS, MASK, GROUPS, REWARDS), rtol=1e-6)


def test_what_does_not_fit_is_refused_with_a_sentence():
    with pytest.raises(UsageError, match="the array of token ids has shape"):
        ktae_advantages(np.zeros(4), IDS[:, :1], MASK, GROUPS, REWARDS)
    with pytest.raises(UsageError, match="token ids must be integers"):
        ktae_advantages(np.zeros(4), IDS * 1.0, MASK, GROUPS, REWARDS)
    with pytest.raises(UsageError, match="3 different rewards"):
        ktae_advantages(np.zeros(4), IDS, MASK, GROUPS, [1.0, 0.5, 0.0, 0.0])
    with pytest.raises(UsageError, match="the weight of KTAE must be a finite number >= 0"):
        ktae_advantages(np.zeros(4), IDS, MASK, GROUPS, REWARDS, weight=-1)
