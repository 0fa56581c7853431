"""The sweeper `study` launches params × zip × points, and nothing else than Hydra's where there are only params."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import RunMode
from omegaconf import OmegaConf

from synthscale.study.app import config_dir
from synthscale.study.config import ConfigError, register_schemas


@pytest.fixture(scope="module")
def hydra(tmp_path_factory):
    """Hydra's loader, the master config of a sweep, and the sweepers, which Hydra makes anew when it looks for them."""
    register_schemas()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        folder = f"hydra.sweep.dir={tmp_path_factory.mktemp('sweep')}"
        master = loader.load_configuration("config", [folder, "hydra.mode=MULTIRUN"], RunMode.MULTIRUN)
        sweepers = {kind.__name__: kind for kind in Plugins.instance().discover(Sweeper)}
        yield SimpleNamespace(loader=loader, master=master, **sweepers)


@pytest.fixture
def batches_of(hydra):
    """What a sweeper launches, in batches; the points are not composed, so that their keys can be short."""

    def sweep(sweeper: Sweeper, *arguments: str) -> list[list[list[str]]]:
        batches: list[list[list[str]]] = []
        sweeper.config = hydra.master
        sweeper.hydra_context = SimpleNamespace(config_loader=hydra.loader)
        sweeper.launcher = SimpleNamespace(launch=lambda batch, initial_job_idx: batches.append(batch) or [])
        sweeper.validate_batch_is_legal = lambda batch: None
        sweeper.sweep(list(arguments))
        return batches

    return sweep


@pytest.fixture
def points_of(hydra, batches_of):
    """The points of a study, each as one line."""

    def points(arguments: str = "", **keys) -> list[str]:
        (batch,) = batches_of(hydra.StudySweeper(**keys), *arguments.split())
        return [" ".join(point) for point in batch]

    return points


HYDRAS_OWN = [
    ({}, ""),
    ({}, "a=1,2 b=3 c=x,y"),
    ({"a": "1,2", "b": "3,4"}, ""),
    ({"a": "1,2", "b": "3,4"}, "b=5 c=6,7 a=8,9"),
    ({"a": "range(3)", "b": "choice(x,y)", "c": "'p,q',r"}, "d=[1,2],[3] e={k:1},{k:2} f=null,true"),
    ({"algorithm": "glob(step_*)"}, "seed=range(1,8,3)"),
    ({"seed": "shuffle(1)"}, "a=sort(3,1,2) +b=1,2 ~logger"),
    ({"a": "1", "seed": 2}, "a=1,2"),
]


@pytest.mark.parametrize(("params", "arguments"), HYDRAS_OWN)
def test_without_zip_and_points_it_is_hydras_own(hydra, batches_of, params, arguments):
    theirs = batches_of(hydra.BasicSweeper(None, params), *arguments.split())
    assert batches_of(hydra.StudySweeper(params=params), *arguments.split()) == theirs


def test_zipped_axes_advance_together(points_of):
    assert points_of(zip={"data_size": "32,64", "seed": "1,2"}) == ["data_size=32 seed=1", "data_size=64 seed=2"]
    assert points_of(zip={"a": "range(3)", "b": "choice(x,y,z)", "c": "[1,2],[3],[]"}) == [
        "a=0 b=x c=[1,2]", "a=1 b=y c=[3]", "a=2 b=z c=[]",
    ]  # fmt: skip


def test_points_are_listed_or_products_of_their_own(points_of):
    points = [{"algorithm": "sft", "data_size": "512,1024"}, {"algorithm": "rft"}, {"seed": "1,2", "data_size": "8,9"}]
    assert points_of(points=points) == [
        "algorithm=sft data_size=512", "algorithm=sft data_size=1024",
        "algorithm=rft",
        "seed=1 data_size=8", "seed=1 data_size=9", "seed=2 data_size=8", "seed=2 data_size=9",
    ]  # fmt: skip


def test_a_study_is_the_product_of_the_three(points_of):
    params, points = {"a": "1,2", "b": "3,4"}, [{"e": 7}, {"f": 8}]
    everything = points_of(params=params, zip={"c": "5,6", "d": "x,y"}, points=points)
    assert everything == [
        f"{zipped} {point} a={a} b={b}"
        for a, b, zipped, point in itertools.product("12", "34", ("c=5 d=x", "c=6 d=y"), ("e=7", "f=8"))
    ]


def test_a_point_that_comes_twice_is_launched_once_where_it_came_first(points_of):
    points = [{"a": 1, "b": 2}, {"a": 3}, {"b": 2, "a": 1}, {"a": "1,3", "b": 2}]
    assert points_of(points=points) == ["a=1 b=2", "a=3", "a=3 b=2"]
    assert points_of("seed=1,1") == ["seed=1"]


REPLACED = [
    ("data_size=9", ["seed=1 data_size=9", "seed=2 data_size=9"]),  # the other axis goes on alone
    ("data_size=8,9", [f"seed={seed} data_size={size}" for size in (8, 9) for seed in (1, 2)]),
    ("++data_size=9", ["seed=1 ++data_size=9", "seed=2 ++data_size=9"]),
    ("data_size=9 seed=3", ["data_size=9 seed=3"]),
    ("other=5", ["data_size=32 seed=1 other=5", "data_size=64 seed=2 other=5"]),
]


@pytest.mark.parametrize(("arguments", "expected"), REPLACED)
def test_the_command_line_replaces_a_zipped_axis(points_of, arguments, expected):
    assert points_of(arguments, zip={"data_size": "32,64", "seed": "1,2"}) == expected


def test_the_command_line_replaces_a_key_of_points_and_of_params(points_of):
    points = [{"algorithm": "sft", "data_size": "8,9"}, {"algorithm": "rft", "data_size": 8}]
    assert points_of("data_size=64", points=points) == ["algorithm=sft data_size=64", "algorithm=rft data_size=64"]
    assert points_of("algorithm=dpo data_size=7", points=points) == ["algorithm=dpo data_size=7"]
    assert points_of("++a=3", params={"a": "1,2", "b": 4}) == ["b=4 ++a=3"]


def test_values_may_be_yaml_lists(points_of):
    axes = {"a": [1, 2], "b": ["x", "y"], "c": [None, True], "d": [[1, 2], {"k": [3]}], "e": [1e-5, 0.5]}
    assert points_of(zip=axes) == [
        "a=1 b=x c=null d=[1,2] e=1e-05",
        "a=2 b=y c=True d={k:[3]} e=0.5",
    ]
    assert points_of(params={"a": [1, 2]}, points=[{"b": [3]}]) == ["b=3 a=1", "b=3 a=2"]


def test_interpolations_are_resolved(points_of):
    config = OmegaConf.create({"sizes": "32,64", "zip": {"a": "${sizes}", "b": "1,2"}})
    assert points_of(zip=config.zip) == ["a=32 b=1", "a=64 b=2"]


def test_batches_are_kept(hydra, batches_of):
    batches = batches_of(hydra.StudySweeper(max_batch_size=2, zip={"a": "1,2,3", "b": "4,5,6"}))
    assert [len(batch) for batch in batches] == [2, 1]


REFUSED = [
    ({"zip": {"data_size": "32,64", "seed": 1}}, "zip must have equally many values, but data_size has 2, seed has 1."),
    ({"params": {"a": "1,2"}, "zip": {"a": "3,4"}}, "a stands in hydra.sweeper.params and in hydra.sweeper.zip."),
    ({"zip": {"a": 1}, "points": [{"b": 1}, {"a": 2}]}, "a stands in hydra.sweeper.zip and in hydra.sweeper.points."),
    ({"params": {"a": []}}, "a of hydra.sweeper.params has no value."),
    ({"params": {"algorithm": "glob(z*)"}}, "The sweep has no points, since one of its axes has no value."),
    ({"max_batch_size": 0}, "hydra.sweeper.max_batch_size must be at least 1, but is 0."),
]


@pytest.mark.parametrize(("keys", "sentence"), REFUSED)
def test_a_study_that_makes_no_sense_is_refused(points_of, keys, sentence):
    with pytest.raises(ConfigError) as refused:
        points_of(**keys)
    assert str(refused.value).endswith(sentence)


def test_an_axis_that_has_no_end_is_refused_as_by_hydra(points_of):
    with pytest.raises(HydraException, match="does not support sweep type"):
        points_of(zip={"a": "interval(0,1)"})
