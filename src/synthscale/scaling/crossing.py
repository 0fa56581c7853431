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
from scipy.optimize import isotonic_regression

from synthscale.scaling.laws import FloatArray
from synthscale.scaling.measurements import IntArray, Measurements


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


def monotone_means(measurements: Measurements, counts: FloatArray) -> FloatArray:
    """Non-increasing mean error [num_draws, num_sizes] of every draw; counts: [num_draws, num_rows]."""
    cells, num_seeds = measurements.cells(), measurements.num_seeds().astype(np.float64)
    means = np.stack([weighted_mean(measurements.values[rows], counts[:, rows]) for rows in cells], axis=1)
    if not np.any(np.diff(means, axis=1) > 0):
        return means
    return np.stack([isotonic_regression(row, weights=num_seeds, increasing=False).x for row in means])


def weighted_mean(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Mean [num_draws] of values [num_rows] under counts [num_draws, num_rows]."""
    return np.asarray(counts @ values / counts.sum(axis=1), dtype=np.float64)


def find_crossings(sizes: FloatArray, curves: FloatArray, errors: FloatArray) -> Crossings:
    """Where each non-increasing curve [num_draws, num_sizes] reaches its error [num_draws]; sizes ascend."""
    reached = curves <= errors[:, None]
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
