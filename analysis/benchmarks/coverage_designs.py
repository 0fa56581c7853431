"""Planted tables whose law and noise are known: as our studies' test errors, and as tables of training losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthscale.scaling import LAWS, Law, Measurements
from synthscale.scaling.laws import FloatArray

NUM_TEST = 1000
FIRST_SIZE = 32.0
TRUTHS = {
    "power": (3.0, 0.4),
    "power_offset": (3.0, 0.5, 0.1),
    "broken": (0.9, 0.05, 0.6, 300.0, 0.5, 0.02),
    "chinchilla": (480.0, 2100.0, 1.8, 0.35, 0.37),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Design:
    """One kind of table.

    num_seeds: rows at each size. noise: standard deviation of a run's log value from its seed. num_test: test problems
    that its rate is then measured on, None for a loss. delta: of the fit. has_floor: the truth's, or 0 in its place.
    """

    law: str
    num_sizes: int
    num_seeds: int
    noise: float
    delta: float
    num_test: int | None = None
    has_floor: bool = True

    @property
    def name(self) -> str:
        """As "8 sizes × 3 seeds, noise 0.1, 1000 test problems, δ 0.1"."""
        rows = f"{self.num_sizes} sizes × {self.num_seeds} seeds" if self.num_seeds > 1 else f"{self.num_sizes} points"
        test = f", {self.num_test} test problems" if self.num_test else ""
        floor = "" if self.has_floor else ", no floor"
        return f"{rows}, noise {self.noise:g}{test}, δ {self.delta:g}{floor}"

    @property
    def fitted(self) -> Law:
        """The law that made the table, which is the one fitted to it."""
        return LAWS[self.law]

    @property
    def truth(self) -> FloatArray:
        """Parameters [num_parameters] that made the table."""
        truth = np.array(TRUTHS[self.law])
        if not self.has_floor:
            truth[self.fitted.parameter_names.index(str(self.fitted.floor))] = 0.0
        return truth

    def inputs(self) -> FloatArray:
        """[num_rows, num_inputs]; sizes double from 32, single rows lie over a factor of 4,096."""
        if self.law == "chinchilla":
            side = round(self.num_sizes**0.5)
            grids = np.meshgrid(np.geomspace(5e7, 1e10, side), np.geomspace(1e9, 2e11, side))
            return np.stack([grid.ravel() for grid in grids], axis=1)
        doubling = FIRST_SIZE * 2.0 ** np.arange(self.num_sizes)
        sizes = doubling if self.num_seeds > 1 else np.geomspace(FIRST_SIZE, 4096 * FIRST_SIZE, self.num_sizes)
        return np.repeat(sizes, self.num_seeds)[:, None]

    def table(self, generator: np.random.Generator) -> Measurements:
        """One planted table."""
        inputs = self.inputs()
        values = self.fitted.predict(self.truth, inputs) * np.exp(generator.normal(0.0, self.noise, len(inputs)))
        if self.num_test is not None:
            # No rate is above 1, and none of exactly 0 has a log.
            counts = generator.binomial(self.num_test, np.minimum(values, 1.0))
            values = np.maximum(counts, 0.5) / self.num_test
        seeds = np.tile(np.arange(self.num_seeds), self.num_sizes) if self.num_seeds > 1 else None
        return Measurements.from_columns(inputs, values, seeds, num_test=self.num_test)


#: Test errors of studies: seeds differ by a tenth, and each run answers a thousand problems.
STUDIES = tuple(
    Design(law="power", num_sizes=sizes, num_seeds=seeds, noise=0.1, delta=0.1, num_test=NUM_TEST)
    for sizes in (4, 6, 8)
    for seeds in (2, 3, 5)
)
#: The same at the default δ, which is for losses, and seeds that hardly differ, so that the test set is all the noise.
VARIANTS = (
    Design(law="power", num_sizes=4, num_seeds=2, noise=0.1, delta=1e-3),
    Design(law="power", num_sizes=6, num_seeds=3, noise=0.1, delta=1e-3),
    Design(law="power", num_sizes=6, num_seeds=3, noise=0.01, delta=0.1, num_test=NUM_TEST),
    Design(law="power", num_sizes=12, num_seeds=1, noise=0.0, delta=0.1, num_test=NUM_TEST),
    Design(law="power", num_sizes=12, num_seeds=1, noise=0.1, delta=0.1, num_test=NUM_TEST),
)
#: Losses: one run a point.
LOSSES = tuple(Design(law="power", num_sizes=points, num_seeds=1, noise=0.005, delta=1e-3) for points in (12, 20, 40))
#: Laws of more parameters.
CURVED = (
    Design(law="power_offset", num_sizes=6, num_seeds=3, noise=0.1, delta=0.1, num_test=NUM_TEST),
    Design(law="power_offset", num_sizes=8, num_seeds=5, noise=0.1, delta=0.1, num_test=NUM_TEST),
    Design(law="power_offset", num_sizes=6, num_seeds=3, noise=0.1, delta=0.1, num_test=NUM_TEST, has_floor=False),
    Design(law="power_offset", num_sizes=8, num_seeds=5, noise=0.1, delta=0.1, num_test=NUM_TEST, has_floor=False),
    Design(law="power_offset", num_sizes=20, num_seeds=1, noise=0.005, delta=1e-3),
    Design(law="broken", num_sizes=8, num_seeds=3, noise=0.03, delta=0.05, has_floor=False),
    Design(law="broken", num_sizes=12, num_seeds=3, noise=0.03, delta=0.05, has_floor=False),
    Design(law="broken", num_sizes=12, num_seeds=3, noise=0.03, delta=0.05),
    Design(law="chinchilla", num_sizes=36, num_seeds=1, noise=0.005, delta=1e-3),
    Design(law="chinchilla", num_sizes=144, num_seeds=1, noise=0.005, delta=1e-3),
)
DESIGNS = STUDIES + VARIANTS + LOSSES + CURVED
