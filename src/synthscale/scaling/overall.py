"""One multiplier for a whole curve, and whether the method is worth more than its own data at all.

The overall multiplier is the geometric mean of the multipliers at those of the method's sizes whose estimate lies
inside the baseline's range; where none does, it is a bound: the geometric mean of all sizes' bounds. In a draw, a size
that has left the range enters with its bound and makes the draw's mean a bound on that side.

The test of "greater than 1" takes no such choice of sizes, which would favour lucky ones: at the smallest size only
errors below the baseline's highest are inside the range. More than 1 at N says that the method's error at N is below
the baseline's at N, and that can be told for every error, beyond the range as well. So the test asks at equal sizes:
the p-value is the share of draws in which the log error lies, on average over all sizes that the baseline's span holds,
not below the baseline's. At a single size this is the very share of draws at or below 1; where curves are parallel it
tests the overall multiplier; where a method helps at some sizes and harms at others it may differ from it in sign.

Counting draws of the overall multiplier itself, with those censored below 1 against the claim, rejected a multiplier of
1 in 1 to 3 % at the level of 5 %, and saw one of 1.5 at a slope of 0.2 half as often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthscale.scaling.bootstrap import LEVEL, NUM_DRAWS
from synthscale.scaling.censored import ROUNDING, CensoredDraws, CensoredValue, p_value
from synthscale.scaling.crossing import errors_at
from synthscale.scaling.laws import FloatArray
from synthscale.scaling.measurements import IntArray, Measurements
from synthscale.scaling.multiplier import JointCurves, joint_curves

BOTH_SIDES = "beyond the baseline's range on both sides: no overall multiplier"
LOST = "draws leave the baseline's range on both sides: no interval"


@dataclass(frozen=True, kw_only=True, slots=True)
class OverallMultiplier:
    """A method's data multiplier over several sizes.

    sizes: those it was taken over, ascending. multiplier: None where sizes lie beyond the baseline's range on both
    sides. low, high: ends of the interval. share_beyond: share of draws with a size outside the baseline's range.
    tested_sizes: those that p_value, of "greater than 1", was taken over. note: why something is None.
    """

    sizes: tuple[float, ...]
    multiplier: CensoredValue | None
    low: CensoredValue | None
    high: CensoredValue | None
    share_beyond: float | None
    tested_sizes: tuple[float, ...]
    p_value: float | None
    note: str


def overall_multiplier(
    baseline: Measurements,
    method: Measurements,
    *,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> OverallMultiplier:
    """Multiplier of the method against the baseline over its sizes; ValueError as by `joint_curves`."""
    joint = joint_curves(baseline, method, num_draws, seed)
    found = [joint.ratios(column) for column in range(len(joint.method_sizes))]
    used = _used(found)
    mean = geometric_mean([found[column][0] for column in used])
    estimate = mean.estimate()
    notes = [note for note in (found[column][1] for column in used) if note]
    interval = None if notes or estimate is None else mean.interval(level)
    if estimate is None:
        notes = [BOTH_SIDES]
    elif interval is None and not notes:
        notes = [LOST]
    low, high = interval or (None, None)
    tested, p, untested = equal_size_test(joint)
    return OverallMultiplier(
        sizes=tuple(float(size) for size in joint.method_sizes[used]),
        multiplier=estimate,
        low=low,
        high=high,
        share_beyond=None if low is None else mean.share_beyond(),
        tested_sizes=tested,
        p_value=p,
        note="; ".join(dict.fromkeys(notes)) or untested,
    )


def _used(found: list[tuple[CensoredDraws, str]]) -> IntArray:
    """Sizes in range that have an interval; without any, those in range; without those, all."""
    in_range = np.array([not (ratios.above[0] or ratios.below[0]) for ratios, _ in found])
    has_interval = np.array([not note for _, note in found])
    for chosen in (in_range & has_interval, in_range):
        if chosen.any():
            return np.flatnonzero(chosen).astype(np.int64)
    return np.arange(len(found), dtype=np.int64)


def geometric_mean(parts: list[CensoredDraws]) -> CensoredDraws:
    """Of several multipliers in the same draws; censored where a part is."""
    values = np.exp(np.mean([np.log(part.values) for part in parts], axis=0))
    above, below = (np.any([getattr(part, side) for part in parts], axis=0) for side in ("above", "below"))
    return CensoredDraws(np.asarray(values, dtype=np.float64), above, below)


def equal_size_test(joint: JointCurves) -> tuple[tuple[float, ...], float | None, str]:
    """Sizes with several seeds, p-value of "greater than 1" over them, and why there is none."""
    within = (joint.method_sizes >= joint.sizes[0]) & (joint.method_sizes <= joint.sizes[-1])
    if not within.any():
        return (), None, "no size within the baseline's: no test"
    tested = [int(column) for column in np.flatnonzero(within) if _has_seeds(joint, int(column))]
    if not tested:
        return (), None, "one seed: no test"
    advantages = np.stack([_advantage(joint, column) for column in tested])
    with np.errstate(invalid="ignore"):  # infinite on both sides, which supports nothing
        supports = advantages.mean(axis=0)[1:] > ROUNDING
    return tuple(float(joint.method_sizes[column]) for column in tested), p_value(supports), ""


def _has_seeds(joint: JointCurves, column: int) -> bool:
    """Whether the method and the baseline beside it have several seeds."""
    size = joint.method_sizes[column]
    beside = slice(int(np.searchsorted(joint.sizes, size, "right")) - 1, int(np.searchsorted(joint.sizes, size)) + 1)
    return bool(joint.num_method_seeds[column] > 1 and joint.num_seeds[beside].min() > 1)


def _advantage(joint: JointCurves, column: int) -> FloatArray:
    """How far the method's log error lies below the baseline's at the same size [1 + num_draws]; 0 where both are 0."""
    ours, theirs = joint.errors[:, column], errors_at(joint.sizes, joint.curves, float(joint.method_sizes[column]))
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = np.log(theirs) - np.log(ours)
    return np.asarray(np.where((ours == 0) & (theirs == 0), 0.0, difference), dtype=np.float64)
