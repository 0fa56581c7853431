"""Composes the points of a sweep fast: each combination of config groups once, plain values on top of it.

Hydra composes every point from its files anew, twice (the sweeper checks each before the launcher does), at about
100 ms: 1,000 points would take minutes before a bad one is refused. Values that name no config group cannot change
what is composed, and Hydra itself applies them to the composed config, last; so they are applied, by its own function,
to what was composed for the choice of groups. A copy of that takes 7 ms, so where a look at the point's config is
enough it is lent: the point's values stand in it while a `with` lasts, then what stood there before comes back.
"""

import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf, open_dict

Key = tuple[str, ...]
"""Where a value stands in a config: `("algorithm", "beta")`."""


class Composed:
    """What Hydra composed for one choice of groups: as it is, to be lent without `hydra`, and to be lent with it."""

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        self.task_config = copy.deepcopy(config)
        with open_dict(self.task_config):
            del self.task_config["hydra"]
        self.texts: dict[Key, str] = {}  # YAML of what is the same in the job's config for all its points

    @cached_property
    def job_config(self) -> DictConfig:
        """Only where points are run."""
        return copy.deepcopy(self.config)


class SweepLoader:
    """A config loader that is Hydra's own but for `load_sweep_config`, and that lends configs."""

    def __init__(self, loader: ConfigLoaderImpl) -> None:
        self._loader = loader
        self._parse = cache(self._parse_one)
        self._is_group = cache(lambda name: bool(loader.repository.group_exists(name)))
        self._composed: dict[tuple[str, ...], Composed] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """The config of one point: equal to what Hydra's own loader composes."""
        composed, values = self._compose(master_config, sweep_overrides)
        config = copy.deepcopy(composed.config)
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        self._note_overrides(config, sweep_overrides)
        return config

    @contextmanager
    def lend_task_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> Iterator[DictConfig]:
        """The point's config without `hydra`, to be read while the `with` lasts."""
        composed, values = self._compose(master_config, sweep_overrides)
        with lent(composed.task_config, composed.config, values) as config:
            yield config

    @contextmanager
    def lend_job_config(
        self, master_config: DictConfig, sweep_overrides: Sequence[str]
    ) -> Iterator[tuple[DictConfig, set[Key], dict[Key, str]]]:
        """The point's whole config, where its own values stand, and a place to keep YAML of the others.

        In `hydra`, the borrower may write what every borrower writes.
        """
        composed, values = self._compose(master_config, sweep_overrides)
        with lent(composed.job_config, composed.config, values) as config:
            self._note_overrides(config, sweep_overrides)
            yield config, set(map(key_of, values)), composed.texts

    def _compose(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> tuple[Composed, list[Override]]:
        """What was composed for the point's choice of groups, and the plain values that go on top."""
        overrides = [self._parse(text) for text in sweep_overrides]
        choices = tuple(str(o.input_line) for o in overrides if not self._is_plain_value(o))
        if choices not in self._composed:
            self._composed[choices] = Composed(self._loader.load_sweep_config(master_config, list(choices)))
        return self._composed[choices], [o for o in overrides if self._is_plain_value(o)]

    def _parse_one(self, text: str) -> Override:
        override: Override = OverridesParser.create().parse_override(text)
        return override

    def _is_plain_value(self, override: Override) -> bool:
        """Whether the override sets a value and chooses no config."""
        changes = override.type is OverrideType.CHANGE and override.package is None
        return changes and not override.is_hydra_override() and not self._is_group(override.key_or_group)

    def _note_overrides(self, config: DictConfig, sweep_overrides: Sequence[str]) -> None:
        """What Hydra's loader writes into `hydra.overrides` and `hydra.job` of a point."""
        overrides = [o for o in map(self._parse, sweep_overrides) if not o.is_hydra_override()]
        separators = config.hydra.job.config.override_dirname
        with open_dict(config.hydra):
            config.hydra.overrides.task = [override.input_line for override in overrides]
            config.hydra.job.override_dirname = get_overrides_dirname(
                overrides=overrides,
                kv_sep=separators.kv_sep,
                item_sep=separators.item_sep,
                exclude_keys=separators.exclude_keys,
            )


def key_of(value: Override) -> Key:
    """Where the value goes."""
    return tuple(re.findall(r"[^.[\]]+", value.key_or_group))


@contextmanager
def lent(config: DictConfig, original: DictConfig, values: list[Override]) -> Iterator[DictConfig]:
    """The config with these values in it until the `with` ends, and nothing resolved but what the original has."""
    content = config.__dict__["_content"]
    before = {name: content[name] for name in {key_of(value)[0] for value in values} if name in content}
    content.update(copy.deepcopy(before))  # a copy has its original's parent: OmegaConf copies no parents
    OmegaConf.copy_cache(from_config=original, to_config=config)
    try:
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        yield config
    finally:
        content.update(before)
