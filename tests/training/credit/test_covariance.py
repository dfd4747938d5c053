"""Which tokens Clip-Cov and KL-Cov choose, against plain Python."""

import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.training.credit.covariance import clip_cov_mask, kl_cov_mask, kl_cov_penalty, token_covariances
from sgram.training.credit.method import CreditBatch, MethodSettings

ADVANTAGES = torch.tensor([[4.0, 4.0, 4.0], [-2.0, -2.0, -2.0]])
LOGPS = torch.tensor([[-0.5, -1.5, -9.0], [-1.0, -3.0, -2.0]])
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]], dtype=torch.bool)
# response tokens A: 4 4 -2 -2 -2, mean 0.4; log pi: -0.5 -1.5 -1 -3 -2, mean -1.6; the products of the deviations are
# 3.6 * 1.1, 3.6 * 0.1, -2.4 * 0.6, -2.4 * -1.4, -2.4 * -0.4
COVARIANCES = [3.96, 0.36, -1.44, 3.36, 0.96]


def random_batch(seed, n_rows=5, n_tokens=12):
    """Random advantages by row, log-probabilities, those of the old policy and a mask."""
    generator = torch.Generator().manual_seed(seed)
    logps = -3 * torch.rand(n_rows, n_tokens, generator=generator)
    old = logps + 0.3 * torch.randn(n_rows, n_tokens, generator=generator)
    mask = torch.rand(n_rows, n_tokens, generator=generator) < 0.7
    mask[0, 0] = True
    return 2 * torch.randn(n_rows, 1, generator=generator).expand(n_rows, n_tokens), logps, old, mask


def plain_covariances(advantages, logps, mask):
    """{(row, token): covariance} in plain Python."""
    positions = [(row, at) for row, flags in enumerate(mask.tolist()) for at, inside in enumerate(flags) if inside]
    means = [sum(array[row][at] for row, at in positions) / len(positions) for array in (advantages, logps)]
    return {(row, at): (advantages[row][at] - means[0]) * (logps[row][at] - means[1]) for row, at in positions}


def marked_positions(mask):
    return {(row, at) for row, at in mask.nonzero().tolist()}


def test_a_covariance_is_the_product_of_the_deviations():
    assert token_covariances(ADVANTAGES, LOGPS, MASK).tolist() == pytest.approx(COVARIANCES, abs=1e-6)
    by_row = torch.tensor([4.0, -2.0])
    assert token_covariances(by_row, LOGPS, MASK).tolist() == pytest.approx(COVARIANCES, abs=1e-6)


@given(st.integers(0, 1000))
def test_covariances_are_those_of_plain_python(seed):
    advantages, logps, _, mask = random_batch(seed)
    expected = plain_covariances(advantages.tolist(), logps.tolist(), mask)
    assert token_covariances(advantages, logps, mask).tolist() == pytest.approx(list(expected.values()), abs=1e-6)


def test_kl_cov_takes_the_largest():
    # 40 % of 5 tokens are 2: those with 3.96 and 3.36
    assert marked_positions(kl_cov_mask(ADVANTAGES, LOGPS, MASK, ratio=0.4)) == {(0, 0), (1, 1)}
    assert marked_positions(kl_cov_mask(ADVANTAGES, LOGPS, MASK)) == {(0, 0)}  # at least one
    assert not kl_cov_mask(ADVANTAGES, LOGPS, MASK, ratio=0).any()
    # -1.44 is not above 0
    assert marked_positions(kl_cov_mask(ADVANTAGES, LOGPS, MASK, ratio=1)) == {(0, 0), (0, 1), (1, 1), (1, 2)}


@given(st.integers(0, 1000), st.sampled_from([0.0002, 0.1, 0.25, 0.5]))
def test_kl_cov_is_that_of_plain_python(seed, ratio):
    advantages, logps, _, mask = random_batch(seed)
    covariances = plain_covariances(advantages.double().tolist(), logps.double().tolist(), mask)
    n = max(1, math.floor(ratio * len(covariances) + 1e-9))
    best = sorted(covariances, key=covariances.get, reverse=True)[:n]
    assert marked_positions(kl_cov_mask(advantages, logps, mask, ratio=ratio)) == {
        position for position in best if covariances[position] > 0
    }


def free_candidates(advantages, logps, old, mask, low, high, below, above):
    covariances = plain_covariances(advantages.tolist(), logps.tolist(), mask)
    actual = set()
    for (row, at), covariance in covariances.items():
        step = math.exp(logps[row, at] - old[row, at])
        a = advantages[row, at]
        clipped = (a > 0 and step > 1 + above) or (a < 0 and step < 1 - below)
        if low < covariance < high and not clipped:
            actual.add((row, at))
    return actual, len(covariances)


@given(st.integers(0, 1000), st.sampled_from([0.0002, 0.1, 1.0]))
def test_clip_cov_draws_from_the_free_tokens_between_the_bounds(seed, ratio):
    advantages, logps, old, mask = random_batch(seed)
    candidates, n_tokens = free_candidates(advantages, logps, old, mask, 0.5, 2.0, 0.2, 0.28)
    actual = clip_cov_mask(
        advantages, logps, old, mask, seed, ratio=ratio, low=0.5, high=2, epsilon_low=0.2, epsilon_high=0.28
    )
    assert marked_positions(actual) <= candidates
    assert len(marked_positions(actual)) == min(len(candidates), max(1, math.floor(ratio * n_tokens + 1e-9)))


def test_clip_cov_leaves_clipped_tokens_alone():
    # between 1 and 5 are the tokens with 3.96 and 3.36. Token (0, 0), A > 0: its ratio is e^0.3 = 1.35 > 1.2, clipped;
    # token (1, 1), A < 0: e^0.3 is not below 0.8, free. With + 0.3 the ratio is e^-0.3 = 0.74
    assert marked_positions(clip_cov_mask(ADVANTAGES, LOGPS, LOGPS - 0.3, MASK, 0, ratio=1)) == {(1, 1)}
    assert marked_positions(clip_cov_mask(ADVANTAGES, LOGPS, LOGPS + 0.3, MASK, 0, ratio=1)) == {(0, 0)}
    assert marked_positions(clip_cov_mask(ADVANTAGES, LOGPS, LOGPS, MASK, 0, ratio=1)) == {(0, 0), (1, 1)}
    assert not clip_cov_mask(ADVANTAGES, LOGPS, LOGPS, MASK, 0, ratio=1, low=3.4, high=3.9).any()


def test_the_generator_decides_what_is_drawn():
    advantages, logps, old, mask = random_batch(3, 20, 40)
    named = {"ratio": 0.02, "low": 0.1}

    def drawn(generator):
        return marked_positions(clip_cov_mask(advantages, logps, old, mask, generator, **named))

    state = torch.random.get_rng_state()
    assert drawn(7) == drawn(7) == drawn(torch.Generator().manual_seed(7))
    assert len({frozenset(drawn(seed)) for seed in range(20)}) > 10
    generator = torch.Generator().manual_seed(7)
    assert drawn(generator) != drawn(generator)
    assert torch.equal(torch.random.get_rng_state(), state), "the global generator is left alone"


@given(st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(seed):
    arrays = random_batch(seed)
    order = list(range(5))
    random.Random(seed).shuffle(order)
    shuffled = [array[order] for array in arrays]
    actual = clip_cov_mask(*arrays, seed, ratio=0.1, low=0.1)
    assert torch.equal(clip_cov_mask(*shuffled, seed, ratio=0.1, low=0.1), actual[order])
    advantages, logps, _, mask = arrays
    actual = kl_cov_mask(advantages, logps, mask, ratio=0.1)
    assert torch.equal(kl_cov_mask(advantages[order], logps[order], mask[order], ratio=0.1), actual[order])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_advantages_choose_no_token(dtype):
    advantages = torch.full((5, 12), 0.1, dtype=dtype)
    _, logps, old, mask = random_batch(1)
    assert (token_covariances(advantages, logps, mask) == 0).all()
    assert not kl_cov_mask(advantages, logps, mask, ratio=1).any()
    assert not clip_cov_mask(advantages, logps, old, mask, 0, ratio=1, low=0).any()
    nothing = torch.zeros_like(mask)
    assert not kl_cov_mask(random_batch(1)[0], logps, nothing).any()
    assert not clip_cov_mask(random_batch(1)[0], logps, old, nothing, 0).any()


def test_the_penalty_is_the_distance_to_the_old_policy_on_chosen_tokens():
    # tokens (0, 0) and (1, 1): |0.1| and |-0.2|, coefficient 0.5; slope 0.5 times the sign
    logps = LOGPS.clone().requires_grad_()
    old = LOGPS.clone()
    old[0, 0] -= 0.1
    old[1, 1] += 0.2
    old[1, 2] += 7.0  # not chosen
    old[0, 2] = math.nan  # outside the response
    batch = CreditBatch(torch.tensor([4.0, -2.0]), None, MASK, logps=logps, old_logps=old)
    actual = kl_cov_penalty(batch, MethodSettings(kl_cov_ratio=0.4, kl_cov_coef=0.5))
    torch.testing.assert_close(actual, torch.tensor([[0.05, 0, 0], [0, 0.1, 0]]))
    actual.sum().backward()
    torch.testing.assert_close(logps.grad, torch.tensor([[0.5, 0, 0], [0, -0.5, 0]]))


def test_before_the_first_update_the_penalty_is_nothing():
    logps = LOGPS.clone().requires_grad_()
    batch = CreditBatch(ADVANTAGES, None, MASK, logps=logps, old_logps=LOGPS)
    actual = kl_cov_penalty(batch, MethodSettings(kl_cov_ratio=1))
    actual.sum().backward()
    assert (actual == 0).all()
    assert (logps.grad == 0).all()


def test_what_does_not_fit_is_refused_with_a_sentence():
    with pytest.raises(UsageError, match=r"the ratio of Clip-Cov must be a finite number >= 0 and <= 1 \(got 2\)"):
        clip_cov_mask(ADVANTAGES, LOGPS, LOGPS, MASK, 0, ratio=2)
    with pytest.raises(UsageError, match="log-probabilities has shape"):
        token_covariances(ADVANTAGES, LOGPS[:, :2], MASK)
    with pytest.raises(UsageError, match="advantages has shape"):
        kl_cov_mask(ADVANTAGES[:1], LOGPS, MASK)
    with pytest.raises(UsageError, match="old log-probabilities has shape"):
        clip_cov_mask(ADVANTAGES, LOGPS, LOGPS[:1], MASK, 0)
