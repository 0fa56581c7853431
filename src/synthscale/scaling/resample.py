"""The tables that a bootstrap of a fit draws: log values and counts per row, which the fit takes as weights.

Where most sizes have several seeds, seeds are drawn within sizes: each run of a draw lies off the fitted curve by a
deviation from the pool of all runs' deviations from their size (see `spread`), in units of its row's scale. The rows
of one run move together. The pool's spread is an estimate of f degrees of freedom, so each draw multiplies it by
sqrt(f / χ²_f), as `joint_draws` does: an interval is then Student's t and not normal. Sizes with a single seed draw
from the pool too. Compared on planted tables, in which four sizes of two seeds are the hard case:

    how seeds are drawn                        interval of b holds the truth (δ = 0.1)
    a size's own, with replacement             .64
    the same, their spread widened by t        .83
    from the pool, about the size's mean       .95, but .91 for a law with a floor on six sizes of two seeds
    from the pool, about the curve             .95, and .94

Where most sizes have one row, sizes are drawn with replacement (points), and every row stays where it is. That asks
nothing of the law, and in 12 to 40 points holds the truth as often as it says (`analysis/results/fits/coverage.md`).

Where the test set alone must spread rows more than the table shows (see `binomial`), the rest is added as normal noise.
"""

from dataclasses import dataclass

import numpy as np

from synthscale.scaling.fit import CentredProblem, binomial_variance, measured_variance
from synthscale.scaling.laws import FloatArray
from synthscale.scaling.measurements import IntArray, Measurements
from synthscale.scaling.spread import degrees_of_freedom, has_seeds, run_deviations

MAX_REDRAWS = 1000


@dataclass(frozen=True, slots=True)
class DrawnTables:
    """log_values: [num_draws, num_rows], centred as the problem's. counts: [num_draws or 1, num_rows]."""

    log_values: FloatArray
    counts: FloatArray


def draw_tables(
    problem: CentredProblem,
    coordinates: FloatArray,
    measurements: Measurements,
    num_draws: int,
    generator: np.random.Generator,
) -> DrawnTables:
    """Tables drawn about the curve of these coordinates, the best fit to the measurements."""
    shape = (num_draws, measurements.num_rows)
    if has_seeds(measurements):
        log_values, counts = (
            _draw_seeds(problem, coordinates, measurements, num_draws, generator),
            np.ones((1, shape[1])),
        )
    else:
        counts = size_counts(measurements, num_draws, generator, problem.law.num_parameters)
        log_values = np.broadcast_to(problem.log_values, shape)
    shown = measured_variance(problem, coordinates, measurements) * problem.scales**2
    missing = np.maximum(0.0, binomial_variance(problem, coordinates, measurements) - shown)
    if missing.any():
        log_values = log_values + np.sqrt(missing) * generator.standard_normal(shape)
    return DrawnTables(log_values, counts)


def _draw_seeds(
    problem: CentredProblem,
    coordinates: FloatArray,
    measurements: Measurements,
    num_draws: int,
    generator: np.random.Generator,
) -> FloatArray:
    """Log values [num_draws, num_rows]: the curve, a run's deviation from the pool, and a row's own from its run."""
    curve, _ = problem.law.evaluate(coordinates, problem.inputs)
    pool, freedom = run_deviations(problem.log_values, measurements, problem.scales), degrees_of_freedom(measurements)
    scale = np.sqrt(freedom / generator.chisquare(freedom, (num_draws, 1)))
    log_values = np.empty((num_draws, measurements.num_rows))
    for rows in measurements.cells():
        for run in measurements.runs(rows):
            own = problem.log_values[run] - problem.log_values[run].mean()
            drawn = generator.choice(pool, (num_draws, 1)) * scale
            log_values[:, run] = curve[run] + own + drawn * problem.scales[run]
    return log_values


def size_counts(
    measurements: Measurements, num_draws: int, generator: np.random.Generator, min_distinct: int
) -> FloatArray:
    """Counts [num_draws, num_rows] of draws of whole sizes; draws with too few distinct sizes are drawn again.

    ValueError where there are fewer than `min_distinct` sizes in all.
    """
    cells = measurements.cells()
    if len(cells) < min_distinct:
        raise ValueError(f"{len(cells)} sizes cannot give draws of {min_distinct}")
    drawn = _multinomial(len(cells), num_draws, generator)
    for _ in range(MAX_REDRAWS):
        short = np.flatnonzero((drawn > 0).sum(axis=1) < min_distinct)
        if not short.size:
            break
        drawn[short] = _multinomial(len(cells), short.size, generator)
    counts = np.ones((num_draws, measurements.num_rows))
    for unit, column in zip(cells, drawn.T, strict=True):
        counts[:, unit] = column[:, None]
    return counts


def leave_outs(measurements: Measurements) -> list[FloatArray]:
    """Counts of tables without one of their units, by sample [num_members, num_rows]: for a jackknife.

    Units are the runs of each size with several, or where most sizes have one, the sizes, a single sample.
    """
    cells = measurements.cells()
    samples = [measurements.runs(rows) for rows in cells] if has_seeds(measurements) else [cells]
    return [np.stack([_without(unit, measurements) for unit in units]) for units in samples if len(units) > 1]


def _without(unit: IntArray, measurements: Measurements) -> FloatArray:
    counts = np.ones(measurements.num_rows)
    counts[unit] = 0.0
    return counts


def _multinomial(num_units: int, num_draws: int, generator: np.random.Generator) -> IntArray:
    return generator.multinomial(num_units, np.full(num_units, 1.0 / num_units), size=num_draws)
