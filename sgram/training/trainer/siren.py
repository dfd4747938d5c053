"""SIREN's term beside TRL's loss: nucleus entropy of the current policy. Knows nothing about advantages.

TRL never builds the logits, so the last hidden states are read off the backbone while it runs and projected again,
a few tokens at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from sgram.errors import UsageError
from sgram.training.credit.regularizers import nucleus_entropy_of_hidden

_SCALES = ("logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")
CHUNK_TOKENS = 1024


@dataclass(slots=True)
class NucleusProbe:
    """Reads the nucleus entropy of every response position of a forward pass."""

    top_p: float
    temperature: float
    chunk_tokens: int = CHUNK_TOKENS
    _found: list[torch.Tensor] = field(default_factory=list)

    @contextmanager
    def reading(self, model: torch.nn.Module, mask: torch.Tensor) -> Iterator[None]:
        """While the block runs, each forward pass of `model` (unwrapped) is read where `mask`, (B, T), is true.

        T are the last positions of a pass; several passes are the rows of the mask one after the other.
        """
        causal = causal_model(model)
        head = causal.get_output_embeddings()

        def read(_module, _given, output) -> None:
            hidden = output.last_hidden_state[:, -mask.shape[1] - 1 : -1]
            first = sum(map(len, self._found))
            asked = mask[first : first + len(hidden)]
            values = nucleus_entropy_of_hidden(
                hidden[asked],
                head.weight,
                getattr(head, "bias", None),
                temperature=self.temperature,
                top_p=self.top_p,
                chunk_tokens=self.chunk_tokens,
            )
            empty = values.new_zeros(asked.shape)
            self._found.append(empty.masked_scatter(asked, values))

        self._found.clear()
        handle = causal.base_model.register_forward_hook(read)
        try:
            yield
        finally:
            handle.remove()

    def take(self) -> torch.Tensor:
        """The entropies that were read, (B, T), nats, 0 where none was; they are handed out once."""
        found = torch.cat(self._found)
        self._found.clear()
        return found


def causal_model(model: torch.nn.Module) -> torch.nn.Module:
    """The model with the head, below an adapter's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def check_siren(model: torch.nn.Module, sharded: bool) -> None:
    """`UsageError` for models whose hidden states alone do not tell the logits."""
    if sharded:
        raise UsageError(
            "method siren projects hidden states outside the forward pass, which FSDP and DeepSpeed ZeRO-3 do not "
            "allow: train without sharding, or choose method entropy"
        )
    config = causal_model(model).config.get_text_config()
    changed = [name for name in _SCALES if getattr(config, name, None) not in (None, 1, 1.0)]
    if getattr(config, "final_logit_softcapping", None):
        changed.append("final_logit_softcapping")
    if changed:
        raise UsageError(
            f"method siren does not know logits that are scaled or capped ({', '.join(changed)} of this model): "
            "choose another model, or method entropy"
        )
