"""The launcher `slurm`: submits a sweep as one plan of job arrays, and returns.

What it asks of SLURM is in `synthscale_slurm`. Hydra imports this file at each start, so what is heavy is imported
inside.
"""

# No `from __future__ import annotations`: Hydra runs this file before it is in sys.modules, where a dataclass would
# look for the module of its annotations.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from hydra_plugins.synthscale_launchers.launcher import StudyLauncher
from synthscale_slurm.resources import SlurmConfig

if TYPE_CHECKING:
    from rich.console import Console

    from synthscale.study.outcome import Outcome
    from synthscale.study.plan import Plan
    from synthscale.study.recipe import Point
    from synthscale.study.store import ArtifactStore


@dataclass
class SlurmLauncherConfig(SlurmConfig):
    """`hydra/launcher=slurm`, and the presets that are built on it."""

    _target_: str = "hydra_plugins.synthscale_launchers.slurm.SlurmLauncher"


ConfigStore.instance().store(
    group="hydra/launcher", name="slurm_schema", node=SlurmLauncherConfig, provider="synthscale"
)


class SlurmLauncher(StudyLauncher):
    """Runs the points of a sweep as one plan of job arrays; its keys are those of SlurmConfig."""

    def __init__(self, **keys: Any) -> None:
        self.keys = keys

    @property
    def slurm(self) -> SlurmConfig:
        """The launcher's own keys, typed."""
        config = OmegaConf.to_object(self.config.hydra.launcher)
        assert isinstance(config, SlurmConfig)
        return config

    def check(self) -> None:
        """Look at the launcher's own keys, before anything else."""
        from synthscale.study.config import ConfigError

        try:
            self.slurm.check()
        except ValueError as error:
            raise ConfigError(str(error)) from error

    def carry_out(self, points: Sequence["Point"], store: "ArtifactStore", console: "Console") -> list["Outcome"]:
        """Submit what is missing, and return at once; with `wait`, when all has ended."""
        from synthscale_slurm.launch import submit_study, wait_for_study

        outcomes = submit_study(points, store, self.slurm, console)
        return wait_for_study(points, store, console) if self.slurm.wait else outcomes

    def preview(self, plan: "Plan", console: "Console") -> None:
        """The job arrays that would be submitted, were nothing in the queue."""
        from synthscale_slurm.launch import array_table
        from synthscale_slurm.layers import plan_arrays

        arrays = plan_arrays(plan, self.slurm, {})
        if arrays:
            console.print(array_table(arrays, None))
