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
"""Values by key: text in Hydra's syntax, which may be a sweep, or a list of values."""

Row = list[str]
"""What one point sets: `key=value` each."""


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
        self.zip: Axes = plain(zip) or {}
        self.points: Sequence[Axes] = plain(points) or []
        self.rows: list[Row] = [[]]

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Hydra's, but that `synthscale plan` never gets a launcher of others, which would start jobs."""
        from synthscale.study.plan_app import PlanTask

        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        if isinstance(task_function, PlanTask) and not isinstance(self.launcher, StudyLauncher):
            self.launcher = LocalLauncher()
            self.launcher.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:
        """Launch the points of the study, as the command line's overrides change it.

        Raises:
            ConfigError: if zipped axes are not of one length, a key has two places, or an axis has no value.
        """
        from synthscale.study.config import ConfigError

        if self.max_batch_size is not None and self.max_batch_size < 1:
            raise ConfigError(f"hydra.sweeper.max_batch_size must be at least 1, but is {self.max_batch_size}.")
        self._check_places()
        given = self._parse(arguments)
        studies = [override for override in given if override.key_or_group == "study"]
        if any(study.is_sweep_override() or isinstance(study.value(), list) for study in studies):
            raise ConfigError("study= takes one study: run each by a command of its own.")
        replaced, in_place = {key_of(override) for override in given}, {o.get_key_element() for o in given}
        # what is replaced under the same name keeps its place in the order: Hydra sees to that
        self.params = {k: v for k, v in self.params.items() if k in in_place or k.lstrip("+~") not in replaced}
        zipped = self._zipped_rows(self._axes("zip", self.zip, replaced))
        points = [row for item in self.points for row in product(self._axes("points", item, replaced))]
        self.rows = [[*left, *right] for left in zipped for right in (points or [[]])]
        return super().sweep(arguments)

    def split_arguments(  # type: ignore[override]  # Hydra's takes no self, and is called on one
        self, overrides: list[Override], max_batch_size: int | None
    ) -> list[list[Row]]:
        """The points of the study in batches, each point once; what the command line says comes last in a point."""
        from synthscale.study.config import ConfigError

        points = [[*row, *rest] for rest in product(overrides) for row in self.rows]
        if not points:
            raise ConfigError("The sweep has no points, since one of its axes has no value.")
        once: dict[frozenset[str], Row] = {}
        for point in points:
            once.setdefault(frozenset(point), point)
        return list(self.split_overrides_to_chunks(list(once.values()), max_batch_size))

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Leave it to a `StudyLauncher`, which composes and checks all points before it runs one."""
        if not isinstance(self.launcher, StudyLauncher):
            super().validate_batch_is_legal(batch)

    def _parse_config(self) -> list[str]:
        return texts_of("params", self.params)

    def _parse(self, texts: Iterable[str]) -> list[Override]:
        assert self.hydra_context is not None
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides: list[Override] = parser.parse_overrides(list(texts))
        return overrides

    def _axes(self, place: str, axes: Axes, replaced: Collection[str]) -> list[Override]:
        """The axes as overrides, without those that the command line replaces."""
        return [override for override in self._parse(texts_of(place, axes)) if key_of(override) not in replaced]

    def _zipped_rows(self, axes: Sequence[Override]) -> list[Row]:
        from synthscale.study.config import ConfigError

        columns = [product([axis]) for axis in axes]
        lengths = [f"{key_of(axis)} has {len(column)}" for axis, column in zip(axes, columns, strict=True)]
        if len({len(column) for column in columns}) > 1:
            raise ConfigError(f"Axes of hydra.sweeper.zip must have equally many values, but {', '.join(lengths)}.")
        return [[text for (text,) in row] for row in zip(*columns, strict=True)] or [[]]

    def _check_places(self) -> None:
        from synthscale.study.config import ConfigError

        places: dict[str, str] = {}
        given: list[tuple[str, Sequence[Axes]]] = [
            ("params", [self.params]),
            ("zip", [self.zip]),
            ("points", self.points),
        ]
        for place, several in given:
            for key in {key_of(axis) for axes in several for axis in self._axes(place, axes, ())}:
                if key in places:
                    raise ConfigError(f"{key} stands in hydra.sweeper.{places[key]} and in hydra.sweeper.{place}.")
                places[key] = place


def product(axes: list[Override]) -> list[Row]:
    """Every combination of the axes' values; one empty row where there is no axis."""
    rows: list[Row] = BasicSweeper.split_arguments(axes, None)[0]
    return rows


def key_of(override: Override) -> str:
    """What the override is about, whether it sets, adds or deletes it."""
    return f"{override.key_or_group}@{override.package}" if override.package else str(override.key_or_group)


def plain(config: Any) -> Any:
    """A config node as Python's own types, with its interpolations resolved."""
    return OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config


def texts_of(place: str, axes: Axes) -> list[str]:
    """The axes as Hydra's overrides.

    Raises:
        ConfigError: if one has no value.
    """
    from synthscale.study.config import ConfigError

    values = {key: value if isinstance(value, list) else [value] for key, value in axes.items()}
    empty = [key for key, of_key in values.items() if not of_key]
    if empty:
        raise ConfigError(f"{empty[0]} of hydra.sweeper.{place} has no value.")
    return [f"{key}={','.join(map(text_of, of_key))}" for key, of_key in values.items()]


def text_of(value: Any) -> str:
    """One value in Hydra's syntax, which text is in already."""
    if isinstance(value, list):
        return f"[{','.join(map(text_of, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{text_of(inner)}" for key, inner in value.items()) + "}"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)
