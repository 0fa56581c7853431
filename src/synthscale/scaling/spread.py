"""How far the runs of one size lie apart in log value, pooled over the sizes of a table.

A size has two to five seeds, too few to know their spread by: a draw of the two of a size repeats their one distance,
and a slope hangs on the outer sizes, so on two such distances. The sizes share one spread instead, with f = the sum of
(seeds - 1) degrees of freedom. `joint_draws` does the same for the means of one curve or two.
"""

import numpy as np

from synthscale.scaling.laws import FloatArray
from synthscale.scaling.measurements import Measurements


def degrees_of_freedom(measurements: Measurements) -> int:
    """Runs beyond the first of their size."""
    return int((measurements.num_seeds() - 1).sum())


def has_seeds(measurements: Measurements) -> bool:
    """Whether most sizes have several runs, so that the spread is to be had within sizes."""
    return float(np.mean(measurements.num_seeds() > 1)) >= 0.5


def run_deviations(log_values: FloatArray, measurements: Measurements, scales: FloatArray) -> FloatArray:
    """Distances [num_runs] of runs from the mean of their size, over their scale, at sizes with at least two.

    log_values, scales: [num_rows]; rows of one seed count as their mean. Each is multiplied by sqrt(m / (m-1)), since
    the distance of m runs from their own mean has (m-1)/m of a run's variance.
    """
    deviations = []
    for rows in measurements.cells():
        runs = measurements.runs(rows)
        if len(runs) > 1:
            means = np.array([log_values[run].mean() for run in runs])
            scale = np.array([scales[run].mean() for run in runs])
            deviations.append((means - means.mean()) / scale * np.sqrt(len(runs) / (len(runs) - 1)))
    return np.concatenate(deviations) if deviations else np.empty(0)


def pooled_variance(deviations: FloatArray) -> float:
    """Variance of a run about its size, from `run_deviations`; 0 where there are none."""
    return float((deviations**2).mean()) if deviations.size else 0.0
