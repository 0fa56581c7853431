"""What a training set is made of: positives to imitate, and pairs to prefer one side of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PairShape(Enum):
    """Where the rejected side of a pair ends, and which tokens of the two sides count."""

    solution = "solution"  # the whole rejected solution: standard DPO
    step = "step"  # the rejected side ends with the pit: the whole bad step is rejected
    divergence = "divergence"  # as step, but only the first token at which the sides differ counts


STEP_COLUMNS = ("step_ends", "advantages")
"""What a table of examples has only where steps are weighed."""


@dataclass(frozen=True, slots=True)
class Example:
    """A positive (no rejected side) or a pair, as text.

    A side that is not complete stops after a step in the middle of a solution, and holds the white space behind it.
    A positive whose steps are to be weighed may be a rejected solution too: each step says by its advantage how much it
    is worth imitating. One without advantages is imitated as it is.
    """

    problem_id: str
    prompt: str
    chosen: str
    rejected: str | None = None
    rejected_complete: bool = True
    divergence_only: bool = False
    step_ends: tuple[int, ...] | None = None  # where each step of the chosen side ends, in characters
    advantages: tuple[float, ...] | None = None  # A_i of each of these steps

    @property
    def is_pair(self) -> bool:
        """Whether there is a rejected side."""
        return self.rejected is not None
