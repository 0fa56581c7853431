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
    """Where the tokens of S sequences lie in a row of T tokens, and back. (Not frozen, since FSDP refuses that.)"""

    place_SL: Tensor  # in the row; filled up with 0 behind the end
    back_T: Tensor  # of each of the row's tokens, a flat place among the sequences'

    def to(self, device: torch.device) -> Packing:
        """The same on a device."""
        return Packing(self.place_SL.to(device), self.back_T.to(device))


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
    num_sequences, length = packing.place_SL.shape
    mask_LL = window_mask(length, kwargs.get("sliding_window"), query.device)
    places = packing.place_SL.flatten()

    def taken_out(states_1HTD: Tensor) -> Tensor:
        _, num_heads, _, size = states_1HTD.shape
        states_HSLD = states_1HTD[0].index_select(1, places).view(num_heads, num_sequences, length, size)
        return states_HSLD.transpose(0, 1).repeat_interleave(query.shape[1] // num_heads, dim=1)

    out_SHLD = F.scaled_dot_product_attention(
        taken_out(query),
        taken_out(key),
        taken_out(value),
        attn_mask=mask_LL,
        dropout_p=kwargs.get("dropout", 0.0),
        is_causal=mask_LL is None,
        scale=kwargs.get("scaling"),
    )
    return out_SHLD.transpose(1, 2).flatten(0, 1).index_select(0, packing.back_T)[None], None


def window_mask(length: int, window: int | None, device: torch.device) -> Tensor | None:
    """Whether a token sees another through a sliding window, [L, L]; None where it sees all before it."""
    if window is None or window >= length:
        return None
    return torch.ones(length, length, dtype=torch.bool, device=device).tril().triu(1 - window)


AttentionInterface.register(PACKED, attention)
AttentionMaskInterface.register(PACKED, sdpa_mask)
