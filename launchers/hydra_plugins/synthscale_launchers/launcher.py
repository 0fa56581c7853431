"""What the study's launchers share: all points are composed and validated before anything is computed, then carried out
as one plan, and Hydra's books are kept of each.

Hydra's own launchers run a sweep's jobs one by one, each for itself. Hydra imports this file at each start, so what is
heavy is imported inside.
"""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, configure_log, filter_overrides, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.synthscale_launchers.bookkeeping import Books
from hydra_plugins.synthscale_launchers.sweep_loader import SweepLoader

if TYPE_CHECKING:
    from rich.console import Console

    from synthscale.study.outcome import Outcome
    from synthscale.study.plan import Plan
    from synthscale.study.recipe import Point
    from synthscale.study.store import ArtifactStore


class StudyLauncher(Launcher):
    """Runs the points of a sweep as one plan; a subclass says where."""

    def check(self) -> None:
        """Look at the launcher's own keys, before anything else.

        Raises:
            ConfigError: for a bad value.
        """

    @abstractmethod
    def carry_out(self, points: Sequence["Point"], store: "ArtifactStore", console: "Console") -> list["Outcome"]:
        """Have the points' stages made, and return what became of each point, in their order."""

    def preview(self, plan: "Plan", console: "Console") -> None:
        """What `synthscale plan` shows below the table of stages."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives.

        The loader is replaced in the context itself, because sweepers compose each point too.
        """
        self.loader = SweepLoader(cast(ConfigLoaderImpl, hydra_context.config_loader))
        hydra_context.config_loader = cast(ConfigLoader, self.loader)
        self.hydra_context = hydra_context
        self.task_function = task_function
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run all points; a failed one has the status FAILED and does not stop the others.

        The task function is not called, since points are run as a plan; `synthscale plan`'s gets them instead.

        Raises:
            ConfigError: for the first point that is refused, before anything is computed.
        """
        from rich.console import Console

        from synthscale.study.plan_app import PlanTask
        from synthscale.study.target import store_of

        self.check()
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        points = [self._point(overrides) for overrides in job_overrides]
        if isinstance(self.task_function, PlanTask):
            self.task_function.keep(points, self.preview)
            return []
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        outcomes = self.carry_out(points, store_of(points), Console())
        books = Books(self.loader, self.hydra_context, self.config)
        jobs = enumerate(zip(job_overrides, outcomes, strict=True), initial_job_idx)
        return [books.close(index, overrides, outcome) for index, (overrides, outcome) in jobs]

    def _point(self, overrides: Sequence[str]) -> "Point":
        from synthscale.study.config import ConfigError
        from synthscale.study.target import compose_point

        with self.loader.lend_task_config(self.config, overrides) as config:
            try:
                return compose_point(config)
            except ConfigError as error:
                raise ConfigError(f"Point {' '.join(filter_overrides(overrides))}: {error}") from error
