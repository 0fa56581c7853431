"""The verdict on one answer, with what decided it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from synthscale.problem.problem import Verdict


class Side(StrEnum):
    """Which of the two texts a verdict speaks of."""

    PREDICTION = "prediction"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Grade:
    """A verdict and its reasons.

    `extracted` and `reference` are the final answers that were read from the two texts, None where there is none.
    `rule` names how the prediction's answer was found and, after a colon, what compared the two: `box: exact`.
    `side` is there with the verdict `unparseable` alone: whose answer could not be read.
    """

    verdict: Verdict
    rule: str
    extracted: str | None = None
    reference: str | None = None
    side: Side | None = None

    @property
    def correct(self) -> bool:
        """Whether the reward is 1."""
        return self.verdict is Verdict.CORRECT
