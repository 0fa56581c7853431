"""What a report is made from, each thing computed once: figures, tables and page take their numbers from here."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from synthscale.scaling import DataMultiplier, OverallMultiplier
from synthscale_analysis.curves import Curve, curves_of
from synthscale_analysis.extract.stage_seconds import stage_seconds
from synthscale_analysis.numbers.completeness import gaps
from synthscale_analysis.numbers.estimates import (
    BASELINES,
    STUDY_LAWS,
    fit_to_curve,
    multipliers_of,
    overall_multiplier_of,
)
from synthscale_analysis.numbers.fitting import FittedCurve
from synthscale_analysis.output import with_progress
from synthscale_analysis.protocol import NUM_DRAWS, SEED
from synthscale_analysis.studies import TaskModelRecords


@dataclass(frozen=True)
class Material:
    """One task and model of a study.

    study: its records and the folder of its report. source: the study's own folder, e.g. runs/eightfold. num_draws,
    seed: of every bootstrap.
    """

    study: TaskModelRecords
    source: Path
    num_draws: int = NUM_DRAWS
    seed: int = SEED

    @property
    def records(self) -> pd.DataFrame:
        """One row a point."""
        return self.study.records

    @property
    def artifacts(self) -> Path:
        """Where the artifacts of the study's points are, if they are here at all."""
        return self.source.resolve().parent / "artifacts"

    @cached_property
    def curves(self) -> list[Curve]:
        """In the order in which every figure has them."""
        return curves_of(self.records)

    @cached_property
    def baselines(self) -> list[str]:
        """The baselines that the study has runs of."""
        return [name for name in BASELINES if name in set(self.records["algorithm"].astype(str))]

    @cached_property
    def fits(self) -> dict[str, list[FittedCurve | None]]:
        """By law, in the order of `curves`; None where no run has a positive error."""
        jobs = with_progress([(law, curve) for law in STUDY_LAWS for curve in self.curves], "fitting")
        made: dict[str, list[FittedCurve | None]] = {law: [] for law in STUDY_LAWS}
        for law, curve in jobs:
            made[law].append(fit_to_curve(curve, law, self.num_draws, self.seed))
        return made

    @property
    def power_fits(self) -> list[FittedCurve | None]:
        """In the order of `curves`."""
        return self.fits["power"]

    @cached_property
    def multipliers(self) -> dict[str, list[list[DataMultiplier]]]:
        """By baseline, in the order of `curves`; empty for the baseline itself."""
        return {
            name: [multipliers_of(self.records, curve, name, self.num_draws, self.seed) for curve in self.curves]
            for name in self.baselines
        }

    @cached_property
    def overall_multipliers(self) -> dict[str, list[OverallMultiplier | None]]:
        """One for a whole curve: by baseline, in the order of `curves`; None for the baseline itself."""
        return {
            name: [overall_multiplier_of(self.records, curve, name, self.num_draws, self.seed) for curve in self.curves]
            for name in self.baselines
        }

    @cached_property
    def stage_seconds(self) -> pd.DataFrame | None:
        """Seconds by stage and method; None where some point's artifacts are not here."""
        return stage_seconds(self.records, self.artifacts)

    @cached_property
    def surroundings(self) -> list[str]:
        """Names and sizes of the files beside the records that a report reads: a report hangs on them as well."""
        files = [(folder, path) for folder in (self.source / "points", self.artifacts) for path in folder.rglob("*")]
        return sorted(f"{path.relative_to(folder)} {path.stat().st_size}" for folder, path in files if path.is_file())

    @cached_property
    def gaps(self) -> list[str]:
        """What the records lack, in sentences."""
        return gaps(self.records, self.curves)
