"""Lets Hydra read what it composes once: for a study it composes the command line twice, then each choice of groups.

Each composition parses some thirty files, most of them the same; the first two, to learn the mode and to launch, are
the same altogether. For a study of six algorithms both together are a fifth of what its plan takes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig


@contextmanager
def read_once() -> Iterator[None]:
    """In its block Hydra reads each config of its search path once, and composes the command line once."""
    read, compose = ConfigRepository.load_config, ConfigLoaderImpl.load_configuration
    results: dict[tuple[Any, ...], ConfigResult | None] = {}
    unchecked: dict[tuple[Any, ...], DictConfig] = {}

    def load_config(self: ConfigRepository, config_path: str) -> ConfigResult | None:
        sources = [(source.provider, source.path) for source in self.get_sources()]
        key = (*sources, config_path)
        if key not in results:
            results[key] = read(self, config_path)
        result = copy.copy(results[key])
        if result is not None:
            result.config = copy.deepcopy(result.config)  # composing takes it apart
        return result

    def load_configuration(
        self: ConfigLoaderImpl,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        key = (config_name, *overrides, run_mode)
        if validate_sweep_overrides and key in unchecked:
            parsed = OverridesParser.create().parse_overrides(overrides)
            self.validate_sweep_overrides_legal(parsed, run_mode, from_shell)
            return unchecked.pop(key)
        config = compose(self, config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
        if not validate_sweep_overrides:  # so Hydra asks for the mode alone
            unchecked[key] = config
        return config

    ConfigRepository.load_config = load_config  # type: ignore[method-assign]
    ConfigLoaderImpl.load_configuration = load_configuration  # type: ignore[method-assign]
    try:
        yield
    finally:
        ConfigRepository.load_config = read  # type: ignore[method-assign]
        ConfigLoaderImpl.load_configuration = compose  # type: ignore[method-assign]
