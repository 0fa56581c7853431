"""Mean rate over seeds at each size, with intervals from a spread that is pooled over the sizes of a curve.

A size has two to five seeds, too few to say how far seeds spread: with two, Student's t takes 12.7 standard errors and
the interval fills the figure. The sizes of one curve share one standard deviation instead, pooled with f = the sum of
(seeds - 1) degrees of freedom: four sizes of two seeds have f = 4 and take 2.8 standard errors.

Pooling is honest where the spread is alike at all sizes, so it is done on the log odds of the rate. Log rate, the
scale of the fits, will not do: an error near 1 has no room to vary, and pooled intervals would reach beyond 1. For
small rates log odds and log rate are the same; the interval is back-transformed: asymmetric, and between 0 and 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from synthscale.scaling.bootstrap import LEVEL, Interval
from synthscale.scaling.laws import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedMean:
    """Mean of a rate over the seeds at one size.

    interval: of the mean; None where no size of the curve has two seeds, and where a run here is exactly 0 or 1, which
    has no log odds. pooled_sd: standard deviation of a run's log odds, shared by the curve, with its degrees of
    freedom; None and 0 where nothing could be pooled.
    """

    mean: float
    num_seeds: int
    interval: Interval | None
    pooled_sd: float | None
    degrees_of_freedom: int


def means_over_seeds(cells: Sequence[ArrayLike], level: float = LEVEL) -> list[SeedMean]:
    """Means and intervals of the sizes of one curve; cells: the runs' rates, one sequence a size.

    A size with one seed adds nothing to the pooled spread, yet has an interval from it. ValueError for a size without
    runs and for values outside [0, 1].
    """
    rates = [np.asarray(cell, dtype=np.float64) for cell in cells]
    if any(cell.size == 0 for cell in rates):
        raise ValueError("a mean over seeds needs at least one run")
    if any(not ((cell >= 0) & (cell <= 1)).all() for cell in rates):
        raise ValueError("a rate lies between 0 and 1")
    log_odds = [_log_odds(cell) for cell in rates if _has_log_odds(cell)]
    freedom = sum(cell.size - 1 for cell in log_odds)
    squares = sum(float(((cell - cell.mean()) ** 2).sum()) for cell in log_odds)
    pooled_sd = float(np.sqrt(squares / freedom)) if freedom else None
    return [
        SeedMean(
            mean=float(cell.mean()),
            num_seeds=cell.size,
            interval=None if pooled_sd is None else _interval(cell, pooled_sd, freedom, level),
            pooled_sd=pooled_sd,
            degrees_of_freedom=freedom,
        )
        for cell in rates
    ]


def _interval(rates: FloatArray, pooled_sd: float, freedom: int, level: float) -> Interval | None:
    """Interval around the log odds of the mean rate, to first order; back-transformed."""
    if not _has_log_odds(rates):
        return None
    half_width = float(stdtrit(freedom, (1.0 + level) / 2)) * pooled_sd / np.sqrt(rates.size)
    centre = _log_odds(rates.mean())
    low, high = 1.0 / (1.0 + np.exp(half_width - centre)), 1.0 / (1.0 + np.exp(-half_width - centre))
    return Interval(float(low), float(high))


def _has_log_odds(rates: FloatArray) -> bool:
    return bool(((rates > 0) & (rates < 1)).all())


def _log_odds(rates: ArrayLike) -> FloatArray:
    values = np.asarray(rates, dtype=np.float64)
    return np.log(values / (1.0 - values))
