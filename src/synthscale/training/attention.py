"""Attention of sequences that lie one behind another in a single row, and of those that share their beginnings.

Everything but attention treats tokens one by one, so a row may hold any number of sequences, without padding, and a
beginning that two of them share lies there once. For attention alone the sequences are taken out of the row side by
side, each with the beginning that it shares; so none sees another, and a causal mask is all it takes.

This goes into any model of transformers that leaves attention to the `AttentionInterface`. Under the registered name a
model attends as under `sdpa` until a forward pass brings a `packing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

PACKED = "synthscale_packed"
OTHER_WAYS = ("softcap", "s_aux", "position_bias")  # of attending, which models ask for by these keywords


@dataclass(slots=True)
class Packing:
    """Where the tokens of sequences lie in a row of T tokens, and back. (Not frozen, since FSDP refuses that.)"""

    places_SL: list[Tensor]  # in the row, of S sequences of much the same length L; filled up with 0 behind the end
    back_T: Tensor  # of each of the row's tokens, a flat place in all of those

    def to(self, device: torch.device) -> Packing:
        """The same on a device."""
        return Packing([place_SL.to(device) for place_SL in self.places_SL], self.back_T.to(device))


def attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    packing: Packing | None = None,
    **kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    """What models call in place of their own attention: queries [1, H, T, D] to [1, T, H, D]."""
    if packing is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    for name in OTHER_WAYS:
        if kwargs.get(name) is not None:
            raise ValueError(f"packed sequences cannot be attended to with {name}")
    window, scale, dropout = kwargs.get("sliding_window"), kwargs.get("scaling"), kwargs.get("dropout", 0.0)
    num_each = query.shape[1] // key.shape[1]

    def attended(place_SL: Tensor) -> Tensor:
        query_SHLD, key_SHLD, value_SHLD = (_taken_out(states[0], place_SL) for states in (query, key, value))
        mask_LL = window_mask(place_SL.shape[1], window, query.device)
        out_SHLD = F.scaled_dot_product_attention(
            query_SHLD,
            key_SHLD.repeat_interleave(num_each, dim=1) if num_each > 1 else key_SHLD,
            value_SHLD.repeat_interleave(num_each, dim=1) if num_each > 1 else value_SHLD,
            attn_mask=mask_LL,
            dropout_p=dropout,
            is_causal=mask_LL is None,
            scale=scale,
        )
        return out_SHLD.transpose(1, 2).flatten(0, 1)

    out_PHD = torch.cat([attended(place_SL) for place_SL in packing.places_SL])
    return out_PHD.index_select(0, packing.back_T)[None], None


def _taken_out(states_HTD: Tensor, place_SL: Tensor) -> Tensor:
    """[S, H, L, D]: the sequences side by side."""
    num_heads, _, size = states_HTD.shape
    return states_HTD.index_select(1, place_SL.flatten()).view(num_heads, *place_SL.shape, size).transpose(0, 1)


def window_mask(length: int, window: int | None, device: torch.device) -> Tensor | None:
    """Whether a token sees another through a sliding window, [L, L]; None where it sees all before it."""
    if window is None or window >= length:
        return None
    return torch.ones(length, length, dtype=torch.bool, device=device).tril().triu(1 - window)


AttentionInterface.register(PACKED, attention)
AttentionMaskInterface.register(PACKED, sdpa_mask)
