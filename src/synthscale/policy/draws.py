"""Draws of tokens: one uniform number each, turned into a token by the inverse of the distribution function."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_tokens(logits_RV: Tensor, uniforms_RK: Tensor | None, temperature: float) -> Tensor:
    """K tokens a row: the first token by which softmax(logits / temperature) adds up to more than the uniform number.

    Without uniform numbers the likeliest token, [R, 1], whatever the temperature.
    """
    logits_RV = logits_RV.float()
    if uniforms_RK is None:
        return logits_RV.argmax(dim=-1, keepdim=True)
    chances_RV = torch.softmax(logits_RV / temperature, dim=-1)
    sums_RV = chances_RV.cumsum(dim=-1)
    total_R1 = sums_RV[:, -1:]
    # below the total, which rounding could reach, so that some token's sum is above it
    targets_RK = torch.minimum(uniforms_RK * total_R1, torch.nextafter(total_R1, torch.zeros_like(total_R1)))
    tokens_RK = torch.searchsorted(sums_RV, targets_RK, right=True)
    if logits_RV.is_cuda:  # whose sums are not added up in order: rounding may step over a token without a chance
        tokens_RK = tokens_RK.clamp(max=logits_RV.shape[-1] - 1)
        is_possible_RK = chances_RV.gather(-1, tokens_RK) > 0
        tokens_RK = torch.where(is_possible_RK, tokens_RK, chances_RV.argmax(dim=-1, keepdim=True))
    return tokens_RK
