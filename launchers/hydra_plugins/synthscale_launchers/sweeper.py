"""The sweeper `study`: Hydra's own, with axes that advance together and with lists of points.

A study is params × zip × points. `params` are axes of a product, as Hydra has them; the axes of `zip` are of equal
length and advance together; each item of `points` is one point, or a product where its values are sweeps. What is not
given contributes nothing, and a point that comes twice is run once.

    hydra:
      sweeper:
        params: {algorithm: "sft,rft"}
        zip: {data_size: "512,1024", algorithm.first.learning_rate: "1e-3,5e-4"}
        points: [{seed: "1,2"}, {seed: 3, trainer.batch_size: 64}]

An override on the command line replaces what the study says of its key, wherever that stands: its axis leaves `zip`,
where the others go on together, and each item of `points`. So `data_size=64` above means 64 with either learning rate.
"""

# No `from __future__ import annotations`: Hydra runs this file before it is in sys.modules, where a dataclass would
# look for the module of its annotations.

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.synthscale_launchers.launcher import StudyLauncher
from hydra_plugins.synthscale_launchers.local import LocalLauncher

Axes = Mapping[str, Any]
"""Values by key: as text in Hydra's syntax for sweeps, or as a list of values."""

Overrides = list[str]
"""What one point sets, `key=value` each."""


@dataclass
class StudySweeperConfig:
    """`hydra/sweeper=study`."""

    _target_: str = "hydra_plugins.synthscale_launchers.sweeper.StudySweeper"
    max_batch_size: int | None = None  # points launched at a time; all of them if not given
    params: dict[str, Any] | None = None
    zip: dict[str, Any] | None = None
    points: list[dict[str, Any]] | None = None


ConfigStore.instance().store(group="hydra/sweeper", name="study", node=StudySweeperConfig, provider="synthscale")


class StudySweeper(BasicSweeper):
    """Hydra's basic sweeper over params × zip × points."""

    def __init__(
        self,
        max_batch_size: int | None = None,
        params: Axes | None = None,
        zip: Axes | None = None,
        points: Sequence[Axes] | None = None,
    ) -> None:
        super().__init__(max_batch_size, plain(params) or {})
        self.zipped: Axes = plain(zip) or {}
        self.points: Sequence[Axes] = plain(points) or []
        self.rows: list[Overrides] = [[]]

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Hydra's; for `synthscale plan`, a launcher of others', which would start jobs, makes room for `local`."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        from synthscale.study.plan_app import PlanTask

        if isinstance(task_function, PlanTask) and not isinstance(self.launcher, StudyLauncher):
            self.launcher = LocalLauncher()
            self.launcher.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:
        """Run the study, as the command line's overrides change it.

        Raises:
            ConfigError: if zipped axes are of different lengths, or a key has two places.
        """
        replaced = {key_of(override) for override in self._parse(arguments)}
        self._check_places()
        self.params = {key: value for key, value in self.params.items() if key not in replaced}
        self.rows = [
            [*zipped, *point] for zipped in self._zipped_rows(replaced) for point in self._point_rows(replaced)
        ]
        return super().sweep(arguments)
