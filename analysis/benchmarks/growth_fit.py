"""How a cost grows with size: cost = a + b·N^c, where a is what start-up takes, fitted to the logarithms of the costs.

Start-up (imports, the libraries' memory) hides the growth at small sizes, and a fit without it would give an exponent
that is too small. Where all that grows is less than a share of start-up even at the largest size, there is no exponent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.stats import t

from synthscale.scaling import Interval

FloatArray = NDArray[np.float64]
LEAST_GROWTH = 0.5  # of the smallest cost, that the largest must lie above it, for an exponent to be told
LINEAR = 1.05  # sorting N rows costs N·log N, which from 128 to 65,536 looks like an exponent of 1.1 at most
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Growth:
    """The fitted law. Without an exponent the cost does not rise above its start-up; without that sizes are too few."""

    start_up: float | None = None
    exponent: float | None = None
    interval: Interval | None = None

    @property
    def is_worse_than_linear(self) -> bool:
        """Whether the whole interval of the exponent lies above 1, by more than sorting could explain."""
        return self.interval is not None and self.interval.low > LINEAR


def fit_growth(sizes: Sequence[float], costs: Sequence[float]) -> Growth:
    """Fit the law to costs, all positive, at sizes; several costs of one size are repetitions.

    The interval is Student's, from the fit's covariance; with as many sizes as parameters there is none.
    """
    x, y = np.asarray(sizes, dtype=float), np.asarray(costs, dtype=float)
    if len(np.unique(x)) < 4:
        return Growth()
    at_smallest, at_largest = (float(np.median(y[x == size])) for size in (x.min(), x.max()))
    if at_largest < (1 + LEAST_GROWTH) * at_smallest:
        return Growth(start_up=at_smallest)
    largest = x.max()

    def log_cost(size: FloatArray, log_start: float, log_rise: float, exponent: float) -> FloatArray:
        logs: FloatArray = np.logaddexp(log_start, log_rise + exponent * np.log(size / largest))
        return logs

    start = [np.log(y.min()), np.log(y.max()), 1.0]
    bounds = ([np.log(y.min()) - 10, np.log(y.min()) - 10, 0.0], [np.log(y.max()) + 1, np.log(y.max()) + 1, 4.0])
    found, covariance = curve_fit(log_cost, x, np.log(y), p0=start, bounds=bounds)
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(x) - 3) * np.sqrt(covariance[2, 2]))
    exponent = float(found[2])
    interval = Interval(exponent - half, exponent + half) if np.isfinite(half) else None
    return Growth(float(np.exp(found[0])), exponent, interval)
