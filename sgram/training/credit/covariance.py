"""Tokens that lower the policy's entropy, found by the covariance of log-probability and advantage.

The Entropy Mechanism of RL (2505.22617): the policy's entropy falls with Cov(log pi, A), and a few tokens contribute
most of it. Clip-Cov removes the gradient of some of these tokens, KL-Cov holds them to the sampling policy. Arrays are
tensors of shape (B, T), advantages also (B,). Covariances are computed in float64 on the CPU, so that the selection
does not depend on the device.
"""

from typing import TYPE_CHECKING

from sgram.training.credit.array_backend import check_number, check_shape
from sgram.training.credit.method import COVARIANCE_RATIO, CreditBatch, MethodSettings

if TYPE_CHECKING:
    import torch


def token_covariances(
    advantages: "torch.Tensor", logps: "torch.Tensor", response_mask: "torch.Tensor"
) -> "torch.Tensor":
    """Return (n,) (A_t - mean A)(log pi_t - mean log pi) of the n response tokens, row by row, float64 on the CPU.

    The means are over the response tokens of these rows. If all advantages are equal, every covariance is exactly 0.
    """
    advantages = _expand_to_tokens(advantages, response_mask)
    check_shape(logps, response_mask.shape, "the array of log-probabilities", "the response mask")
    is_response = response_mask != 0
    advantage_deviations, logp_deviations = (
        _deviations(tensor.detach()[is_response].cpu().double()) for tensor in (advantages, logps)
    )
    return advantage_deviations * logp_deviations


def _expand_to_tokens(advantages: "torch.Tensor", response_mask: "torch.Tensor") -> "torch.Tensor":
    """Return advantages (B,) or (B, T) as (B, T)."""
    if advantages.dim() == 1 and len(advantages) == len(response_mask):
        advantages = advantages[:, None].expand(response_mask.shape)
    check_shape(advantages, response_mask.shape, "the array of advantages", "the response mask")
    return advantages


def _deviations(numbers: "torch.Tensor") -> "torch.Tensor":
    """Return numbers less their mean; exactly 0 if all are equal, whatever the rounding of the mean."""
    return numbers - (numbers[0] if len(numbers) and (numbers == numbers[0]).all() else numbers.mean())


def clip_cov_mask(
    advantages: "torch.Tensor",
    logps: "torch.Tensor",
    old_logps: "torch.Tensor",
    response_mask: "torch.Tensor",
    generator: "torch.Generator | int",
    *,
    ratio: float = COVARIANCE_RATIO,
    low: float = 1.0,
    high: float = 5.0,
    epsilon_low: float = 0.2,
    epsilon_high: float = 0.2,
) -> "torch.Tensor":
    """Return (B, T) bool: tokens whose gradient Clip-Cov removes (2505.22617, Clip-Cov).

    They are drawn at random from the response tokens whose covariance is strictly between `low` and `high` and which
    PPO's clipping does not clip: `ratio` times the number of response tokens, at least one, or as many as there are.
    The `generator` (or seed) decides the draw. The order of rows matters only between tokens of equal covariance.
    """
    import torch

    ratio = check_number(ratio, "the ratio of Clip-Cov", 0, 1)
    advantages = _expand_to_tokens(advantages, response_mask)
    check_shape(old_logps, logps.shape, "the array of old log-probabilities", "that of new ones")
    if isinstance(generator, int):
        generator = torch.Generator().manual_seed(generator)
    covariances = token_covariances(advantages, logps, response_mask)
    policy_ratio = (logps.detach() - old_logps.detach()).exp()
    is_clipped = ((advantages > 0) & (policy_ratio > 1 + epsilon_high)) | (
        (advantages < 0) & (policy_ratio < 1 - epsilon_low)
    )
    is_free = ~is_clipped[response_mask != 0].cpu()
    (candidates,) = ((covariances > low) & (covariances < high) & is_free).nonzero(as_tuple=True)
    candidates = candidates[covariances[candidates].argsort(stable=True)]
    order = torch.randperm(len(candidates), generator=generator, device=generator.device).cpu()
    n_selected = _selection_size(ratio, len(covariances))
    return _mask_from_indices(response_mask, candidates[order[:n_selected]])


def kl_cov_mask(
    advantages: "torch.Tensor", logps: "torch.Tensor", response_mask: "torch.Tensor", *, ratio: float = COVARIANCE_RATIO
) -> "torch.Tensor":
    """Return (B, T) bool: the tokens with the largest covariance, `ratio` of the response tokens and at least one.

    2505.22617, KL-Cov. Only tokens with a covariance > 0 are selected, so equal advantages select none. Between equal
    covariances the first token wins.
    """
    ratio = check_number(ratio, "the ratio of KL-Cov", 0, 1)
    covariances = token_covariances(advantages, logps, response_mask)
    largest = covariances.argsort(descending=True, stable=True)[: _selection_size(ratio, len(covariances))]
    return _mask_from_indices(response_mask, largest[covariances[largest] > 0])


def kl_cov_penalty(batch: CreditBatch, settings: MethodSettings) -> "torch.Tensor":
    """Return (B, T): coef * |log pi - log pi_old| on the tokens of `kl_cov_mask`, 0 elsewhere.

    The gradient flows through `CreditBatch.logps` alone. This is the term that KL-Cov adds to a token's loss
    -A pi / pi_old (2505.22617); the caller reduces it like its policy loss. The paper's loss has no clipping; to train
    it as printed, switch PPO's clipping off. At the first update of a batch the policies are equal, so the penalty and
    its gradient are 0: it acts from the second update on.
    """
    check_shape(batch.old_logps, batch.logps.shape, "the array of old log-probabilities", "that of new ones")
    is_selected = kl_cov_mask(batch.advantages, batch.logps, batch.response_mask, ratio=settings.kl_cov_ratio)
    distance: torch.Tensor = (batch.logps - batch.old_logps.detach()).masked_fill(~is_selected, 0.0)
    return settings.kl_cov_coef * distance.abs()


def _selection_size(ratio: float, n_tokens: int) -> int:
    """Return how many of `n_tokens` a `ratio` selects, at least one if it is > 0; tolerates float rounding."""
    return max(1, int(ratio * n_tokens + 1e-9)) if ratio else 0


def _mask_from_indices(response_mask: "torch.Tensor", indices: "torch.Tensor") -> "torch.Tensor":
    """Return (B, T) bool: the response tokens with these `indices`, counted row by row."""
    import torch

    is_response = response_mask != 0
    flags = torch.zeros(int(is_response.sum()), dtype=torch.bool)
    flags[indices] = True
    mask = torch.zeros_like(is_response)
    mask[is_response] = flags.to(is_response.device)
    return mask
