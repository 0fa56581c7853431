"""The binomial noise of a test set, in logs: how much of a row's distance from its law is luck of the problems.

A rate r measured on n problems has the variance r(1-r)/n and its log, to first order, (1-r)/(rn): for an error of 0.1
on 1,000 problems a standard deviation of 0.095, as much as seeds differ. It grows as errors fall, so that the largest
sizes are the least sure, and a fit that takes all rows as alike listens to them too much.

What is there to be found. A run's log error varies with its seed (the variance b, alike at all sizes) and with its test
problems (v_i, which is known). Runs of several seeds, each with its own right and wrong answers, differ by both, and
so does a row from its law. Hence b = max(0, s² - mean v): s² pooled within sizes where there are seeds, else the
residual variance of a first fit without weights. A row has the variance b + v_i, by which its residual is divided.

What the bootstrap must add. Deviations of seeds, or of rows, hold the binomial part already, and adding it again would
count it twice. Only where they hold less than v_i, which luck and few degrees of freedom bring about, the rest is
drawn as normal noise: no table is surer than its test allows.

r is taken from the fitted curve, not from the row: a row that came out low would be given too much noise, one that
came out high too little, and the curve would be drawn upwards.

What it leaves out. Runs are commonly graded on the same problems. A test set that happens to be hard then raises every
row, and no spread in the table shows it; it moves the level a, hardly the slope. v_i is also an upper bound for what
seeds on one test set differ by, as problems are not equally hard.
"""

import numpy as np

from synthscale.scaling.laws import FloatArray
from synthscale.scaling.measurements import Measurements

#: One-sided 5 %: a rate this many standard errors better than guessing is better than guessing.
BEYOND_NOISE = 1.645


def log_variance(rates: FloatArray, num_test: FloatArray) -> FloatArray:
    """Variance [num_rows] of the log of each rate over test sets of so many problems.

    Rates are held half a problem away from 0 and 1, where the first order says nothing.
    """
    held = np.clip(rates, 0.5 / num_test, 1.0 - 0.5 / num_test)
    return (1.0 - held) / (held * num_test)


def relative_scales(binomial: FloatArray, measured: float) -> FloatArray:
    """Standard deviations [num_rows] of log values, relative to each other: their geometric mean is 1.

    binomial: [num_rows], as of `log_variance`. measured: variance of a log value about its law, all rows taken alike.
    That mean keeps Huber's δ what it is, and the likelihoods of laws that are compared free of a factor.
    """
    between = max(0.0, measured - float(binomial.mean()))
    deviations = np.sqrt(between + binomial)
    return np.asarray(deviations / np.exp(np.log(deviations).mean()), dtype=np.float64)


def at_chance(measurements: Measurements) -> int:
    """Number of rows that are no better than guessing, or not beyond their binomial noise where that is known."""
    noise: FloatArray | float = 0.0
    if measurements.num_test is not None:
        noise = BEYOND_NOISE * np.sqrt(measurements.unit * (1.0 - measurements.unit) / measurements.num_test)
    return int(np.sum(measurements.values * measurements.unit >= measurements.unit - noise))
