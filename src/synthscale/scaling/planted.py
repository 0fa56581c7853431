"""Made-up studies whose answer is known: what intervals, tests and planned studies are tried on.

Errors are those of two parallel power laws, so that the method is worth the same multiple of its data at every size;
a run's log error is off by a normal deviation of its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthscale.scaling.measurements import Measurements


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantedStudy:
    """A baseline and a method at the same sizes.

    sizes: ascending, in problems. num_seeds: at each size of each curve. slope: of both laws, err ~ N^-slope.
    multiplier: what the method is worth. noise: standard deviation of a run's log error. correlation: of the deviations
    of a seed's two runs; None where the two curves have seeds of their own.
    """

    sizes: tuple[float, ...]
    num_seeds: int
    slope: float
    multiplier: float
    noise: float
    correlation: float | None = None

    def tables(self, generator: np.random.Generator) -> tuple[Measurements, Measurements]:
        """Baseline and method; the smallest size of the baseline has error 0.8 but for noise."""
        rows = np.repeat(np.array(self.sizes), self.num_seeds)
        seeds = np.tile(np.arange(self.num_seeds), len(self.sizes))
        ours, shared = generator.standard_normal((2, len(rows)))
        share = self.correlation or 0.0
        theirs = share * ours + np.sqrt(1 - share**2) * shared
        level = 0.8 * (rows / self.sizes[0]) ** -self.slope
        baseline = Measurements.from_columns(rows, level * np.exp(self.noise * ours), seeds)
        lower = level * self.multiplier**-self.slope
        labels = seeds + (self.num_seeds if self.correlation is None else 0)
        return baseline, Measurements.from_columns(rows, lower * np.exp(self.noise * theirs), labels)
