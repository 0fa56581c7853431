"""A key-value cache that is allocated once: transformers' dynamic cache copies all it holds for every token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class AllocatedLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values, [B, H, T, D] views into buffers with room for `capacity` positions."""

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.capacity = capacity
        self.buffers: list[Tensor] = []

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the new positions, [B, H, Q, D], behind those that are there; return all of them."""
        start, stop = self.get_seq_length(), self.get_seq_length() + key_states.shape[-2]
        if not self.buffers:
            shape = (*key_states.shape[:-2], self.capacity, key_states.shape[-1])
            self.buffers = [key_states.new_empty(shape), value_states.new_empty(shape)]
            self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True
        for buffer, states in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[..., start:stop, :] = states
        return self._show(stop)

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Give every row `repeats` copies, side by side."""
        self._rebuild(torch.arange(self.buffers[0].shape[0], device=self.device).repeat_interleave(repeats))

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows only."""
        self._rebuild(indices)

    def _rebuild(self, rows: Tensor) -> None:
        length = self.get_seq_length()
        for i, buffer in enumerate(self.buffers):
            self.buffers[i] = buffer.new_empty((len(rows), *buffer.shape[1:]))
            self.buffers[i][..., :length, :] = buffer[rows, :, :length]
        self._show(length)

    def _show(self, length: int) -> tuple[Tensor, Tensor]:
        keys, values = (buffer[..., :length, :] for buffer in self.buffers)
        self.keys, self.values = keys, values
        return keys, values


def allocated_cache(num_layers: int, capacity: int) -> DynamicCache:
    """A cache for prompts and continuations of at most `capacity` positions together."""
    cache = DynamicCache()
    cache.layers = [AllocatedLayer(capacity) for _ in range(num_layers)]
    return cache
