"""Clip-Cov and KL-Cov: methods that act on the tokens that lower the policy's entropy most."""

from typing import Any

from sgram.errors import UsageError
from sgram.training.credit.advantages import mask_advantages
from sgram.training.credit.covariance import clip_cov_mask, kl_cov_penalty
from sgram.training.credit.method import CreditBatch, Method, MethodSettings


def _clip_cov(batch: CreditBatch, settings: MethodSettings) -> Any:
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


CLIP_COV = Method(
    "clip-cov",
    "GRPO without gradient on a few random tokens of high covariance",
    "2505.22617",
    at_update=_clip_cov,
    needs=("logps", "old_logps"),
)
KL_COV = Method(
    "kl-cov",
    "GRPO that holds the tokens of highest covariance to the sampling policy",
    "2505.22617",
    penalty=kl_cov_penalty,
    needs=("logps", "old_logps"),
)
