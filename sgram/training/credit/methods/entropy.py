"""Methods that read the entropies of the current policy, or keep them from falling."""

from typing import Any

from sgram.training.credit.advantages import entropy_advantages, high_entropy_mask, mask_advantages
from sgram.training.credit.method import CreditBatch, Method, MethodSettings


def _high_entropy(batch: CreditBatch, settings: MethodSettings) -> Any:
    mask = batch.response_mask
    pooled_entropies = None if batch.gather_entropies is None else batch.gather_entropies(batch.entropies[mask])
    is_high = high_entropy_mask(batch.entropies, mask, settings.high_entropy_share, pooled_entropies)
    return mask_advantages(batch.advantages, is_high | ~mask)


def _entropy_advantage(batch: CreditBatch, settings: MethodSettings) -> Any:
    return entropy_advantages(
        batch.advantages, batch.entropies, settings.entropy_alpha, settings.entropy_kappa, batch.response_mask
    )


HIGH_ENTROPY = Method(
    "high-entropy",
    "GRPO on the tokens of highest entropy in the batch alone",
    "2506.01939",
    at_update=_high_entropy,
    needs=("entropies",),
)
ENTROPY_ADVANTAGE = Method(
    "entropy-advantage",
    "A + min(alpha H, |A| / kappa) on every token",
    "2506.14758",
    at_update=_entropy_advantage,
    needs=("entropies",),
)
ENTROPY = Method("entropy", "GRPO with a bonus for the entropy of every token", "2509.03646 §4.2.2", penalty="entropy")
SIREN = Method("siren", "GRPO with the peaks of nucleus entropy held to their start", "2509.25133", penalty="siren")
