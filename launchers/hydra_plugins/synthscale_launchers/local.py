"""The launcher `local`: a sweep as one plan on this machine, each stage once, over several processes."""

# No `from __future__ import annotations`: Hydra runs this file before it is in sys.modules, where a dataclass would
# look for the module of its annotations.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.config_store import ConfigStore

from hydra_plugins.synthscale_launchers.launcher import StudyLauncher

if TYPE_CHECKING:
    from rich.console import Console

    from synthscale.study.outcome import Outcome
    from synthscale.study.recipe import Point
    from synthscale.study.store import ArtifactStore


@dataclass
class LocalLauncherConfig:
    """`hydra/launcher=local`."""

    _target_: str = "hydra_plugins.synthscale_launchers.local.LocalLauncher"
    num_workers: int | None = None  # processes; as many as keep all cores busy if not given, 0 for this process alone


ConfigStore.instance().store(group="hydra/launcher", name="local", node=LocalLauncherConfig, provider="synthscale")


class LocalLauncher(StudyLauncher):
    """Runs the points of a sweep as one plan, in `num_workers` processes, and returns when every point has ended."""

    def __init__(self, num_workers: int | None = None) -> None:
        self.num_workers = num_workers

    def check(self) -> None:
        """Refuse a negative number of workers."""
        from synthscale.study.config import ConfigError

        if self.num_workers is not None and self.num_workers < 0:
            raise ConfigError(f"hydra.launcher.num_workers must be at least 0, but is {self.num_workers}.")

    def carry_out(self, points: Sequence["Point"], store: "ArtifactStore", console: "Console") -> list["Outcome"]:
        """Make what is missing, and show what the points reached."""
        from synthscale.study.execute import available_cores, run_points, threads_of
        from synthscale.study.summary import print_summary

        num_workers = self.num_workers
        if num_workers is None:
            num_workers = max(1, available_cores() // threads_of(points))
        outcomes = run_points(points, store, num_workers=num_workers, console=console)
        print_summary(outcomes, console)
        return outcomes
