"""Composed fast, a point is what Hydra's own loader composes."""

from __future__ import annotations

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import OmegaConf

from hydra_plugins.synthscale_launchers.sweep_loader import SweepLoader
from synthscale.study.app import config_dir
from synthscale.study.config import register_schemas

POINTS = [
    [],
    ["data_size=64", "seed=3"],
    ["algorithm=dpo", "data_size=64"],
    ["data_size=64", "algorithm=dpo", "trainer.batch_size=8"],
    ["algorithm=step_dpo", "algorithm.beta=0.3", "model.architecture.num_layers=1"],
    ["algorithm=dpo", "algorithm.first.learning_rate=1e-4", "hydra.job.num=7"],
    ["+hydra.job.env_set.A=1", "study_name=there", "~logger"],
    ["data_size=32", "data_size=64"],
    ["runs_dir=${study_name}/x", "algorithm.recipe=[synthesize,finetune]"],
]


@pytest.fixture(scope="module")
def hydra():
    """Hydra's loader and the master config of a sweep."""
    register_schemas()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["seed=1,2"], RunMode.MULTIRUN)
        yield loader, master


@pytest.mark.parametrize("overrides", POINTS, ids=" ".join)
def test_a_point_equals_hydras_own(hydra, overrides):
    loader, master = hydra
    fast = SweepLoader(loader)
    own = loader.load_sweep_config(master, list(overrides))
    for _ in range(2):  # the second comes from the same composed config, which the first must not have touched
        ours = fast.load_sweep_config(master, list(overrides))
        assert OmegaConf.to_container(ours) == OmegaConf.to_container(own)
        assert OmegaConf.get_type(ours, "algorithm") is OmegaConf.get_type(own, "algorithm")
        assert OmegaConf.is_struct(ours) == OmegaConf.is_struct(own)
        ours.seed = 99


@pytest.mark.parametrize("overrides", POINTS, ids=" ".join)
def test_a_lent_config_equals_hydras_own_and_leaves_nothing_behind(hydra, overrides):
    loader, master = hydra
    fast = SweepLoader(loader)
    for point in (overrides, ["data_size=7", "algorithm.beta=0.7"], overrides):
        own = OmegaConf.to_container(loader.load_sweep_config(master, list(point)))
        with fast.lend_task_config(master, point) as config:
            assert OmegaConf.to_container(config) == {key: own[key] for key in own if key != "hydra"}
            assert OmegaConf.is_struct(config) and OmegaConf.get_type(config).__name__ == "RunConfig"
        with fast.lend_job_config(master, point) as (config, _, _):
            assert OmegaConf.to_container(config) == own


def test_a_refused_value_leaves_nothing_behind(hydra):
    loader, master = hydra
    fast = SweepLoader(loader)
    with pytest.raises(ConfigCompositionException), fast.lend_task_config(master, ["seed=5", "data_size=x"]):
        pass
    with fast.lend_task_config(master, ["data_size=64"]) as config:
        assert (config.seed, config.data_size) == (0, 64)


def test_a_point_resolves_for_itself(hydra):
    """A time that a point names is its own, as with Hydra's loader, and not the first point's."""
    loader, master = hydra
    fast = SweepLoader(loader)
    names = set()
    for _ in range(2):
        with fast.lend_task_config(master, ["study_name=${now:%S%f}"]) as config:
            names.add(config.study_name)
    assert len(names) == 2


@pytest.mark.parametrize("overrides", [["nonsense=1"], ["data_size=x"], ["algorithm=nonsense"], ["trainer.foo=1"]])
def test_what_hydra_refuses_is_refused_in_the_same_words(hydra, overrides):
    loader, master = hydra
    with pytest.raises(ConfigCompositionException) as own:
        loader.load_sweep_config(master, list(overrides))
    with pytest.raises(type(own.value)) as ours:
        SweepLoader(loader).load_sweep_config(master, list(overrides))
    assert str(ours.value) == str(own.value)


def test_groups_are_composed_once(hydra, monkeypatch):
    loader, master = hydra
    composed = []
    compose = loader.load_sweep_config
    monkeypatch.setattr(loader, "load_sweep_config", lambda *args: composed.append(args) or compose(*args))
    fast = SweepLoader(loader)
    for algorithm in ("sft", "dpo"):
        for size in (32, 64, 128):
            fast.load_sweep_config(master, [f"algorithm={algorithm}", f"data_size={size}"])
    assert len(composed) == 2
