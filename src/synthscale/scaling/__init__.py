"""Scaling laws of error against data, with intervals, and the data multiplier between two curves.

numpy and scipy only, so that the numbers of a report can be recomputed wherever a table can be read.

    law            the laws, each with its analytic gradient
    measurements   validated rows of a table: size, value, seed
    fit            robust fit of a law from a grid of starts
    resample       which seeds a bootstrap draw holds
    bootstrap      percentile intervals and bands of a fit
    crossing       the size at which a falling curve reaches an error
    seed_mean      mean over seeds with a t interval
    multiplier     how many times the data a method is worth
"""

from synthscale.scaling.bootstrap import Band, FitBootstrap, Interval, bootstrap_fit, interval_obstacle
from synthscale.scaling.crossing import Reach
from synthscale.scaling.fit import Fit, fit_law
from synthscale.scaling.law import LAWS, Law, law_named
from synthscale.scaling.measurements import Measurements
from synthscale.scaling.multiplier import CensoredValue, DataMultiplier, data_multipliers
from synthscale.scaling.seed_mean import mean_over_seeds

__all__ = [
    "LAWS",
    "Band",
    "CensoredValue",
    "DataMultiplier",
    "Fit",
    "FitBootstrap",
    "Interval",
    "Law",
    "Measurements",
    "Reach",
    "bootstrap_fit",
    "data_multipliers",
    "fit_law",
    "interval_obstacle",
    "law_named",
    "mean_over_seeds",
]
