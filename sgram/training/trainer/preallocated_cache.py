"""A cache of keys and values in a buffer; transformers' own copies all of them at every token."""

from typing import TYPE_CHECKING, Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class PreallocatedLayer(DynamicLayer):
    """A layer of a `DynamicCache` with room for `capacity` tokens; beyond them it grows to twice its size."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the states of new tokens, (B, H, T, D); return those of all tokens, which are views of the buffer."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        length = self.get_seq_length()
        end = length + key_states.shape[-2]
        if self._buffers is None or end > self._capacity:
            while self._capacity < end:
                self._capacity *= 2
            self._buffers = self._make_buffer(self.keys, key_states), self._make_buffer(self.values, value_states)
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[..., length:end, :] = states
        self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers)
        return self.keys, self.values

    def _make_buffer(self, states: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
        """Return a buffer for states such as `like` that begins with `states`, which may be none."""
        buffer = like.new_empty((*like.shape[:-2], self._capacity, like.shape[-1]))
        if states is not None and states.numel():
            buffer[..., : states.shape[-2], :] = states
        return buffer

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep the rows `indices` of the batch."""
        if self._buffers is None:
            return
        length = self.get_seq_length()
        selected = [buffer[..., :length, :][indices] for buffer in self._buffers]
        keys, values = (self._make_buffer(states, states) for states in selected)
        self._buffers = keys, values
        self.keys, self.values = keys[..., :length, :], values[..., :length, :]


def make_cache(config: "PreTrainedConfig", capacity: int) -> DynamicCache:
    """Return a cache for a model with room for `capacity` tokens in each layer that keeps all of them.

    Layers with a window or a state of another kind are transformers' own.
    """
    cache = DynamicCache(config=config)
    cache.layers = [PreallocatedLayer(capacity) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
