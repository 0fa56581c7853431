"""The launcher `local`: a sweep as one plan on this machine, each stage once, over several processes.

Hydra's own launchers run a sweep's jobs one by one, each for itself. This one composes and validates all points
before anything is computed, merges their stages, and returns when every point has its record or its failure. Hydra
imports this file at each start, so what is heavy is imported inside.
"""

# No `from __future__ import annotations`: Hydra runs this file before it is in sys.modules, where a dataclass would
# look for the module of its annotations.

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, filter_overrides, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from hydra_plugins.synthscale_launchers.sweep_loader import SweepLoader

if TYPE_CHECKING:
    from synthscale.study.outcome import Outcome
    from synthscale.study.recipe import Point

log = logging.getLogger(__name__)


@dataclass
class LocalLauncherConfig:
    """`hydra/launcher=local`."""

    _target_: str = "hydra_plugins.synthscale_launchers.local.LocalLauncher"
    num_workers: int | None = None  # processes; all cores if not given, 0 for this process alone


ConfigStore.instance().store(group="hydra/launcher", name="local", node=LocalLauncherConfig, provider="synthscale")


class LocalLauncher(Launcher):
    """Runs the points of a sweep as one plan, in `num_workers` processes."""

    def __init__(self, num_workers: int | None = None) -> None:
        self.num_workers = num_workers

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives; the task function is not needed, since points are run as a plan.

        The loader is replaced in the context itself, because the sweeper composes each point too.
        """
        loader = SweepLoader(cast(ConfigLoaderImpl, hydra_context.config_loader))
        hydra_context.config_loader = cast(ConfigLoader, loader)
        self.hydra_context = hydra_context
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all points; a failed one has the status FAILED and does not stop the others.

        Raises:
            ConfigError: for the first point that is refused, before anything is computed.
        """
        from rich.console import Console

        from synthscale.study.config import ConfigError
        from synthscale.study.execute import available_cores, run_points
        from synthscale.study.summary import print_summary
        from synthscale.study.target import store_of

        if self.num_workers is not None and self.num_workers < 0:
            raise ConfigError(f"hydra.launcher.num_workers must be at least 0, but is {self.num_workers}.")
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        configs = [self._compose(initial_job_idx + i, overrides) for i, overrides in enumerate(job_overrides)]
        points = [_point(config, overrides) for config, overrides in zip(configs, job_overrides, strict=True)]
        num_workers = available_cores() if self.num_workers is None else self.num_workers
        console = Console()
        outcomes = run_points(points, store_of(points), num_workers=num_workers, console=console)
        print_summary(outcomes, console)
        return [self._job(config, outcome) for config, outcome in zip(configs, outcomes, strict=True)]

    def _compose(self, index: int, overrides: Sequence[str]) -> DictConfig:
        config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = index
            config.hydra.job.num = index
        return config

    def _job(self, config: DictConfig, outcome: "Outcome") -> JobReturn:
        """Hydra's own bookkeeping of the point that has ended: its folder, its callbacks, its status."""

        def result(_: DictConfig) -> "Outcome":
            from synthscale.study.outcome import StudyFailed

            if outcome.failure is not None:
                raise StudyFailed(f"{outcome.point.label} failed in {outcome.failure.stage}: {outcome.failure.message}")
            return outcome

        return run_job(
            hydra_context=self.hydra_context,
            task_function=result,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            configure_logging=False,
        )


def _point(config: DictConfig, overrides: Sequence[str]) -> "Point":
    from synthscale.study.config import ConfigError
    from synthscale.study.target import compose_point

    task = config.copy()
    with open_dict(task):
        del task["hydra"]
    try:
        return compose_point(task)
    except ConfigError as error:
        raise ConfigError(f"Point {' '.join(filter_overrides(overrides))}: {error}") from error
