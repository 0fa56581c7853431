"""A number that may be known only as a bound, and bootstrap draws of it.

Where a draw leaves the range in which it can be measured, its value is a bound: the draw is censored there. So each
draw has a least and a greatest value, one of them infinite where it is censored, and an end of an interval is an order
statistic of these: the low end that of the least values, where it is finite, else that of the greatest, as a bound
("< 2"); the high end the other way about. Row 0 of the draws is the table itself, so that estimate and interval go
through the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthscale.scaling.crossing import Reach
from synthscale.scaling.laws import FloatArray

_SIGNS = {Reach.IN_RANGE: "", Reach.MORE_THAN: "> ", Reach.LESS_THAN: "< "}
#: Ratios this near 1 are 1: a curve against itself is read off by interpolation.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class CensoredValue:
    """A number, or the bound beyond which it lies."""

    value: float
    reach: Reach

    def __str__(self) -> str:
        return f"{_SIGNS[self.reach]}{self.value:.3g}"


@dataclass(frozen=True, slots=True)
class CensoredDraws:
    """The estimate (row 0) and its draws, [1 + num_draws] each.

    above, below: whether the true value may lie above, below the one given. Both where the parts of a value were left
    on opposite sides, so that nothing bounds it.
    """

    values: FloatArray
    above: NDArray[np.bool_]
    below: NDArray[np.bool_]

    def estimate(self) -> CensoredValue | None:
        """The table's own value; None where nothing bounds it."""
        if self.above[0] and self.below[0]:
            return None
        return CensoredValue(float(self.values[0]), self._reach(0))

    def interval(self, level: float) -> tuple[CensoredValue, CensoredValue] | None:
        """Ends that hold whatever the censored draws are; None where nothing bounds an end."""
        least = np.where(self.below, -np.inf, self.values)[1:]
        greatest = np.where(self.above, np.inf, self.values)[1:]
        tail, last = (1.0 - level) / 2, len(least) - 1
        low = self._end(least, greatest, int(np.floor(tail * last)), Reach.LESS_THAN)
        high = self._end(greatest, least, int(np.ceil((1.0 - tail) * last)), Reach.MORE_THAN)
        return None if low is None or high is None else (low, high)

    def p_at_most_one(self) -> float:
        """Share of draws at or below 1, with one added to both counts: the p-value of "greater than 1".

        A draw that may lie below its value counts as at or below 1; one known to be more than 1 or a larger bound does
        not.
        """
        above_only = self.above & ~self.below
        is_more = np.where(above_only, self.values >= 1 - ROUNDING, self.values > 1 + ROUNDING) & ~self.below
        return p_value(is_more[1:])

    def share_beyond(self) -> float:
        """Share of censored draws."""
        return float((self.above | self.below)[1:].mean())

    def _reach(self, draw: int) -> Reach:
        if self.below[draw]:
            return Reach.LESS_THAN
        return Reach.MORE_THAN if self.above[draw] else Reach.IN_RANGE

    def _end(self, outer: FloatArray, inner: FloatArray, rank: int, bound: Reach) -> CensoredValue | None:
        """The outer values' order statistic, where it is finite; else the inner's, as a bound."""
        draw = int(np.argsort(outer, kind="stable")[rank])
        if np.isfinite(outer[draw]):
            return CensoredValue(float(outer[draw]), self._reach(draw + 1))
        nearest = float(np.sort(inner)[rank])
        return CensoredValue(nearest, bound) if np.isfinite(nearest) else None


def p_value(supports: NDArray[np.bool_]) -> float:
    """Share of draws [num_draws] that do not support a claim, with one added to both counts (never 0)."""
    return float((1 + np.sum(~supports)) / (1 + len(supports)))
