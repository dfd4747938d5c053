"""Table of the credit methods by name, and their lookup.

A method changes the advantages once when rows are sampled (`Method.at_rollout`), or in every micro-batch of the loss if
it depends on the current policy (`Method.at_update`). `Method.penalty` names the term that it adds to the loss.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from sgram.errors import UsageError
from sgram.training.credit.advantages import (
    centered_advantages,
    entropy_advantages,
    gated_advantages,
    hicra_advantages,
    high_entropy_mask,
    mask_advantages,
    matched_advantages,
    symmetric_advantages,
)
from sgram.training.credit.covariance import clip_cov_mask
from sgram.training.credit.method import Method, MethodSettings, RolloutBatch, UpdateBatch


def _hicra(batch: RolloutBatch, settings: MethodSettings) -> Any:
    return hicra_advantages(batch.advantages, _credited_tokens(batch), settings.alpha)


def _symmetric(batch: RolloutBatch, settings: MethodSettings) -> Any:
    return symmetric_advantages(batch.advantages, _credited_tokens(batch), settings.alpha)


def _centered(batch: RolloutBatch, settings: MethodSettings) -> Any:
    return centered_advantages(batch.advantages, batch.credit_mask, batch.groups, batch.response_mask, settings.alpha)


def _matched(batch: RolloutBatch, settings: MethodSettings) -> Any:
    return matched_advantages(batch.advantages, batch.credit_mask, batch.response_mask, settings.alpha)


def _credited_tokens(batch: RolloutBatch) -> Any:
    return batch.credit_mask & batch.response_mask


def _gated(batch: UpdateBatch, settings: MethodSettings) -> Any:
    return gated_advantages(
        batch.advantages,
        batch.credit_mask,
        batch.entropies,
        batch.response_mask,
        batch.is_long,
        settings.alpha,
        settings.gate_quantile,
    )


def _high_entropy(batch: UpdateBatch, settings: MethodSettings) -> Any:
    mask = batch.response_mask
    pooled_entropies = None if batch.gather_entropies is None else batch.gather_entropies(batch.entropies[mask])
    is_high = high_entropy_mask(batch.entropies, mask, settings.high_entropy_share, pooled_entropies)
    return mask_advantages(batch.advantages, is_high | ~mask)


def _entropy_advantage(batch: UpdateBatch, settings: MethodSettings) -> Any:
    return entropy_advantages(
        batch.advantages, batch.entropies, settings.entropy_alpha, settings.entropy_kappa, batch.response_mask
    )


def _clip_cov(batch: UpdateBatch, settings: MethodSettings) -> Any:
    if batch.generator is None:
        raise UsageError("clip-cov draws tokens at random; give the batch a torch.Generator or a seed")
    is_dropped = clip_cov_mask(
        batch.advantages,
        batch.logps,
        batch.old_logps,
        batch.response_mask,
        batch.generator,
        ratio=settings.clip_cov_ratio,
        low=settings.clip_cov_low,
        high=settings.clip_cov_high,
        epsilon_low=settings.epsilon_low,
        epsilon_high=settings.epsilon_high,
    )
    return mask_advantages(batch.advantages, ~is_dropped)


_METHODS = (
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

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _METHODS})
"""Name -> method."""


def find_method(name: object) -> Method:
    """Return the method called `name`. Raise `UsageError` with the nearest names if it is unknown.

    >>> find_method("hicra").summary
    'A + alpha |A| on planning tokens'
    """
    if isinstance(name, str) and name in METHODS:
        return METHODS[name]
    near_names = get_close_matches(str(name).lower(), METHODS, n=3, cutoff=0.5)
    hint = f" (did you mean {' or '.join(near_names)}?)" if near_names else ""
    raise UsageError(f"unknown method {str(name)!r:.80}{hint}; the methods are {', '.join(METHODS)}")
