"""Scaling laws of error against data, with intervals, and the data multiplier between two curves.

numpy and scipy only, so that the numbers of a report can be recomputed wherever a table can be read.

    laws           the laws, each with its analytic gradient
    measurements   validated rows of a table: size, value, seed
    minimise       the minimum of the robust loss, for many curves at once
    fit            robust fit of a law from a grid of starts
    binomial       the noise of a test set, and which rows are no better than guessing
    spread         how far the runs of one size lie apart, pooled over sizes
    resample       the tables that a bootstrap draws
    bca            bias-corrected and accelerated intervals
    bootstrap      intervals and bands of a fit
    judgement      which law holds: AICc, error on held-out sizes, a verdict
    crossing       the size at which a falling curve reaches an error
    seed_mean      mean over seeds with a t interval from a pooled spread
    censored       numbers known as a bound, and draws of them
    joint_draws    mean errors of two curves drawn together
    multiplier     how many times the data a method is worth, by size
    overall        the same for a whole curve, and whether it is more than 1
    target         the size that an error takes
    planted        made-up studies whose multiplier is known
    power          how many seeds and sizes it takes to see a multiplier
"""

from synthscale.scaling.binomial import at_chance
from synthscale.scaling.bootstrap import Band, FitBootstrap, Interval, IntervalKind, bootstrap_fit, interval_obstacle
from synthscale.scaling.censored import CensoredValue
from synthscale.scaling.crossing import Reach
from synthscale.scaling.fit import HUBER_DELTA, Fit, fit_law
from synthscale.scaling.judgement import FAR, Judged, best_of, extrapolation, judge, unidentified, verdict
from synthscale.scaling.laws import LAWS, Law, law_named
from synthscale.scaling.measurements import Measurements
from synthscale.scaling.multiplier import DataMultiplier, data_multipliers
from synthscale.scaling.overall import OverallMultiplier, overall_multiplier
from synthscale.scaling.planted import PlantedStudy
from synthscale.scaling.power import Noise, Power, power_of, seed_noise, spacing
from synthscale.scaling.seed_mean import SeedMean, means_over_seeds
from synthscale.scaling.target import LawSize, Reached, law_size_for, ratio_for, size_for

__all__ = [
    "FAR",
    "HUBER_DELTA",
    "LAWS",
    "Band",
    "CensoredValue",
    "DataMultiplier",
    "Fit",
    "FitBootstrap",
    "Interval",
    "IntervalKind",
    "Judged",
    "Law",
    "LawSize",
    "Measurements",
    "Noise",
    "OverallMultiplier",
    "PlantedStudy",
    "Power",
    "Reach",
    "Reached",
    "SeedMean",
    "at_chance",
    "best_of",
    "bootstrap_fit",
    "data_multipliers",
    "extrapolation",
    "fit_law",
    "interval_obstacle",
    "judge",
    "law_named",
    "law_size_for",
    "means_over_seeds",
    "overall_multiplier",
    "power_of",
    "ratio_for",
    "seed_noise",
    "size_for",
    "spacing",
    "unidentified",
    "verdict",
]
