"""Mean over seeds with Student's t interval: what a table shows for one method at one size.

With the three to five runs that a study can afford, the t interval is the honest choice: it is wide because so few runs
say little about their own spread, where a bootstrap of three values would be too narrow.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from synthscale.scaling.bootstrap import LEVEL, Interval


def mean_over_seeds(values: ArrayLike, level: float = LEVEL) -> tuple[float, Interval | None]:
    """Mean of the runs' values and its interval, None for a single run; ValueError where there is no run."""
    runs = np.asarray(values, dtype=np.float64)
    if runs.size == 0:
        raise ValueError("a mean over seeds needs at least one run")
    mean = float(runs.mean())
    if runs.size == 1:
        return mean, None
    standard_error = float(runs.std(ddof=1)) / float(np.sqrt(runs.size))
    half_width = float(t.ppf((1.0 + level) / 2, runs.size - 1)) * standard_error
    return mean, Interval(mean - half_width, mean + half_width)
