"""Tokens that drive entropy down, by the covariance of log-probability and advantage. Knows nothing about planning.

The Entropy Mechanism of RL (2505.22617): the policy's entropy falls with Cov(log pi, A), and few tokens make most of
it. Clip-Cov takes the gradient from some of them, KL-Cov holds them to the sampling policy. All arrays are tensors of
shape (B, T), advantages also (B,); covariances are worked out in float64 on the CPU, so a choice does not depend on
the device.
"""

from typing import TYPE_CHECKING

from sgram.training.credit.array_backend import number_in, same_shape

if TYPE_CHECKING:
    import torch

    from sgram.training.credit.registry import MethodSettings, UpdateBatch

RATIO = 2e-4
"""Part of the response tokens that is chosen (at least one), in both methods."""


def token_covariances(
    advantages: "torch.Tensor", logps: "torch.Tensor", response_mask: "torch.Tensor"
) -> "torch.Tensor":
    """(n,) (A_t - mean A)(log pi_t - mean log pi) of the n response tokens, row by row, float64 on the CPU.

    The means are over the response tokens of these rows. Exactly 0 where all advantages are equal.
    """
    advantages = _by_token(advantages, response_mask)
    same_shape(logps, response_mask.shape, "the array of log-probabilities", "the response mask")
    chosen = response_mask != 0
    first, second = (_deviations(each.detach()[chosen].cpu().double()) for each in (advantages, logps))
    return first * second


def _by_token(advantages: "torch.Tensor", response_mask: "torch.Tensor") -> "torch.Tensor":
    """Advantages (B,) or (B, T) as (B, T)."""
    if advantages.dim() == 1 and len(advantages) == len(response_mask):
        advantages = advantages[:, None].expand(response_mask.shape)
    same_shape(advantages, response_mask.shape, "the array of advantages", "the response mask")
    return advantages


def _deviations(values: "torch.Tensor") -> "torch.Tensor":
    """Values less their mean; exactly 0 where all are equal, whatever the rounding of the mean."""
    return values - (values[0] if len(values) and (values == values[0]).all() else values.mean())


def clip_cov_mask(
    advantages: "torch.Tensor",
    logps: "torch.Tensor",
    old_logps: "torch.Tensor",
    response_mask: "torch.Tensor",
    generator: "torch.Generator | int",
    *,
    ratio: float = RATIO,
    low: float = 1.0,
    high: float = 5.0,
    epsilon_low: float = 0.2,
    epsilon_high: float = 0.2,
) -> "torch.Tensor":
    """(B, T) bool: tokens whose gradient Clip-Cov takes away (2505.22617, Clip-Cov).

    Drawn at random from the response tokens whose covariance is strictly between `low` and `high` and which PPO's
    clipping leaves alone: `ratio` times the number of response tokens, at least one, or as many as there are. The
    `generator` (or seed) decides; the order of rows does not, but for tokens of equal covariance.
    """
    import torch

    ratio = number_in(ratio, "the ratio of Clip-Cov", 0, 1)
    advantages = _by_token(advantages, response_mask)
    same_shape(old_logps, logps.shape, "the array of old log-probabilities", "that of new ones")
    if isinstance(generator, int):
        generator = torch.Generator().manual_seed(generator)
    covariances = token_covariances(advantages, logps, response_mask)
    step = (logps.detach() - old_logps.detach()).exp()
    clipped = ((advantages > 0) & (step > 1 + epsilon_high)) | ((advantages < 0) & (step < 1 - epsilon_low))
    free = ~clipped[response_mask != 0].cpu()
    (candidates,) = ((covariances > low) & (covariances < high) & free).nonzero(as_tuple=True)
    candidates = candidates[covariances[candidates].argsort(stable=True)]
    drawn = torch.randperm(len(candidates), generator=generator, device=generator.device).cpu()
    n_wanted = _n_of(ratio, len(covariances))
    return _marked(response_mask, candidates[drawn[:n_wanted]])


def kl_cov_mask(
    advantages: "torch.Tensor", logps: "torch.Tensor", response_mask: "torch.Tensor", *, ratio: float = RATIO
) -> "torch.Tensor":
    """(B, T) bool: the tokens with the largest covariance, `ratio` of the response tokens and at least one.

    2505.22617, KL-Cov. Only tokens with a covariance above 0 count, so equal advantages mark none; of equal ones
    the first are taken.
    """
    ratio = number_in(ratio, "the ratio of KL-Cov", 0, 1)
    covariances = token_covariances(advantages, logps, response_mask)
    chosen = covariances.argsort(descending=True, stable=True)[: _n_of(ratio, len(covariances))]
    return _marked(response_mask, chosen[covariances[chosen] > 0])


def kl_cov_penalty(logps: "torch.Tensor", batch: "UpdateBatch", settings: "MethodSettings") -> "torch.Tensor":
    """(B, T) coef * |log pi - log pi_old| on the tokens of `kl_cov_mask`, 0 elsewhere; the gradient is in `logps`.

    What KL-Cov's loss of a token has beside -A pi / pi_old (2505.22617): a caller aggregates it as its policy loss. The
    paper's loss has no clipping; whoever wants it as printed switches PPO's off. At the first update of a batch the
    policies are equal, so the penalty and its gradient are 0: it acts from the second update of a batch on.
    """
    same_shape(batch.old_logps, logps.shape, "the array of old log-probabilities", "that of new ones")
    chosen = kl_cov_mask(batch.advantages, logps, batch.mask, ratio=settings.kl_cov_ratio)
    away = (logps - batch.old_logps.detach()).masked_fill(~chosen, 0.0)
    return settings.kl_cov_coef * away.abs()


def _n_of(ratio: float, n_tokens: int) -> int:
    """How many tokens a ratio is, at least one where it is above 0; whole numbers survive the rounding of floats."""
    return max(1, int(ratio * n_tokens + 1e-9)) if ratio else 0


def _marked(response_mask: "torch.Tensor", chosen: "torch.Tensor") -> "torch.Tensor":
    """(B, T) bool with the response tokens that are numbered `chosen`, counted row by row."""
    import torch

    response = response_mask != 0
    flags = torch.zeros(int(response.sum()), dtype=torch.bool)
    flags[chosen] = True
    marked = torch.zeros_like(response)
    marked[response] = flags.to(response.device)
    return marked
