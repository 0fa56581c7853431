"""Read once, configs are what Hydra composes when it reads them each time."""

from __future__ import annotations

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_repository import ConfigRepository
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import OmegaConf

from synthscale.study.app import config_dir
from synthscale.study.config import register_schemas
from synthscale.study.reading import read_once


@pytest.fixture
def loader():
    register_schemas()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def composed(loader, *overrides: str, mode: RunMode = RunMode.RUN, checked: bool = True):
    return loader.load_configuration("config", list(overrides), mode, validate_sweep_overrides=checked)


@pytest.mark.parametrize("overrides", [[], ["algorithm=dpo"], ["algorithm=step_dpo", "seed=3"], ["study=quick"]])
def test_what_is_read_once_composes_the_same_again_and_again(loader, overrides):
    own = composed(loader, *overrides)
    with read_once():
        for _ in range(3):
            config = composed(loader, *overrides)
            assert OmegaConf.to_container(config) == OmegaConf.to_container(own)
            assert OmegaConf.get_type(config, "algorithm") is OmegaConf.get_type(own, "algorithm")
            config.seed = 99
            config.algorithm.name = "touched"


def test_each_config_is_read_once_inside_and_always_outside(loader, monkeypatch):
    read, asked = ConfigRepository.load_config, []
    monkeypatch.setattr(
        ConfigRepository,
        "load_config",
        lambda self, config_path: asked.append(config_path) or read(self, config_path),
    )
    with read_once():
        composed(loader, "algorithm=dpo")
        composed(loader, "algorithm=dpo", "seed=2")
        composed(loader, "algorithm=sft")
    assert len(asked) == len(set(asked)) > 10
    before = len(asked)
    composed(loader, "algorithm=dpo")
    assert len(asked) > before + 10


def test_the_command_line_is_checked_though_it_is_composed_once(loader):
    with read_once():
        first = composed(loader, "seed=1,2", mode=RunMode.MULTIRUN, checked=False)
        assert composed(loader, "seed=1,2", mode=RunMode.MULTIRUN) is first
        assert composed(loader, "seed=1,2", mode=RunMode.MULTIRUN) is not first  # it may have been written to
        composed(loader, "hydra.job.name=a,b", mode=RunMode.MULTIRUN, checked=False)
        with pytest.raises(ConfigCompositionException, match=r"hydra\.job\.name"):
            composed(loader, "hydra.job.name=a,b", mode=RunMode.MULTIRUN)
