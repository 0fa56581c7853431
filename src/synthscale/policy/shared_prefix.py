"""Keys and values of prompts, shared by all rows that go on from them, and attention over both.

A *source* is a sequence that was read once; a *row* goes on from the first tokens of one source. Its query attends to
those and to the row's own tokens, in one softmax over both. Rows are dealt to their sources, so that a source's keys
are multiplied by the queries of all its rows at once.

This goes into any model of transformers that leaves attention to the `AttentionInterface` and keeps keys and values in
a `Cache`: the attention function is registered once, under a name for which transformers makes no mask, and gets the
cache as a keyword argument of the forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, Cache

SHARED_PREFIX = "synthscale_shared_prefix"
PREFILL_TOKENS = 16_384  # read in one forward pass: bounds the memory of the activations
GROWTH_TOKENS = 16  # room for a row's own tokens comes in multiples of this
MIN_TOKENS = 32  # under which many small products are slower than larger ones half of which is for nothing


class NotSharedError(ValueError):
    """The model's attention is not plain causal attention."""


@dataclass(slots=True)
class Rows:
    """Which source each row goes on from, and how many of its tokens the row sees."""

    source_R: Tensor
    length_R: Tensor
    rank_R: Tensor  # the row's place among the rows of its source, from 0
    num_ranks: int  # of the source with the most rows
    bias_R11T: Tensor | None = None  # 0 where the row sees the source, else minus infinity; None if all see all of it
    _indices: dict[tuple[int, int, int], tuple[Tensor, Tensor]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.source_R)

    def indices(self, num_sources: int, num_key_heads: int, num_groups: int) -> tuple[Tensor, Tensor]:
        """Two flat indices: of rows by source, from [R, Hkv, G] to [S, Hkv, K, G], and the way back."""
        key = (num_sources, num_key_heads, num_groups)
        if key not in self._indices:
            device, num_heads = self.source_R.device, num_key_heads * num_groups
            head_HG = torch.arange(num_heads, device=device).view(num_key_heads, num_groups)
            row_SK = torch.zeros((num_sources, self.num_ranks), dtype=torch.long, device=device)
            row_SK[self.source_R, self.rank_R] = torch.arange(len(self), device=device)
            to_sources = row_SK[:, None, :, None] * num_heads + head_HG[:, None, :]
            key_head = torch.arange(num_key_heads, device=device)[:, None]
            place = (self.source_R[:, None, None] * num_key_heads + key_head) * self.num_ranks
            to_rows = (place + self.rank_R[:, None, None]) * num_groups + torch.arange(num_groups, device=device)
            self._indices[key] = (to_sources.flatten(), to_rows.flatten())
        return self._indices[key]


@dataclass(slots=True)
class LayerStates:
    """One layer's keys and values."""

    prefix_keys: Tensor  # [S, Hkv, T, D]
    prefix_values: Tensor
    own_keys: Tensor  # [R, Hkv, C, D]
    own_values: Tensor


class SharedPrefixCache(Cache):
    """Keys and values of sources and of rows, written in place.

    The rows' own buffers have room for little more than what is in them, and grow by a quarter: a CPU reads memory that
    lies close together several times as fast as pieces of it.
    """

    def __init__(self, num_sources: int, num_prefix: int) -> None:
        super().__init__(layers=[])
        self.num_sources, self.num_prefix = num_sources, num_prefix
        self.max_rows = 0  # that there may be from here on
        self.states: list[LayerStates] = []
        self.rows: Rows | None = None  # None while sources are read
        self.reading = slice(0, 0)  # the sources that are being read
        self.column = 0  # of the rows' own tokens, that is being written
        self.layer = 0  # that was updated last, whose attention comes next

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the states of the sources that are being read, [s, Hkv, T, D], or of a token of each row."""
        while layer_idx >= len(self.states):
            self.states.append(self._allocated(key_states, value_states))
        self.layer, states = layer_idx, self.states[layer_idx]
        if self.rows is None:
            states.prefix_keys[self.reading, :, : key_states.shape[2]] = key_states
            states.prefix_values[self.reading, :, : value_states.shape[2]] = value_states
        else:
            self._make_room(states)
            states.own_keys[: len(self.rows), :, self.column] = key_states[:, :, 0]
            states.own_values[: len(self.rows), :, self.column] = value_states[:, :, 0]
        return key_states, value_states

    def get_seq_length(self, layer_idx: int = 0, *args: Any) -> int:
        """How many tokens a row has at most; positions are always given to the model."""
        return 0 if self.rows is None else self.num_prefix + self.column

    def copy_rows(self, from_rows: Tensor, to_rows: Tensor) -> None:
        """Give rows what others have written so far, all at once."""
        for states in self.states:
            for own in (states.own_keys, states.own_values):
                own.index_copy_(0, to_rows, own.index_select(0, from_rows))  # twice as fast as by brackets

    def keep_sources(self, sources: Tensor) -> None:
        """Forget the other sources; the indices of rows count these from here on."""
        self.num_sources = len(sources)
        for states in self.states:
            states.prefix_keys, states.prefix_values = states.prefix_keys[sources], states.prefix_values[sources]

    def _allocated(self, keys: Tensor, values: Tensor) -> LayerStates:
        num_heads = keys.shape[1]
        prefixes = [x.new_zeros((self.num_sources, num_heads, self.num_prefix, x.shape[-1])) for x in (keys, values)]
        return LayerStates(*prefixes, *(x.new_empty((0, num_heads, 0, x.shape[-1])) for x in (keys, values)))

    def _make_room(self, states: LayerStates) -> None:
        capacity = states.own_keys.shape[2]
        if self.column < capacity:
            return
        more = max(GROWTH_TOKENS, capacity // 4 // GROWTH_TOKENS * GROWTH_TOKENS)
        states.own_keys = self._larger(states.own_keys, max(MIN_TOKENS, capacity + more))
        states.own_values = self._larger(states.own_values, max(MIN_TOKENS, capacity + more))

    def _larger(self, own: Tensor, capacity: int) -> Tensor:
        assert self.rows is not None
        num_rows, old = len(self.rows), own.shape[2]
        larger = own.new_empty((self.max_rows, own.shape[1], capacity, own.shape[3]))
        if old:
            larger[:num_rows, :, :old] = own[:num_rows]
        larger[:num_rows, :, old:] = 0  # what is masked is multiplied by 0 and must be finite
        return larger

    def attend(self, query_RH1D: Tensor, scaling: float) -> Tensor:
        """The attention of a token of each row over its prefix and its own tokens, itself included, [R, 1, H, D]."""
        assert self.rows is not None
        states, rows, stop = self.states[self.layer], self.rows, self.column + 1
        num_rows, num_heads, _, size = query_RH1D.shape
        num_key_heads = states.own_keys.shape[1]
        query = (query_RH1D * scaling).view(num_rows * num_key_heads, num_heads // num_key_heads, size)
        width = max(stop, MIN_TOKENS)
        own_keys, own_values = (own[:num_rows, :, :width].flatten(0, 1) for own in (states.own_keys, states.own_values))
        scores = torch.bmm(query, own_keys.transpose(1, 2))
        if stop < width:
            scores[..., stop:] = -torch.inf
        if self.num_prefix == 0:
            return torch.bmm(_softmax(scores), own_values).view(num_rows, 1, num_heads, -1)
        to_sources, to_rows = rows.indices(self.num_sources, num_key_heads, num_heads // num_key_heads)
        num_pairs = self.num_sources * num_key_heads  # of a source and a head
        by_source = query.view(-1, size).index_select(0, to_sources).view(num_pairs, -1, size)
        prefix_scores = torch.bmm(by_source, states.prefix_keys.flatten(0, 1).transpose(1, 2))
        prefix_scores = prefix_scores.view(-1, self.num_prefix).index_select(0, to_rows)
        if rows.bias_R11T is not None:
            prefix_scores.view(num_rows, num_key_heads, -1, self.num_prefix).add_(rows.bias_R11T)
        weights = _softmax(torch.cat([prefix_scores.view(*scores.shape[:2], -1), scores], dim=-1))
        shared = weights[..., : self.num_prefix].reshape(-1, self.num_prefix).index_select(0, to_sources)
        shared = torch.bmm(shared.view(num_pairs, -1, self.num_prefix), states.prefix_values.flatten(0, 1))
        shared = shared.view(-1, shared.shape[-1]).index_select(0, to_rows).view(*scores.shape[:2], -1)
        return torch.baddbmm(shared, weights[..., self.num_prefix :], own_values).view(num_rows, 1, num_heads, -1)


def _softmax(scores: Tensor) -> Tensor:
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(scores.dtype)


def attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    shared_prefix_cache: SharedPrefixCache | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """What models call in place of their own attention: queries [B, H, Q, D] to [B, Q, H, D]."""
    if shared_prefix_cache is None or attention_mask is not None:
        raise NotSharedError("its attention takes a mask of its own, or no keywords")
    for name in ("sliding_window", "softcap", "s_aux", "position_bias"):
        if kwargs.get(name) is not None:
            raise NotSharedError(f"its attention has {name}")
    if scaling is None:
        scaling = query.shape[-1] ** -0.5
    if shared_prefix_cache.rows is not None:
        return shared_prefix_cache.attend(query, scaling), None
    is_grouped = key.shape[1] != query.shape[1]
    out = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling, enable_gqa=is_grouped)
    return out.transpose(1, 2), None


AttentionInterface.register(SHARED_PREFIX, attention)
