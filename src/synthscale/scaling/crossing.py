"""The size at which a falling error curve reaches a given error.

The curve is the mean error at each size, made monotone by isotonic regression weighted with the number of seeds, then
interpolated linearly in log size and log error. Isotonic regression, not the running minimum: a running minimum keeps
the luckiest mean of a noisy stretch and so flatters the baseline, while pooling neighbours that are out of order is the
least-squares answer. Where pooling leaves a flat stretch, its level counts as reached at the stretch's smallest size.

Outside the curve nothing is extrapolated: the answer is the last size together with the side on which it was left.
Stretches that end in an error of exactly 0 have no log and count as outside.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from synthscale.scaling.laws import FloatArray
from synthscale.scaling.measurements import IntArray

#: Share by which two equal errors may differ for having been averaged in another order.
ROUNDING = 1e-9


class Reach(StrEnum):
    """Where an error lies relative to a curve's range."""

    IN_RANGE = "in_range"
    #: The error is below the curve's lowest: the curve needs more than the size given.
    MORE_THAN = "more_than"
    #: The error is above the curve's highest: the curve needs less than the size given.
    LESS_THAN = "less_than"


@dataclass(frozen=True, slots=True)
class Crossings:
    """Sizes [num_draws] at which each draw's curve reaches its error, and the side where it does not.

    above, below: [num_draws], True where the crossing is more than, less than the size given. bracket: [num_draws],
    number of the curve's size at or just past the crossing.
    """

    sizes: FloatArray
    above: NDArray[np.bool_]
    below: NDArray[np.bool_]
    bracket: IntArray


def monotone(means: FloatArray, num_seeds: FloatArray) -> FloatArray:
    """The non-increasing curves nearest the means [num_draws, num_sizes], in squares weighted with num_seeds.

    By the min-max formula of isotonic regression (Robertson, Wright and Dykstra 1988, section 1.4), which takes every
    draw at once: at size j the least, over i ≤ j, of the largest mean of sizes i to k, over k ≥ j.
    """
    if not np.any(np.diff(means, axis=1) > 0):
        return means
    weight = np.concatenate([[0.0], np.cumsum(num_seeds)])
    total = np.concatenate([np.zeros((len(means), 1)), np.cumsum(means * num_seeds, axis=1)], axis=1)
    curves, num_sizes = np.empty_like(means), means.shape[1]
    for j in range(num_sizes):
        first, last = np.arange(j + 1)[:, None], np.arange(j, num_sizes)[None, :] + 1
        pooled = (total[:, last] - total[:, first]) / (weight[last] - weight[first])
        curves[:, j] = pooled.max(axis=2).min(axis=1)
    return curves


def errors_at(sizes: FloatArray, curves: FloatArray, size: float) -> FloatArray:
    """Error [num_draws] of each curve [num_draws, num_sizes] at a size between the smallest and the largest.

    Linear in logs; beside an error of 0, which has none, the error of the size before.
    """
    right = int(np.searchsorted(sizes, size))
    if sizes[right] == size:
        return curves[:, right]
    share = np.log(size / sizes[right - 1]) / np.log(sizes[right] / sizes[right - 1])
    left, end = curves[:, right - 1], curves[:, right]
    has_logs = (left > 0) & (end > 0)
    ratio = np.where(has_logs, end, 1.0) / np.where(has_logs, left, 1.0)
    return np.asarray(left * ratio**share, dtype=np.float64)


def find_crossings(sizes: FloatArray, curves: FloatArray, errors: FloatArray) -> Crossings:
    """Where each non-increasing curve [num_draws, num_sizes] reaches its error [num_draws]; sizes ascend."""
    reached = curves <= errors[:, None] * (1 + ROUNDING)
    right = np.where(reached.any(axis=1), reached.argmax(axis=1), len(sizes) - 1)
    left = np.maximum(right - 1, 0)
    draws = np.arange(len(errors))
    error_left, error_right = curves[draws, left], curves[draws, right]
    below = (right == 0) & (error_right < errors)
    unreached = ~reached.any(axis=1)
    no_log = ~unreached & (right > 0) & (error_right <= 0)
    crossing = sizes[right].astype(np.float64)
    inside = ~unreached & ~no_log & (right > 0)
    crossing[no_log] = sizes[left[no_log]]
    crossing[inside] = _interpolate(
        sizes[left[inside]], sizes[right[inside]], error_left[inside], error_right[inside], errors[inside]
    )
    return Crossings(crossing, unreached | no_log, below, right.astype(np.int64))


def _interpolate(
    size_left: FloatArray, size_right: FloatArray, error_left: FloatArray, error_right: FloatArray, error: FloatArray
) -> FloatArray:
    """Size between two points of a curve, linear in logs; error_left > error ≥ error_right > 0."""
    share = np.log(error_left / error) / np.log(error_left / error_right)
    return np.asarray(size_left * (size_right / size_left) ** share, dtype=np.float64)
