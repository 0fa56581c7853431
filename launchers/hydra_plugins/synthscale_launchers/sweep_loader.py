"""Composes the points of a sweep fast: each combination of config groups once, plain values on copies of it.

Hydra composes every point from its files anew, twice (the sweeper checks each before the launcher does), at about
80 ms: 48 points would take 8 s before a bad one is refused. Values that name no config group cannot change what is
composed, and Hydra itself applies them to the composed config, last; so they are applied, by its own function, to a
copy.
"""

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, open_dict


class SweepLoader:
    """A config loader that is Hydra's own but for `load_sweep_config`."""

    def __init__(self, loader: ConfigLoaderImpl) -> None:
        self._loader = loader
        self._parse = cache(self._parse_one)
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """The config of one point: equal to what Hydra's own loader composes."""
        overrides = [self._parse(text) for text in sweep_overrides]
        choices = tuple(str(o.input_line) for o in overrides if not self._is_plain_value(o))
        if choices not in self._composed:
            self._composed[choices] = self._loader.load_sweep_config(master_config, list(choices))
        config = copy.deepcopy(self._composed[choices])
        ConfigLoaderImpl._apply_overrides_to_config([o for o in overrides if self._is_plain_value(o)], config)
        self._note_overrides(config, [o for o in overrides if not o.is_hydra_override()])
        return config

    def _parse_one(self, text: str) -> Override:
        override: Override = OverridesParser.create().parse_override(text)
        return override

    def _is_plain_value(self, override: Override) -> bool:
        """Whether the override sets a value and chooses no config."""
        changes = override.type is OverrideType.CHANGE and override.package is None
        return changes and not override.is_hydra_override() and not self._is_group(override.key_or_group)

    def _is_group(self, name: str) -> bool:
        return bool(self._loader.repository.group_exists(name))

    @staticmethod
    def _note_overrides(config: DictConfig, overrides: Sequence[Override]) -> None:
        """What Hydra's loader writes into `hydra.overrides` and `hydra.job` of a point."""
        separators = config.hydra.job.config.override_dirname
        with open_dict(config.hydra):
            config.hydra.overrides.task = [override.input_line for override in overrides]
            config.hydra.job.override_dirname = get_overrides_dirname(
                overrides=list(overrides),
                kv_sep=separators.kv_sep,
                item_sep=separators.item_sep,
                exclude_keys=separators.exclude_keys,
            )
