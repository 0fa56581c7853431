"""A batch of prompts to continue, what ends a continuation, and the tokens that come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from synthscale.policy.stop import Stop

Forward = Callable[..., Tensor]
"""The model's forward pass: its keyword arguments, the keys and values as `cache`, to logits, [B, T, V]."""

Agree = Callable[[Tensor], Tensor]
"""Logits to those that are decided by: where ranks decode together, one rank's."""


@dataclass(frozen=True, slots=True)
class Endings:
    """What ends a continuation: a token, or a text."""

    end_ids: list[int]
    stop: Stop

    def cut(self, row: list[int]) -> tuple[list[int], bool]:
        """The tokens up to and with the first end, and whether there is one."""
        by_token = next((i + 1 for i, token in enumerate(row) if token in self.end_ids), None)
        drawn = row[:by_token]
        by_text = self.stop.first_end(drawn)
        return drawn[:by_text], by_token is not None or by_text is not None


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts with `num_samples` samples each; sample n is of prompt n // num_samples."""

    prompts_ids: list[list[int]]
    limits: list[int]  # of each prompt: tokens that may be drawn, 1 or more
    num_samples: int
    temperature: float
    generator: torch.Generator
    pad_id: int

    def uniforms(self) -> Tensor | None:
        """One number in [0, 1) for every sample, whether it still goes on or not; None if nothing is left to chance.

        So what a sample draws does not depend on when others end.
        """
        if self.temperature == 0:
            return None
        num = len(self.prompts_ids) * self.num_samples
        return torch.rand(num, generator=self.generator, device=self.generator.device)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What each sample drew, the end-of-sequence token included, and whether it ended by itself."""

    tokens: list[list[int]]
    finished: list[bool]
