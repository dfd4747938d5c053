"""Entropy terms against plain Python, by value and by gradient."""

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.training.credit.nucleus import nucleus_entropy, nucleus_entropy_of_hidden
from sgram.training.credit.regularizers import anchored_loss, entropy_bonus, peak_mask, siren_entropy

THREE = torch.tensor([[0.5, 0.3, 0.2]]).log()


def plain_nucleus_entropy(logits, top_p):
    """In plain Python: rank, add up until p is reached, renormalize."""
    top = max(logits)
    weights = [math.exp(tensor - top) for tensor in logits]
    ranked = sorted((weight / sum(weights) for weight in weights), reverse=True)
    nucleus, total = [], 0.0
    for probability in ranked:
        nucleus.append(probability)
        total += probability
        if total >= top_p:
            break
    return -sum(q / total * math.log(q / total) for q in nucleus if q > 0)


def random_logits(seed, *shape):
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# -- nucleus --------------------------------------------------------------------------------------------


def test_the_nucleus_holds_the_token_that_crosses_p():
    # 0.5, 0.3, 0.2. p = 0.6: 0.5 and 0.3 (which crosses), renormalized 5/8 and 3/8: 0.661563 nats
    expected = -(5 / 8 * math.log(5 / 8) + 3 / 8 * math.log(3 / 8))
    assert nucleus_entropy(THREE, 0.6).item() == pytest.approx(expected, abs=1e-6)
    assert expected == pytest.approx(0.661563, abs=1e-6)
    # p = 0.4: the top token has it alone
    assert nucleus_entropy(THREE, 0.4).item() == 0
    # p = 1: -(0.5 ln 0.5 + 0.3 ln 0.3 + 0.2 ln 0.2)
    assert nucleus_entropy(THREE, 1.0).item() == pytest.approx(1.029653, abs=1e-6)


def test_the_top_token_is_always_in():
    sure = torch.tensor([[50.0, 0.0, 0.0]])
    assert nucleus_entropy(sure, 0.01).item() == 0
    assert nucleus_entropy(sure).item() == 0


@given(st.integers(0, 2000), st.sampled_from([0.05, 0.5, 0.8, 0.95, 1.0]), st.integers(1, 12))
def test_nucleus_entropies_are_those_of_plain_python(seed, top_p, n_tokens):
    logits = random_logits(seed, 2, 3, n_tokens)
    actual = nucleus_entropy(logits, top_p)
    assert actual.shape == (2, 3)
    expected = [plain_nucleus_entropy(row, top_p) for row in logits.flatten(0, 1).tolist()]
    assert actual.flatten().tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("top_p", [0.1, 0.8, 0.99])
def test_a_long_nucleus_is_found_too(top_p):
    # flat rows, whose nucleus is longer than any head, beside peaked ones
    logits = torch.cat([random_logits(2, 3, 500) * 0.1, random_logits(3, 3, 500) * 3])
    expected = [plain_nucleus_entropy(row, top_p) for row in logits.tolist()]
    assert nucleus_entropy(logits, top_p).tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n_tokens", [10, 200])
def test_of_equally_likely_tokens_the_first_are_in(n_tokens):
    # p = 0.75 of n equal tokens: 0.75 n of them (8 of 10: seven have 0.7), the first; H = ln 8, ln 150
    logits = torch.zeros(2, n_tokens, dtype=torch.float64, requires_grad=True)
    entropy = nucleus_entropy(logits, 0.75 - 1e-9)
    n_inside = math.ceil(0.75 * n_tokens)
    assert entropy.tolist() == pytest.approx([math.log(n_inside)] * 2)
    # the gradient of an entropy at its largest is 0: a slope is seen where one token is a little likelier
    logits = torch.zeros(1, n_tokens, dtype=torch.float64)
    logits[0, -1] = 1e-3
    logits.requires_grad_()
    nucleus_entropy(logits, 0.75 - 1e-9).sum().backward()
    moved = (logits.grad[0].abs() > 1e-9).nonzero().flatten().tolist()
    assert moved == [*range(n_inside - 1), n_tokens - 1]


def test_logits_of_impossible_tokens_change_nothing():
    logits = torch.cat([THREE, torch.full((1, 2), -math.inf)], 1).requires_grad_()
    for top_p in (0.6, 1.0):
        actual = nucleus_entropy(logits, top_p)
        assert actual.item() == pytest.approx(nucleus_entropy(THREE, top_p).item(), abs=1e-6)
        (slope,) = torch.autograd.grad(actual.sum(), logits)
        assert slope.isfinite().all()


def test_impossible_tokens_stay_out_where_probabilities_add_up_to_less_than_p():
    # in float32 a thousand probabilities may add up to a little less than 1
    for seed in range(20):
        logits = torch.cat([random_logits(seed, 1, 1000).float(), torch.full((1, 3), -math.inf)], 1)
        assert nucleus_entropy(logits, 1 - 1e-9).isfinite().all()


def test_p_of_1_leaves_no_token_out():
    # in float32 the top token has all of the probability; the others have e^-25 each: about 2 (25 + 1) e^-25
    assert nucleus_entropy(torch.tensor([[25.0, 0.0, 0.0]]), 1.0).item() == pytest.approx(7.2e-10, rel=0.1)


@pytest.mark.parametrize("top_p", [0.5, 0.8, 1.0])
def test_the_gradient_flows_through_the_probabilities(top_p):
    logits = random_logits(5, 4, 7).requires_grad_()
    assert torch.autograd.gradcheck(lambda tensor: nucleus_entropy(tensor, top_p), logits)
    # dH/dz_v = -q_v (log q_v + H) in the nucleus, by hand for 5/8 and 3/8; 0 outside
    three = THREE.double().requires_grad_()
    entropy = nucleus_entropy(three, 0.6)
    entropy.sum().backward()
    expected = [-q * (math.log(q) + entropy.item()) for q in (5 / 8, 3 / 8)]
    assert three.grad[0].tolist() == pytest.approx([*expected, 0.0], abs=1e-6)
    assert abs(expected[0]) > 0.1


def test_half_precision_is_worked_out_in_float32():
    logits = random_logits(1, 5, 50).bfloat16()
    assert nucleus_entropy(logits).dtype == torch.float32
    torch.testing.assert_close(nucleus_entropy(logits), nucleus_entropy(logits.float()))


@pytest.mark.parametrize("chunk_tokens", [1, 3, 7, 100])
@pytest.mark.parametrize("biased", [True, False])
def test_chunks_of_hidden_states_give_the_same_value_and_gradient(chunk_tokens, biased):
    def parts():
        hidden, weight, bias = (random_logits(at, *shape) for at, shape in enumerate([(7, 4), (11, 4), (11,)]))
        return [tensor.requires_grad_() for tensor in (hidden, weight, bias)]

    weights = torch.arange(1.0, 8.0, dtype=torch.float64)
    hidden, weight, bias = parts()
    logits = (hidden @ weight.T + (bias if biased else 0)) / 0.7
    whole = nucleus_entropy(logits, 0.9)
    (whole * weights).sum().backward()
    again = parts()
    actual = nucleus_entropy_of_hidden(
        again[0], again[1], again[2] if biased else None, 0.7, 0.9, chunk_tokens=chunk_tokens
    )
    torch.testing.assert_close(actual, whole)
    (actual * weights).sum().backward()
    for tensor, recomputed in zip((hidden, weight, bias), again, strict=True):
        assert (tensor.grad is None) == (recomputed.grad is None)
        if tensor.grad is not None:
            assert tensor.grad.abs().sum() > 0.1
            torch.testing.assert_close(tensor.grad, recomputed.grad)


def test_chunks_never_hold_all_logits():
    largest = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            actual = func(*args, **(kwargs or {}))
            for tensor in actual if isinstance(actual, tuple | list) else [actual]:
                if isinstance(tensor, torch.Tensor):
                    largest.append(tensor.numel())
            return actual

    hidden, weight = (random_logits(0, *shape).requires_grad_() for shape in [(64, 2), (50, 2)])
    saved_bytes = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        saved_bytes[storage.data_ptr()] = storage.nbytes() // 8
        return tensor

    with Watch(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        actual = nucleus_entropy_of_hidden(hidden, weight, chunk_tokens=4)
        n_kept = sum(saved_bytes.values())
        actual.sum().backward()
    assert max(largest) == 4 * 50  # all logits: 64 * 50
    assert n_kept <= 64 * 2 + 50 * 2 + 64  # for the backward pass


def test_no_hidden_states_have_no_entropy():
    assert nucleus_entropy_of_hidden(torch.zeros(0, 4), torch.zeros(5, 4)).shape == (0,)


@pytest.mark.parametrize("top_p", [0, -1, 1.1, math.nan])
def test_a_nucleus_of_no_probability_is_refused(top_p):
    with pytest.raises(UsageError, match=r"top_p must be a finite number > 0 and <= 1 \(got"):
        nucleus_entropy(THREE, top_p)


# -- peaks and their mean -------------------------------------------------------------------------------

ENTROPIES = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 9.0], [2.0, 7.0, 9.0, 9.0, 9.0, 9.0], [9.0] * 6, [1.0] * 6])
MASK = torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 0, 0, 0, 0], [0] * 6, [1] * 6], dtype=torch.bool)


def test_peaks_are_above_the_quantile_of_their_own_response():
    # row 0: place 0.8 * 4 = 3.2 of 1 to 5: 4.2, so 5 alone; row 1: place 0.8 of 2, 7: 6, so 7; row 2 has no tokens;
    # row 3: all equal, none above
    assert peak_mask(ENTROPIES, MASK).nonzero().tolist() == [[0, 4], [1, 1]]
    assert peak_mask(ENTROPIES, MASK, 0.5).nonzero().tolist() == [[0, 3], [0, 4], [1, 1]]
    assert torch.equal(peak_mask(ENTROPIES, MASK, 1.0), MASK)


@given(st.integers(0, 1000), st.sampled_from([0.1, 0.2, 0.5]))
@example(938, 0.2)  # one entropy lies 6e-8 above the quantile
def test_peaks_are_those_of_torchs_quantile(seed, share):
    generator = torch.Generator().manual_seed(seed)
    entropies = torch.rand(4, 31, generator=generator)
    mask = torch.rand(4, 31, generator=generator) < 0.6
    actual = peak_mask(entropies, mask, share)
    for row in range(4):
        if mask[row].any():
            threshold = torch.quantile(entropies[row][mask[row]].double(), 1 - share)
            distance = entropies[row].double() - threshold
            is_clear = distance.abs() > 1e-6  # nearer ones depend on the rounding of the quantile
            assert torch.equal(actual[row][is_clear], ((distance > 0) & mask[row])[is_clear])
        else:
            assert not actual[row].any()


def test_the_mean_is_over_responses_and_an_empty_one_counts_nothing():
    # peaks 5 and 7; rows 2 and 3 have none: (5 + 7 + 0 + 0) / 4 = 3
    entropies = ENTROPIES.clone()
    entropies[2] = math.nan
    entropies.requires_grad_()
    actual = siren_entropy(entropies, MASK)
    assert actual.item() == 3
    actual.backward()
    assert entropies.grad.nonzero().tolist() == [[0, 4], [1, 1]]
    assert entropies.grad[0, 4] == 0.25
    # half of the tokens: ((4 + 5) / 2 + 7) / 4
    assert siren_entropy(ENTROPIES, MASK, 0.5).item() == 2.875


def test_peaks_of_nothing_are_nothing():
    assert siren_entropy(torch.zeros(0, 3), torch.zeros(0, 3)).item() == 0
    assert siren_entropy(torch.zeros(2, 0), torch.zeros(2, 0)).item() == 0
    assert siren_entropy(torch.ones(2, 3), torch.zeros(2, 3)).item() == 0


@given(st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(seed):
    generator = torch.Generator().manual_seed(seed)
    entropies = torch.rand(6, 9, generator=generator, dtype=torch.float64)
    mask = torch.rand(6, 9, generator=generator) < 0.6
    order = torch.randperm(6, generator=generator)
    torch.testing.assert_close(siren_entropy(entropies[order], mask[order]), siren_entropy(entropies, mask))


def test_the_mean_has_a_gradient_and_the_mask_none():
    entropies = torch.rand(4, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    mask = torch.ones(4, 9)
    assert torch.autograd.gradcheck(lambda tensor: siren_entropy(tensor, mask, 0.3), entropies)
    assert torch.autograd.gradcheck(lambda tensor: anchored_loss(siren_entropy(tensor, mask, 0.3), 0.2), entropies)
    assert torch.autograd.gradcheck(lambda tensor: entropy_bonus(tensor, mask), entropies)
    assert not peak_mask(entropies, mask).requires_grad


def test_the_anchor_pulls_from_both_sides():
    # (1.5 - 1)^2 = 0.25, slope 2 * 0.5 = 1; (0.5 - 1)^2 = 0.25, slope -1
    for entropy, slope in ((1.5, 1.0), (0.5, -1.0)):
        for anchor in (1.0, torch.tensor(1.0, requires_grad=True)):
            value = torch.tensor(entropy, requires_grad=True)
            loss = anchored_loss(value, anchor)
            loss.backward()
            assert loss.item() == 0.25
            assert value.grad.item() == slope
            assert not isinstance(anchor, torch.Tensor) or anchor.grad is None
    with pytest.raises(InputError, match="the anchor of the entropy is nan; measure it on the initial policy"):
        anchored_loss(torch.tensor(1.0), math.nan)


def test_the_uniform_bonus_is_the_mean_over_tokens():
    # 1 + 2 + 3 + 4 + 5 + 2 + 7 + 6 * 1 = 30 over 13 tokens
    entropies = ENTROPIES.clone()
    entropies[2] = math.nan
    assert entropy_bonus(entropies, MASK).item() == pytest.approx(30 / 13)
    assert entropy_bonus(entropies, torch.zeros_like(MASK)).item() == 0


def test_arrays_that_do_not_fit_are_refused_with_a_sentence():
    for function in (entropy_bonus, peak_mask, siren_entropy):
        with pytest.raises(UsageError, match="the mask has shape"):
            function(ENTROPIES, MASK[:, :3])
    with pytest.raises(UsageError, match=r"the share of peaks must be a finite number > 0 and <= 1 \(got 0\)"):
        peak_mask(ENTROPIES, MASK, 0)
