"""What a training set is made of: positives to imitate, and pairs to prefer one side of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PairShape(Enum):
    """Where the rejected side of a pair ends, and which tokens of the two sides count."""

    solution = "solution"  # the whole rejected solution: standard DPO
    step = "step"  # the rejected side ends with the pit: the whole bad step is rejected
    divergence = "divergence"  # as step, but only the first token at which the sides differ counts


@dataclass(frozen=True, slots=True)
class Example:
    """A positive (no rejected side) or a pair, as text.

    A side that is not complete stops after a step in the middle of a solution, and holds the white space behind it.
    """

    problem_id: str
    prompt: str
    chosen: str
    rejected: str | None = None
    rejected_complete: bool = True
    divergence_only: bool = False

    @property
    def is_pair(self) -> bool:
        """Whether there is a rejected side."""
        return self.rejected is not None
