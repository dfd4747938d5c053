"""Every way to give credit that can be trained with, by name. Knows nothing about models, trainers or lexicons.

A method says what becomes of the advantages: once when rows are sampled (`at_rollout`), and in every micro-batch of
the loss where that depends on the current policy (`at_update`). What it adds to the loss is named by `penalty`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal

from sgram.errors import UsageError
from sgram.training.credit import advantages as shape
from sgram.training.credit.array_backend import number_in
from sgram.training.credit.covariance import RATIO, clip_cov_mask


def _knob(default: float, low: float, high: float = float("inf"), *, above: bool = False) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "above": above})


@dataclass(frozen=True, slots=True)
class MethodSettings:
    """The knobs of all methods; each reads its own. Defaults are the papers' where they print one."""

    alpha: float = _knob(0.2, 0)
    """How much planning tokens are amplified (HICRA §3)."""
    high_entropy_share: float = _knob(0.2, 0, 1, above=True)
    """Part of the tokens that `high-entropy` trains on (2506.01939)."""
    gate_quantile: float = _knob(0.7, 0, 1)
    """Quantile of its response's entropies above which `hicra-gated` amplifies a token."""
    entropy_alpha: float = _knob(0.4, 0)
    """Weight of the entropy in `entropy-advantage` (2506.14758)."""
    entropy_kappa: float = _knob(2.0, 1)
    """What |A| is divided by to bound the bonus of `entropy-advantage`."""
    entropy_coef: float = _knob(0.001, 0)
    """Weight of the uniform entropy bonus in the loss."""
    siren_coef: float = _knob(0.005, 0)
    """Weight of SIREN's squared distance to the anchor (2509.25133)."""
    siren_top_p: float = _knob(0.8, 0, 1, above=True)
    """Probability that the nucleus of SIREN holds."""
    siren_peak_share: float = _knob(0.2, 0, 1, above=True)
    """Part of a response's tokens that are its peaks in SIREN."""
    clip_cov_ratio: float = _knob(RATIO, 0, 1)
    """Part of the tokens whose gradient Clip-Cov takes away (2505.22617)."""
    clip_cov_low: float = _knob(1.0, 0)
    """Covariance above which Clip-Cov may choose a token."""
    clip_cov_high: float = _knob(5.0, 0)
    """Covariance below which Clip-Cov may choose a token."""
    epsilon_low: float = _knob(0.2, 0)
    """How far below 1 the trainer's loss clips the ratio of policies: Clip-Cov leaves clipped tokens alone."""
    epsilon_high: float = _knob(0.2, 0)
    """The same above 1."""
    kl_cov_ratio: float = _knob(RATIO, 0, 1)
    """Part of the tokens that KL-Cov holds to the sampling policy (2505.22617)."""
    kl_cov_coef: float = _knob(1.0, 0)
    """Weight of |log pi / pi_old| on those tokens."""

    def __post_init__(self):
        for name, knob in type(self).__dataclass_fields__.items():
            number_in(getattr(self, name), name, **knob.metadata)
        if self.clip_cov_low >= self.clip_cov_high:
            raise UsageError(
                f"clip_cov_low is {self.clip_cov_low:g} and clip_cov_high {self.clip_cov_high:g}; "
                "no covariance is between them"
            )


@dataclass(frozen=True, slots=True, eq=False)
class RolloutBatch:
    """What was sampled: all rows of the groups it holds, in any order."""

    advantages: Any
    """(B,) float."""
    planning: Any
    """(B, T) bool: the tokens that get credit, by the method's kind of mask."""
    mask: Any
    """(B, T) bool: the tokens trained on."""
    groups: Any
    """(B,) keys."""


@dataclass(frozen=True, slots=True, eq=False)
class UpdateBatch:
    """A micro-batch of the loss under the current policy; tensors without gradient."""

    advantages: Any
    """(B, T) float, as `at_rollout` left them."""
    planning: Any
    """(B, T) bool, as in `RolloutBatch`."""
    mask: Any
    """(B, T) bool: the tokens trained on."""
    entropies: Any
    """(B, T) nats, of the current policy."""
    logps: Any
    """(B, T) log-probabilities of the tokens under the current policy."""
    old_logps: Any
    """(B, T) under the policy that sampled them."""
    long: Any
    """(B,) bool: longer than the mean of the group."""
    generator: Any = None
    """torch.Generator (or seed) of what is drawn at random."""
    gather: Callable[[Any], Any] | None = None
    """Given the entropies of this process's tokens, (n,), those of all processes; None where there is one."""


AtRollout = Callable[[RolloutBatch, MethodSettings], Any]
AtUpdate = Callable[[UpdateBatch, MethodSettings], Any]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to give credit."""

    name: str
    summary: str
    """One line for people who choose."""
    source: str
    """The paper, or what the method controls for."""
    mask: Literal["none", "planning", "placebo", "placebo-execution"] = "none"
    """What `planning` of the batches marks: nothing, planning tokens, random grams, or random grams of execution."""
    at_rollout: AtRollout | None = None
    """(B, T) advantages of what was sampled; None: they stay as they are."""
    at_update: AtUpdate | None = None
    """(B, T) advantages for one micro-batch; None: they stay as they are."""
    penalty: Literal["none", "entropy", "siren", "kl-cov"] = "none"
    """What is added to the loss."""
    needs_entropies: bool = False
    """Whether `at_update` or the penalty reads token entropies (SIREN's are its own, of the nucleus)."""
    scale_rewards: Literal["std", "none"] | None = None
    """The scale of `group_advantages` that the method prescribes, if it does."""
    loss: Literal["dr_grpo"] | None = None
    """TRL's name of the loss that the method prescribes, if it does."""


def _hicra(batch: RolloutBatch, settings: MethodSettings) -> Any:
    return shape.hicra_advantages(batch.advantages, _credited(batch), settings.alpha)


def _symmetric(batch: RolloutBatch, settings: MethodSettings) -> Any:
    return shape.symmetric_advantages(batch.advantages, _credited(batch), settings.alpha)


def _centered(batch: RolloutBatch, settings: MethodSettings) -> Any:
    return shape.centered_advantages(batch.advantages, batch.planning, batch.groups, batch.mask, settings.alpha)


def _matched(batch: RolloutBatch, settings: MethodSettings) -> Any:
    return shape.matched_advantages(batch.advantages, batch.planning, batch.mask, settings.alpha)


def _credited(batch: RolloutBatch) -> Any:
    return batch.planning & batch.mask


def _gated(batch: UpdateBatch, settings: MethodSettings) -> Any:
    return shape.gated_advantages(
        batch.advantages,
        batch.planning,
        batch.entropies,
        batch.mask,
        batch.long,
        settings.alpha,
        settings.gate_quantile,
    )


def _high_entropy(batch: UpdateBatch, settings: MethodSettings) -> Any:
    pooled = None if batch.gather is None else batch.gather(batch.entropies[batch.mask])
    kept = shape.high_entropy_mask(batch.entropies, batch.mask, settings.high_entropy_share, pooled)
    return shape.only_on(batch.advantages, kept | ~batch.mask)


def _entropy_advantage(batch: UpdateBatch, settings: MethodSettings) -> Any:
    return shape.entropy_advantages(
        batch.advantages, batch.entropies, settings.entropy_alpha, settings.entropy_kappa, batch.mask
    )


def _clip_cov(batch: UpdateBatch, settings: MethodSettings) -> Any:
    if batch.generator is None:
        raise UsageError("clip-cov draws tokens at random: give the batch a torch.Generator or a seed")
    dropped = clip_cov_mask(
        batch.advantages,
        batch.logps,
        batch.old_logps,
        batch.mask,
        batch.generator,
        ratio=settings.clip_cov_ratio,
        low=settings.clip_cov_low,
        high=settings.clip_cov_high,
        epsilon_low=settings.epsilon_low,
        epsilon_high=settings.epsilon_high,
    )
    return shape.only_on(batch.advantages, ~dropped)


_ALL = (
    Method("grpo", "group-relative advantages, the same for every token", "2402.03300"),
    Method(
        "dr-grpo",
        "GRPO without division by the group's deviation or the response's length",
        "2503.20783",
        scale_rewards="none",
        loss="dr_grpo",
    ),
    Method("hicra", "A + alpha |A| on planning tokens", "2509.03646 §3", "planning", _hicra),
    Method(
        "hicra-symmetric",
        "(1 + alpha) A on planning tokens: penalties grow, too",
        "control of hicra",
        "planning",
        _symmetric,
    ),
    Method(
        "hicra-centered",
        "HICRA less the mean push on a group's planning tokens",
        "control of hicra",
        "planning",
        _centered,
    ),
    Method(
        "hicra-gated",
        "HICRA on correct, long responses, with tokens of high entropy",
        "huggingface/trl#4997",
        "planning",
        at_update=_gated,
        needs_entropies=True,
    ),
    Method("placebo", "HICRA on random grams of equal token share", "control of hicra", "placebo", _hicra),
    Method(
        "placebo-execution",
        "HICRA on random grams drawn from execution tokens",
        "control of hicra",
        "placebo-execution",
        _hicra,
    ),
    Method(
        "grpo-matched",
        "GRPO with its advantages scaled to the norm of HICRA's",
        "control of hicra",
        "planning",
        _matched,
    ),
    Method(
        "high-entropy",
        "GRPO on the tokens of highest entropy in the batch alone",
        "2506.01939",
        at_update=_high_entropy,
        needs_entropies=True,
    ),
    Method(
        "entropy-advantage",
        "A + min(alpha H, |A| / kappa) on every token",
        "2506.14758",
        at_update=_entropy_advantage,
        needs_entropies=True,
    ),
    Method(
        "clip-cov", "GRPO without gradient on a few random tokens of high covariance", "2505.22617", at_update=_clip_cov
    ),
    Method(
        "kl-cov",
        "GRPO that holds the tokens of highest covariance to the sampling policy",
        "2505.22617",
        penalty="kl-cov",
    ),
    Method(
        "entropy",
        "GRPO with a bonus for the entropy of every token",
        "2509.03646 §4.2.2",
        penalty="entropy",
        needs_entropies=True,
    ),
    Method("siren", "GRPO with the peaks of nucleus entropy held to their start", "2509.25133", penalty="siren"),
)

METHODS: Mapping[str, Method] = MappingProxyType({each.name: each for each in _ALL})
"""Name -> method."""


def method(name: str) -> Method:
    """The method of that name; `UsageError` with the nearest names where there is none."""
    if isinstance(name, str) and name in METHODS:
        return METHODS[name]
    near = get_close_matches(str(name).lower(), METHODS, n=3, cutoff=0.5)
    meant = f" (did you mean {' or '.join(near)}?)" if near else ""
    raise UsageError(f"there is no method {str(name)!r:.80}{meant}; the methods are {', '.join(METHODS)}")
