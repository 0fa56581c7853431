"""How often the intervals of a data multiplier hold a planted one, and how often its test claims more than 1.

    python analysis/benchmarks/multiplier_coverage.py [--tables 400] [--draws 400] [--out FOLDER]

Planted studies have sizes that double and 10 % noise. Two curves of a study share their seeds, whose deviations are
then correlated by 0.8, or have seeds of their own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.options import positive, writable_folder
from synthscale.scaling import CensoredValue, Reach, data_multipliers, overall_multiplier
from synthscale.scaling.planted import PlantedStudy
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.output import with_progress, write_atomically

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "analysis/results/fits"
NOISE, CORRELATION, LEVEL = 0.1, 0.8, 0.05
SIZES, SEEDS, SLOPES, MULTIPLIERS = (4, 6), (2, 3, 5), (0.2, 0.8), (1.0, 1.5, 4.0)
FIRST_SIZE = 64.0


def holds(low: CensoredValue | None, high: CensoredValue | None, truth: float) -> bool:
    """Whether an interval holds the truth; an end that is a bound is open."""
    if low is None or high is None:
        return True
    above = low.reach is Reach.LESS_THAN or low.value <= truth
    return above and (high.reach is Reach.MORE_THAN or truth <= high.value)


def measure(study: PlantedStudy, num_tables: int, num_draws: int) -> tuple[float, float, float, float]:
    """Shares: intervals that hold, of sizes whose truth is in range and of the whole; tests that reject, likewise."""
    generator = np.random.default_rng([round(10 * study.slope), study.num_seeds, len(study.sizes)])
    size_holds, size_rejects, whole_holds, whole_rejects = [], [], [], []
    for seed in range(num_tables):
        tables = study.tables(generator)
        for found in data_multipliers(*tables, num_draws=num_draws, seed=seed):
            if found.size * study.multiplier <= study.sizes[-1]:
                size_holds.append(holds(found.low, found.high, study.multiplier))
                size_rejects.append(found.p_value is not None and found.p_value <= LEVEL)
        whole = overall_multiplier(*tables, num_draws=num_draws, seed=seed)
        whole_holds.append(holds(whole.low, whole.high, study.multiplier))
        whole_rejects.append(whole.p_value is not None and whole.p_value <= LEVEL)
    shares = [float(np.mean(column)) for column in (size_holds, whole_holds, size_rejects, whole_rejects)]
    return shares[0], shares[1], shares[2], shares[3]


def planted(num_sizes: int, num_seeds: int, slope: float, multiplier: float, *, paired: bool) -> PlantedStudy:
    """A study of the benchmark's grid."""
    return PlantedStudy(
        sizes=tuple(FIRST_SIZE * 2.0**step for step in range(num_sizes)),
        num_seeds=num_seeds,
        slope=slope,
        multiplier=multiplier,
        noise=NOISE,
        correlation=CORRELATION if paired else None,
    )


@one_sentence_errors
def main(argv: Sequence[str]) -> int:
    """Measure the grid and write multiplier.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tables", type=positive, default=400, help="studies a row (default: 400)")
    parser.add_argument("--draws", type=positive, default=400, help="draws of each bootstrap (default: 400)")
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder of multiplier.md")
    options = parser.parse_args(argv)
    grid = list(product(SIZES, SEEDS, SLOPES, MULTIPLIERS))
    rows = []
    for num_sizes, num_seeds, slope, multiplier in with_progress(grid, "planted multipliers"):
        cells = [f"{num_sizes}", f"{num_seeds}", f"{slope:g}", f"{multiplier:g}"]
        for paired in (False, True):
            study = planted(num_sizes, num_seeds, slope, multiplier, paired=paired)
            cells += [f"{share:.3f}" for share in measure(study, options.tables, options.draws)]
        rows.append(cells)
    write_atomically(options.out / "multiplier.md", page(rows, options.tables, options.draws).encode())
    return 0


def page(rows: Sequence[Sequence[str]], num_tables: int, num_draws: int) -> str:
    """The table with what it was made with; rows: cells in the order of the headings."""
    of_each = ["held, sizes", "held, whole", "> 1, sizes", "> 1, whole"]
    headings = ["sizes", "seeds", "slope", "multiplier", *of_each, *(f"{name}; paired" for name in of_each)]
    table = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|", *(f"| {' | '.join(row)} |" for row in rows)]
    held = [sorted(float(row[column]) for row in rows for column in columns) for columns in ((4, 8), (5, 9))]
    null = [
        [float(row[column]) for row in rows if row[3] == "1" for column in columns] for columns in ((6, 10), (7, 11))
    ]
    ranges = [f"{min(shares):.3f} to {max(shares):.3f} (mean {np.mean(shares):.3f})" for shares in (*held, *null)]
    return f"""# Intervals and test of the data multiplier, on planted ones

| | |
|---|---|
| command | `python analysis/benchmarks/multiplier_coverage.py` |
| planted | two parallel power laws at sizes that double, log errors off by {NOISE:g} (standard deviation) a run |
| held | share of 95 % intervals that hold the planted multiplier; {num_tables} tables a row, {num_draws} draws each |
| > 1 | share of tables in which the one-sided test at 5 % says that the multiplier is greater than 1 |
| sizes, whole | at each size whose planted multiplier is inside the baseline's range; over the curve |
| paired | both curves have the same seeds, with deviations correlated by {CORRELATION:g}; else seeds of their own |

Intervals of sizes hold in {ranges[0]}, of whole curves in {ranges[1]}. A multiplier of 1 is called
greater at {ranges[2]} of sizes and in {ranges[3]} of whole curves.

The standard error of a share of 0.95 or 0.05 is {np.sqrt(0.05 * 0.95 / num_tables):.3f} for the whole. An interval that
ends in a bound is open there, so a whole curve's holds more often than 95 % where many draws leave the range. It holds
least (92 to 95 %) at 1.5, where the largest size lies beyond the range and is counted in only when it falls short.

{chr(10).join(table)}
"""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
