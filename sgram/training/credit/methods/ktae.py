"""KTAE: credit for the tokens that tell correct responses from wrong ones."""

from typing import Any

from sgram.training.credit.key_tokens import ktae_advantages
from sgram.training.credit.method import CreditBatch, Method, MethodSettings


def _ktae(batch: CreditBatch, settings: MethodSettings) -> Any:
    return ktae_advantages(
        batch.advantages, batch.token_ids, batch.response_mask, batch.groups, batch.rewards, settings.ktae_weight
    )


KTAE = Method(
    "ktae",
    "A + what a token tells of the outcome in its group, on every token",
    "2505.16826",
    at_rollout=_ktae,
    needs=("token_ids", "rewards"),
)
