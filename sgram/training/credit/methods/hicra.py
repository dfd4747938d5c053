"""HICRA, its parts, and controls that give credit to the same planning tokens."""

from typing import Any

from sgram.training.credit.advantages import (
    centered_advantages,
    gated_advantages,
    hicra_advantages,
    matched_advantages,
    symmetric_advantages,
)
from sgram.training.credit.method import CreditBatch, Method, MethodSettings
from sgram.training.credit.outcomes import correct_advantages, push_advantages, scale_advantages


def credited_tokens(batch: CreditBatch) -> Any:
    """Return the (B, T) tokens with credit inside the response."""
    return batch.credit_mask & batch.response_mask


def hicra_rule(batch: CreditBatch, settings: MethodSettings) -> Any:
    """Return A + alpha |A| on the tokens with credit."""
    return hicra_advantages(batch.advantages, credited_tokens(batch), settings.alpha)


def scale_rule(batch: CreditBatch, settings: MethodSettings) -> Any:
    """Return (1 + alpha (1 - 2p)) A on the tokens with credit, p the share of the greater reward in the group."""
    return scale_advantages(
        batch.advantages, batch.credit_mask, batch.groups, batch.response_mask, settings.alpha, batch.rewards
    )


def _push(batch: CreditBatch, settings: MethodSettings) -> Any:
    return push_advantages(
        batch.advantages, batch.credit_mask, batch.groups, batch.response_mask, settings.alpha, batch.rewards
    )


def _correct(batch: CreditBatch, settings: MethodSettings) -> Any:
    return correct_advantages(batch.advantages, credited_tokens(batch), settings.alpha)


def symmetric_rule(batch: CreditBatch, settings: MethodSettings) -> Any:
    """Return (1 + alpha) A on the tokens with credit."""
    return symmetric_advantages(batch.advantages, credited_tokens(batch), settings.alpha)


def _centered(batch: CreditBatch, settings: MethodSettings) -> Any:
    return centered_advantages(batch.advantages, batch.credit_mask, batch.groups, batch.response_mask, settings.alpha)


def _matched(batch: CreditBatch, settings: MethodSettings) -> Any:
    return matched_advantages(batch.advantages, batch.credit_mask, batch.response_mask, settings.alpha)


def _gated(batch: CreditBatch, settings: MethodSettings) -> Any:
    return gated_advantages(
        batch.advantages,
        batch.credit_mask,
        batch.entropies,
        batch.response_mask,
        batch.is_long,
        settings.alpha,
        settings.gate_quantile,
    )


HICRA = Method("hicra", "A + alpha |A| on planning tokens", "2509.03646 §3", "planning", hicra_rule)
SCALE = Method(
    "hicra-scale",
    "(1 + alpha (1 - 2p)) A on planning tokens: HICRA without its push",
    "part of hicra",
    "planning",
    scale_rule,
)
PUSH = Method(
    "hicra-push",
    "A + alpha mean|A| of the group on planning tokens: HICRA's push alone",
    "part of hicra",
    "planning",
    _push,
)
CORRECT = Method(
    "hicra-correct", "HICRA's bonus in correct responses alone (A > 0)", "control of hicra", "planning", _correct
)
SYMMETRIC = Method(
    "hicra-symmetric",
    "(1 + alpha) A on planning tokens: penalties grow, too",
    "control of hicra",
    "planning",
    symmetric_rule,
)
CENTERED = Method(
    "hicra-centered", "HICRA less the mean push on a group's planning tokens", "control of hicra", "planning", _centered
)
GATED = Method(
    "hicra-gated",
    "HICRA on correct, long responses, with tokens of high entropy",
    "huggingface/trl#4997",
    "planning",
    at_update=_gated,
    needs=("entropies",),
)
MATCHED = Method(
    "grpo-matched", "GRPO with its advantages scaled to the norm of HICRA's", "control of hicra", "planning", _matched
)
