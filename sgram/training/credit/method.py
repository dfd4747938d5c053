"""Types of a credit method: its settings, the batches that it reads, and `Method` itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from sgram.errors import UsageError
from sgram.training.credit.array_backend import check_number

COVARIANCE_RATIO = 2e-4
"""Fraction of the response tokens that Clip-Cov and KL-Cov select by default, at least one token (2505.22617)."""


def _bounded(default: float, low: float, high: float = float("inf"), *, above: bool = False) -> Any:
    """Return a dataclass field with the bounds that `check_number` checks."""
    return field(default=default, metadata={"low": low, "high": high, "above": above})


@dataclass(frozen=True, slots=True)
class MethodSettings:
    """Settings of all methods; each method reads its own. The defaults are those of the papers that state them.

    Raise `UsageError` if a setting is out of its bounds.
    """

    alpha: float = _bounded(0.2, 0)
    """Strength of the amplification of planning tokens (HICRA §3)."""
    high_entropy_share: float = _bounded(0.2, 0, 1, above=True)
    """Fraction of the tokens that `high-entropy` trains on (2506.01939)."""
    gate_quantile: float = _bounded(0.7, 0, 1)
    """Quantile of a response's token entropies above which `hicra-gated` amplifies a token."""
    entropy_alpha: float = _bounded(0.4, 0)
    """Weight of the entropy in `entropy-advantage` (2506.14758)."""
    entropy_kappa: float = _bounded(2.0, 1)
    """Divisor of |A| that bounds the bonus of `entropy-advantage`."""
    entropy_coef: float = _bounded(0.001, 0)
    """Weight of the uniform entropy bonus in the loss."""
    siren_coef: float = _bounded(0.005, 0)
    """Weight of SIREN's squared distance to the anchor (2509.25133)."""
    siren_top_p: float = _bounded(0.8, 0, 1, above=True)
    """Probability mass of SIREN's nucleus."""
    siren_peak_share: float = _bounded(0.2, 0, 1, above=True)
    """Fraction of a response's tokens that are its peaks in SIREN."""
    clip_cov_ratio: float = _bounded(COVARIANCE_RATIO, 0, 1)
    """Fraction of the tokens whose gradient Clip-Cov removes (2505.22617)."""
    clip_cov_low: float = _bounded(1.0, 0)
    """Covariance above which Clip-Cov may select a token."""
    clip_cov_high: float = _bounded(5.0, 0)
    """Covariance below which Clip-Cov may select a token."""
    epsilon_low: float = _bounded(0.2, 0)
    """Distance below 1 at which the trainer's loss clips the policy ratio. Clip-Cov selects no clipped token."""
    epsilon_high: float = _bounded(0.2, 0)
    """Distance above 1 at which the trainer's loss clips the policy ratio."""
    kl_cov_ratio: float = _bounded(COVARIANCE_RATIO, 0, 1)
    """Fraction of the tokens that KL-Cov holds to the sampling policy (2505.22617)."""
    kl_cov_coef: float = _bounded(1.0, 0)
    """Weight of |log pi - log pi_old| on those tokens."""

    def __post_init__(self) -> None:
        for name, setting in type(self).__dataclass_fields__.items():
            check_number(getattr(self, name), name, **setting.metadata)
        if self.clip_cov_low >= self.clip_cov_high:
            raise UsageError(
                f"clip_cov_low must be < clip_cov_high (got {self.clip_cov_low:g} and {self.clip_cov_high:g})"
            )


@dataclass(frozen=True, slots=True, eq=False)
class RolloutBatch:
    """Sampled responses: all rows of the groups in the batch, in any order. Arrays are all numpy or all torch."""

    advantages: Any
    """(B,) float."""
    credit_mask: Any
    """(B, T) bool: the tokens that get credit, by `Method.mask`."""
    response_mask: Any
    """(B, T) bool: the tokens that are trained on."""
    groups: Any
    """(B,) keys."""


@dataclass(frozen=True, slots=True, eq=False)
class UpdateBatch:
    """A micro-batch of the loss under the current policy; tensors without gradient."""

    advantages: Any
    """(B, T) float, as `Method.at_rollout` left them."""
    credit_mask: Any
    """(B, T) bool, as in `RolloutBatch`."""
    response_mask: Any
    """(B, T) bool: the tokens that are trained on."""
    entropies: Any
    """(B, T) nats, of the current policy."""
    logps: Any
    """(B, T) log-probabilities of the tokens under the current policy."""
    old_logps: Any
    """(B, T) log-probabilities under the policy that sampled the tokens."""
    is_long: Any
    """(B,) bool: responses longer than the mean of their group."""
    generator: Any = None
    """torch.Generator (or seed) of random draws."""
    gather_entropies: Callable[[Any], Any] | None = None
    """Function from the (n,) token entropies of this process to those of all processes; None for a single process."""


AtRollout = Callable[[RolloutBatch, MethodSettings], Any]
"""Function that returns (B, T) advantages of sampled responses."""
AtUpdate = Callable[[UpdateBatch, MethodSettings], Any]
"""Function that returns (B, T) advantages of one micro-batch."""


@dataclass(frozen=True, slots=True)
class Method:
    """One credit method: a rule from group advantages and a mask to per-token advantages.

    >>> halved = Method("halved", "A / 2 on every token", "example", at_rollout=lambda batch, _: batch.advantages / 2)
    >>> halved.mask, halved.penalty
    ('none', 'none')
    """

    name: str
    summary: str
    """One line for the user who selects a method."""
    source: str
    """The paper, or the method that this one is a control of."""
    mask: Literal["none", "planning", "placebo", "placebo-execution"] = "none"
    """Tokens in `credit_mask` of the batches: none, planning tokens, or a control of these: random grams (sentences, if
    the planning tokens are those of sentences), or random execution tokens."""
    at_rollout: AtRollout | None = None
    """Advantages when rows are sampled; None leaves them unchanged."""
    at_update: AtUpdate | None = None
    """Advantages in each micro-batch of the loss; None leaves them unchanged."""
    penalty: Literal["none", "entropy", "siren", "kl-cov"] = "none"
    """Term that is added to the loss."""
    needs_entropies: bool = False
    """Whether `at_update` or the penalty reads token entropies (SIREN computes its own, of the nucleus)."""
    scale_rewards: Literal["std", "none"] | None = None
    """`scale` of `group_advantages` that the method prescribes; None if it prescribes none."""
    loss: Literal["dr_grpo"] | None = None
    """TRL's name of the loss that the method prescribes; None if it prescribes none."""
