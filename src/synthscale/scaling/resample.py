"""Which runs a bootstrap draw holds, as counts per row.

A draw is a vector of counts (how often each row was drawn), so that a fit takes it as weights and a mean as a weighted
mean. Within each size the seeds are drawn with replacement, as many as there are; all rows of one seed move together.
Sizes with a single seed keep it. Where every size has a single seed nothing can be drawn within sizes, and the sizes
themselves are drawn.

Resampling m seeds understates their spread by the factor sqrt((m-1)/m): 0.82 with three seeds. With fewer than about
five seeds a size, intervals from these draws run narrow; `bootstrap.widen_spread` mends that, for fits and multipliers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthscale.scaling.measurements import FloatArray, IntArray, Measurements

MAX_REDRAWS = 1000


def seed_counts(measurements: Measurements, num_draws: int, generator: np.random.Generator) -> FloatArray:
    """Counts [num_draws, num_rows] of draws of seeds within sizes."""
    counts = np.ones((num_draws, measurements.num_rows))
    for rows in measurements.cells():
        _assign(counts, measurements.runs(rows), _multinomial(len(measurements.runs(rows)), num_draws, generator))
    return counts


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
    _assign(counts, cells, drawn)
    return counts


def paired_seed_counts(
    first: Measurements, second: Measurements, num_draws: int, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Counts of both tables, [num_draws, num_rows] each, with the same seeds drawn where a size has the same seeds.

    Two methods that start from the same seeds share the seed's luck; drawing those seeds together keeps it out of their
    difference. At sizes where the seeds differ, or carry no label, the two tables are drawn independently.
    """
    counts_first, counts_second = seed_counts(first, num_draws, generator), seed_counts(second, num_draws, generator)
    rows_by_size = {tuple(first.inputs[rows[0]]): rows for rows in first.cells()}
    for rows in second.cells():
        partner = rows_by_size.get(tuple(second.inputs[rows[0]]))
        if partner is None or not _same_seeds(first.seeds, partner, second.seeds, rows):
            continue
        for run_first, run_second in zip(first.runs(partner), second.runs(rows), strict=True):
            counts_second[:, run_second] = counts_first[:, run_first[:1]]
    return counts_first, counts_second


def _same_seeds(
    seeds_first: NDArray[Any] | None, rows_first: IntArray, seeds_second: NDArray[Any] | None, rows_second: IntArray
) -> bool:
    if seeds_first is None or seeds_second is None:
        return False
    return np.array_equal(np.unique(seeds_first[rows_first]), np.unique(seeds_second[rows_second]))


def _multinomial(num_units: int, num_draws: int, generator: np.random.Generator) -> IntArray:
    return generator.multinomial(num_units, np.full(num_units, 1.0 / num_units), size=num_draws)


def _assign(counts: FloatArray, units: list[IntArray], drawn: IntArray) -> None:
    for unit, column in zip(units, drawn.T, strict=True):
        counts[:, unit] = column[:, None]
