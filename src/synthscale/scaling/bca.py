"""Bias-corrected and accelerated intervals (BCa) from bootstrap draws.

Source: Efron 1987 (JASA 82, "Better bootstrap confidence intervals"), as in Efron and Tibshirani 1993, equations 14.9
to 14.15; the acceleration of several samples is scipy's (`scipy.stats.bootstrap`, method BCa), to which the tests hold
these lines. Percentiles of the draws are moved by two numbers: z0, from the share of draws below the estimate, and a,
how fast the standard error changes with the parameter, from a jackknife.

Degenerate cases. All draws on one side of the estimate: the share is held half a draw from 0 and 1. Draws equal to the
estimate, as of a floor at 0, count half. A jackknife that does not move the estimate: a = 0, the bias-corrected
percentiles. Two seeds a size always give it, as the two that are left lie opposite each other. A correction beyond its
pole (1 - a(z0 + z) ≤ 0): the outermost draw on that side.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from synthscale.scaling.laws import FloatArray


def bca_interval(
    draws: FloatArray, estimates: FloatArray, jackknife: Sequence[FloatArray], level: float
) -> tuple[FloatArray, FloatArray]:
    """Ends low and high, [num_statistics] each.

    draws: [num_draws, num_statistics]. estimates: [num_statistics]. jackknife: by sample (the seeds of a size, or all
    sizes), the statistics without each of its members, [num_members, num_statistics]. level: e.g. 0.95.
    """
    corrections, accelerations = bias_correction(draws, estimates), acceleration(jackknife, draws.shape[1])
    ends = [
        _quantiles(draws, _moved(z, corrections, accelerations))
        for z in (ndtri((1 - level) / 2), ndtri((1 + level) / 2))
    ]
    return ends[0], ends[1]


def bias_correction(draws: FloatArray, estimates: FloatArray) -> FloatArray:
    """z0 [num_statistics]: the normal quantile of the share of draws below the estimate."""
    below = (np.mean(draws < estimates, axis=0) + np.mean(draws <= estimates, axis=0)) / 2
    half = 0.5 / len(draws)
    return np.asarray(ndtri(np.clip(below, half, 1.0 - half)), dtype=np.float64)


def acceleration(jackknife: Sequence[FloatArray], num_statistics: int) -> FloatArray:
    """a [num_statistics] from the jackknife, with members of several samples left out one by one."""
    cubes, squares = np.zeros(num_statistics), np.zeros(num_statistics)
    for values in jackknife:
        num_members = len(values)
        influence = (num_members - 1) * (values.mean(axis=0) - values)
        cubes += (influence**3).sum(axis=0) / num_members**3
        squares += (influence**2).sum(axis=0) / num_members**2
    moved = squares > 0
    return np.where(moved, cubes / 6 / np.where(moved, squares, 1.0) ** 1.5, 0.0)


def _moved(z: float, corrections: FloatArray, accelerations: FloatArray) -> FloatArray:
    """The share of draws at which the end of the normal quantile z lies."""
    shifted = corrections + z
    room = 1.0 - accelerations * shifted
    beyond = room <= 0
    share = ndtr(corrections + shifted / np.where(beyond, 1.0, room))
    return np.asarray(np.where(beyond, float(z > 0), share), dtype=np.float64)


def _quantiles(draws: FloatArray, shares: FloatArray) -> FloatArray:
    return np.array([np.quantile(column, share) for column, share in zip(draws.T, shares, strict=True)])
