"""Nucleus entropy of the current policy inside TRL's forward pass, for SIREN's loss term.

TRL never builds the logits. A hook reads the last hidden states of the backbone while it runs and projects them again,
a few tokens at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from sgram.errors import UsageError
from sgram.training.credit.nucleus import nucleus_entropy_of_hidden

_SCALES = ("logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")
CHUNK_TOKENS = 1024


@dataclass(slots=True)
class NucleusProbe:
    """A recorder of the nucleus entropy of every response position of a forward pass."""

    top_p: float
    temperature: float
    chunk_tokens: int = CHUNK_TOKENS
    _entropies: list[torch.Tensor] = field(default_factory=list)

    @contextmanager
    def recording(self, model: torch.nn.Module, mask: torch.Tensor) -> Iterator[None]:
        """Record each forward pass of `model` (unwrapped) inside the block, at the positions of `mask`, (B, T).

        T are the last positions of a pass. Several passes are consecutive rows of the mask.
        """
        causal = causal_model(model)
        head = causal.get_output_embeddings()

        def record(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
            hidden = output.last_hidden_state[:, -mask.shape[1] - 1 : -1]
            first = sum(map(len, self._entropies))
            pass_mask = mask[first : first + len(hidden)]
            entropies = nucleus_entropy_of_hidden(
                hidden[pass_mask],
                head.weight,
                getattr(head, "bias", None),
                temperature=self.temperature,
                top_p=self.top_p,
                chunk_tokens=self.chunk_tokens,
            )
            zeros = entropies.new_zeros(pass_mask.shape)
            self._entropies.append(zeros.masked_scatter(pass_mask, entropies))

        self._entropies.clear()
        handle = causal.base_model.register_forward_hook(record)
        try:
            yield
        finally:
            handle.remove()

    def take(self) -> torch.Tensor:
        """Return the recorded entropies, (B, T), nats, 0 outside the mask, and forget them."""
        entropies = torch.cat(self._entropies)
        self._entropies.clear()
        return entropies


def causal_model(model: Any) -> Any:
    """Return the model with the language-model head, without the wrapper of an adapter."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def check_siren(model: Any, is_sharded: bool) -> None:
    """Raise `UsageError` if the logits of `model` cannot be computed from its hidden states alone."""
    if is_sharded:
        raise UsageError(
            "method siren projects hidden states outside the forward pass, which FSDP and DeepSpeed ZeRO-3 do not "
            "allow: train without sharding, or choose method entropy"
        )
    config = causal_model(model).config.get_text_config()
    scaling_settings = [name for name in _SCALES if getattr(config, name, None) not in (None, 1, 1.0)]
    if getattr(config, "final_logit_softcapping", None):
        scaling_settings.append("final_logit_softcapping")
    if scaling_settings:
        raise UsageError(
            f"method siren does not support scaled or capped logits ({', '.join(scaling_settings)} of this model): "
            "choose another model, or method entropy"
        )
