"""Types of a credit method: its settings, the batch that it reads, and `Method` itself."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from sgram.errors import UsageError
from sgram.files import excerpt
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
    ktae_weight: float = _bounded(1.0, 0)
    """Largest value that KTAE adds to a token's advantage (2505.16826)."""

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], where: str) -> "MethodSettings":
        """Return these settings. Raise `UsageError` if one is unknown or out of its bounds; it begins with `where`."""
        unknown = [name for name in settings if name not in cls.__dataclass_fields__]
        if unknown:
            names = ", ".join(cls.__dataclass_fields__)
            raise UsageError(f"{where}: unknown option {excerpt(str(unknown[0]))!r}; the options are {names}")
        return cls(**settings)

    def __post_init__(self) -> None:
        for name, setting in type(self).__dataclass_fields__.items():
            check_number(getattr(self, name), name, **setting.metadata)
        if self.clip_cov_low >= self.clip_cov_high:
            raise UsageError(
                f"clip_cov_low must be < clip_cov_high (got {self.clip_cov_low:g} and {self.clip_cov_high:g})"
            )


@dataclass(frozen=True, slots=True, eq=False)
class CreditBatch:
    """What the functions of a method read: arrays of B responses and T tokens, all numpy or all torch.

    When rows are sampled, these are all rows of their groups, in any order. In the loss, they are a micro-batch, which
    may hold a part of a group. A field that nobody knows is None.
    """

    advantages: Any
    """(B,) float, or (B, T): the group's when rows are sampled; in the loss, what `Method.at_rollout` made of them."""
    credit_mask: Any
    """(B, T) bool: the tokens that get credit, by `Method.mask`."""
    response_mask: Any
    """(B, T) bool: the tokens that are trained on."""
    groups: Any = None
    """(B,) keys: rows with equal keys answer the same prompt."""
    token_ids: Any = None
    """(B, T) integers, as sampled."""
    rewards: Any = None
    """(B,) float; NaN for a response that could not be judged."""
    entropies: Any = None
    """(B, T) nats, without gradient: of the current policy in the loss. `HICRATrainer` does not know them before."""
    logps: Any = None
    """(B, T) log-probabilities of the tokens under the current policy; with gradient only for `Method.penalty`."""
    old_logps: Any = None
    """(B, T) log-probabilities under the policy that sampled the tokens."""
    is_long: Any = None
    """(B,) bool: responses longer than the mean of their group."""
    generator: Any = None
    """torch.Generator (or seed) of random draws."""
    gather_entropies: Callable[[Any], Any] | None = None
    """Function from the (n,) token entropies of this process to those of all processes; None for a single process."""


SAMPLED_FIELDS = ("token_ids", "rewards")
"""Fields of `CreditBatch` that `Method.needs` may name and that a trainer knows when rows are sampled."""
LOSS_FIELDS = ("entropies", "logps", "old_logps")
"""Fields of `CreditBatch` that `Method.needs` may name and that are known in the loss."""

TokenRule: TypeAlias = Callable[[CreditBatch, MethodSettings], Any]
"""Function that returns (B, T) numbers of a batch; (B,) numbers hold for every token of their row."""
MaskName = Literal["none", "planning", "placebo", "placebo-execution"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _is_rule(rule: Any) -> bool:
    return rule is None or callable(rule)


@dataclass(frozen=True, slots=True)
class Method:
    """One credit method: a rule from group advantages and a mask to per-token advantages.

    Raise `UsageError` if a field is invalid. A name has letters, digits, ".", "-" and "_".

    >>> halved = Method("halved", "A / 2 on every token", "example", at_rollout=lambda batch, _: batch.advantages / 2)
    >>> halved.mask, halved.penalty
    ('none', 'none')
    """

    name: str
    summary: str
    """One line for the user who selects a method."""
    source: str
    """The paper, or the method that this one is a control of."""
    mask: MaskName = "none"
    """Tokens in `CreditBatch.credit_mask`: none, planning tokens, or a control of these: random grams (sentences, if
    the planning tokens are those of sentences), or random execution tokens."""
    at_rollout: TokenRule | None = None
    """Advantages when rows are sampled; None leaves them unchanged."""
    at_update: TokenRule | None = None
    """Advantages in each micro-batch of the loss; None leaves them unchanged."""
    penalty: TokenRule | Literal["none", "entropy", "siren"] = "none"
    """Term that is added to the loss: a function of per-token terms, whose gradient flows through `CreditBatch.logps`
    and which the trainer reduces like its own per-token losses; or the name of a term that the trainer has itself."""
    needs: tuple[str, ...] = ()
    """Fields of `CreditBatch` without which the functions cannot work, beside advantages, masks and groups: of
    `SAMPLED_FIELDS` and `LOSS_FIELDS`."""
    scale_rewards: Literal["std", "none"] | None = None
    """`scale` of `group_advantages` that the method prescribes; None if it prescribes none."""
    loss: Literal["dr_grpo"] | None = None
    """TRL's name of the loss that the method prescribes; None if it prescribes none."""

    def __post_init__(self) -> None:
        name: Any = self.name
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UsageError(f"the name of a method has letters, digits, '.', '-' and '_' (got {name!r:.80})")
        needs: Any = self.needs
        has_penalty = callable(self.penalty) or self.penalty in ("none", "entropy", "siren")
        known = (*SAMPLED_FIELDS, *LOSS_FIELDS)
        for setting, is_valid, expected in (
            ("mask", self.mask in get_args(MaskName), f"one of {', '.join(get_args(MaskName))}"),
            ("at_rollout", _is_rule(self.at_rollout), "a function of a batch and settings"),
            ("at_update", _is_rule(self.at_update), "a function of a batch and settings"),
            ("penalty", has_penalty, "a function of a batch and settings, none, entropy or siren"),
            ("needs", isinstance(needs, tuple) and set(needs) <= set(known), f"a tuple of {', '.join(known)}"),
        ):
            if not is_valid:
                raise UsageError(f"method {name}: {setting} must be {expected} (got {getattr(self, setting)!r:.80})")

    @property
    def acts_in_loss(self) -> bool:
        """Whether a part of the method is computed in the loss, under the current policy."""
        return self.at_update is not None or self.penalty != "none"

    def sampled_part(self) -> "Method":
        """Return the method without what acts in the loss, for a trainer that computes that part later.

        >>> late = Method("late", "halves in the loss", "", at_update=lambda batch, _: batch.advantages / 2)
        >>> late.acts_in_loss, late.sampled_part().acts_in_loss
        (True, False)
        """
        needs = tuple(name for name in self.needs if name in SAMPLED_FIELDS) if self.at_rollout else ()
        return replace(self, at_update=None, penalty="none", needs=needs, scale_rewards=None, loss=None)
