"""How many seeds and sizes it takes to see a data multiplier, before they are paid for.

Studies are made up with the slope and the noise of measured curves (`planted`) and put through the very test that would
be used on them: the one-sided p-value of `overall`. The share that says "greater than 1" is the power.

As a check, for many seeds: the test's statistic is the mean, over sizes, of how far the method's log error lies below
the baseline's. Its expectation is slope · log(multiplier) and its standard deviation
noise · sqrt(2 (1 - correlation) / (seeds · sizes)), so the power tends to Φ(expectation / deviation - 1.64).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from synthscale.scaling.bootstrap import LEVEL, Interval
from synthscale.scaling.laws import FloatArray
from synthscale.scaling.measurements import Measurements
from synthscale.scaling.multiplier import joint_curves
from synthscale.scaling.overall import equal_size_test
from synthscale.scaling.planted import PlantedStudy

SIGNIFICANT = 0.05
NUM_STUDIES = 300
#: After so many studies an effect that all but one have seen, or have missed, is settled: the standard error of a share
#: stays below 3 %, as it does of 300 studies at any power (a test adds it up).
NUM_FIRST = 100
#: Fewer than for a report: a test at 5 % needs no more, and there are thousands of studies.
NUM_DRAWS = 199


@dataclass(frozen=True, slots=True)
class Noise:
    """How log errors vary between seeds.

    sd: standard deviation of a run. correlation: of the deviations of one seed in two curves, at least 0; None where no
    curves share seeds. degrees_of_freedom: that sd was estimated from.
    """

    sd: float
    correlation: float | None
    degrees_of_freedom: int


@dataclass(frozen=True, slots=True)
class Power:
    """Of num_studies made up with so many seeds and sizes, the num_seen in which the test says "greater than 1"."""

    num_seeds: int
    num_sizes: int
    num_seen: int
    num_studies: int

    @property
    def share(self) -> float:
        """The power."""
        return self.num_seen / self.num_studies

    def interval(self, level: float = LEVEL) -> Interval:
        """Wilson's, of the share."""
        z = float(ndtri((1 + level) / 2))
        centre = (self.num_seen + z**2 / 2) / (self.num_studies + z**2)
        spread = self.share * (1 - self.share) / self.num_studies + (z / (2 * self.num_studies)) ** 2
        half = z * float(np.sqrt(spread)) / (1 + z**2 / self.num_studies)
        return Interval(centre - half, centre + half)


def seed_noise(baseline: Measurements, others: Sequence[Measurements] = ()) -> Noise:
    """Noise pooled over the sizes of all curves, and the correlation of the others with the baseline.

    ValueError for values that are not positive and where no size of any curve has two seeds.
    """
    squares, freedom = 0.0, 0
    deviations = [_deviations(table) for table in (baseline, *others)]
    for curve in deviations:
        squares += sum(float((cell**2).sum()) for cell in curve.values())
        freedom += sum(len(cell) - 1 for cell in curve.values())
    if freedom == 0:
        raise ValueError("no size has two seeds, so how much they differ is unknown")
    first = deviations[0]
    shared = [(first[key], curve[key]) for curve in deviations[1:] for key in curve if key in first and key[1]]
    products = sum(float((one * other).sum()) for one, other in shared)
    sizes = sum(float((one**2).sum() + (other**2).sum()) / 2 for one, other in shared)
    return Noise(float(np.sqrt(squares / freedom)), max(0.0, products / sizes) if sizes else None, freedom)


def _deviations(table: Measurements) -> dict[tuple[float, tuple[str, ...]], FloatArray]:
    """Log errors less the mean of their size, by size and labels of the seeds (empty where they have none)."""
    table.require_positive_values()
    found: dict[tuple[float, tuple[str, ...]], FloatArray] = {}
    for size, rows in zip(table.sizes(), table.cells(), strict=True):
        runs = table.runs(rows)
        logs = np.log([table.values[run].mean() for run in runs])
        labels = () if table.seeds is None else tuple(str(table.seeds[run[0]]) for run in runs)
        found[float(size), labels] = np.asarray(logs - logs.mean(), dtype=np.float64)
    return found


def spacing(sizes: Sequence[float]) -> float:
    """How many times the size before a size is, on average; ValueError for fewer than two."""
    if len(sizes) < 2:
        raise ValueError("one size has no spacing")
    return float((max(sizes) / min(sizes)) ** (1 / (len(sizes) - 1)))


def power_of(
    study: PlantedStudy,
    *,
    num_studies: int = NUM_STUDIES,
    num_first: int = NUM_FIRST,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Power:
    """Make the study up so often and test each, or num_first times where these leave no doubt (see `NUM_FIRST`)."""
    generator = np.random.default_rng([seed, study.num_seeds, len(study.sizes)])
    num_seen = 0
    for number in range(num_studies):
        if number == num_first and min(num_seen, number - num_seen) <= 1:
            return Power(study.num_seeds, len(study.sizes), num_seen, num_first)
        _, p, _ = equal_size_test(joint_curves(*study.tables(generator), num_draws, seed + number))
        num_seen += p is not None and p <= SIGNIFICANT
    return Power(study.num_seeds, len(study.sizes), num_seen, num_studies)
