"""Reduction of a per-token loss term to a scalar, the way TRL reduces its own loss."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

LOSS_TYPES = ("grpo", "bnpo", "dr_grpo", "dapo", "luspo", "cispo", "sapo", "vespo")
"""TRL's `loss_type` values whose gradients with advantages per token are tested against losses written by hand."""
PER_TOKEN_LOSSES = ("grpo", "bnpo", "dr_grpo", "dapo")
"""TRL's `loss_type` values that sum a loss per token, which a penalty per token can be added to."""


@dataclass(frozen=True, slots=True)
class LossReduction:
    """How TRL reduces per-token losses at one micro-batch."""

    loss_type: str
    """One of `PER_TOKEN_LOSSES`."""
    accumulation_steps: int
    """Micro-batches of the current update."""
    max_completion_length: int
    """Longest response in tokens; for `dr_grpo`."""
    steps_per_generation: int
    """Micro-batches of one generation; for `dapo`."""
    n_processes: int

    def __call__(
        self, token_terms: "torch.Tensor", response_mask: "torch.Tensor", n_generation_tokens: "torch.Tensor"
    ) -> "torch.Tensor":
        """Return the scalar of `token_terms`, (B, T), over the tokens of `response_mask`, (B, T) bool.

        `n_generation_tokens` is the number of response tokens of the whole generation over all processes, TRL's
        `num_items_in_batch`; only `dapo` reads it.
        """
        masked_terms = token_terms * response_mask
        total = masked_terms.sum()
        if self.loss_type == "grpo":
            return (masked_terms.sum(1) / response_mask.sum(1).clamp(min=1)).mean() / self.accumulation_steps
        if self.loss_type == "bnpo":
            return total / response_mask.sum().clamp(min=1) / self.accumulation_steps
        if self.loss_type == "dr_grpo":
            return total / (len(masked_terms) * self.max_completion_length) / self.accumulation_steps
        tokens = n_generation_tokens.clamp(min=1.0) / self.n_processes  # dapo
        return total / (tokens * self.accumulation_steps / self.steps_per_generation)
