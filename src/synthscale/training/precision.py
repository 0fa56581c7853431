"""The numbers that a training keeps weights in, and those that it computes in.

One place says so for every strategy, for validation and for the reference policy, so that a policy that equals its
reference has its log-probabilities. Lightning is told nothing of it. Its plugins would round masks, the reference's
log-probabilities and rotary positions with the rest (bf16-true), or compute other numbers where ranks hold parts of a
policy than where they hold copies: FSDP's mixed precision keeps the residual stream in bfloat16, autocast does not.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from synthscale.training.config import Precision


def weight_dtype(precision: Precision) -> torch.dtype:
    """What weights, gradients and the optimizer's states are kept in while a policy is trained."""
    return torch.bfloat16 if precision is Precision.bf16 else torch.float32


def computing(precision: Precision, device_type: str) -> AbstractContextManager[object]:
    """Where a policy's forward passes belong."""
    return torch.autocast(device_type, dtype=torch.bfloat16, enabled=precision is Precision.bf16_mixed)
