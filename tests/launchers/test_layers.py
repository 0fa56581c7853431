"""From a plan to job arrays: each stage once, after its inputs, in jobs of bounded size."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.study.plan import Plan, make_plan
from synthscale.study.recipe import Point, build_point
from synthscale.study.store import ArtifactStore
from synthscale_slurm.layers import PlannedArray, plan_arrays
from synthscale_slurm.resources import Resources, SlurmConfig

ALGORITHMS = ("sft", "rft", "dpo", "step_dpo")
CELLS = st.tuples(st.sampled_from(ALGORITHMS), st.sampled_from([16, 32]), st.sampled_from([0, 1]))


@pytest.fixture(scope="session")
def point(compose_run) -> Callable[..., Point]:
    """A real point; its config is composed once for an algorithm."""

    def make(algorithm: str, data_size: int = 16, seed: int = 0) -> Point:
        return build_point(replace(compose_run(f"algorithm={algorithm}"), data_size=data_size, seed=seed))

    return make


def put(root: Path, key: str) -> None:
    """An artifact without files."""
    (root / key).mkdir(parents=True)
    (root / key / "manifest.json").write_text(json.dumps({"key": key, "files": {}}))


def shape(arrays: list[PlannedArray]) -> list[tuple]:
    """Each array's layer, stage, the number of stages in each of its jobs, and the arrays that it waits for."""
    return [(a.layer, a.stage, [len(pack) for pack in a.packs], list(a.waits_for)) for a in arrays]


def keys_of(array: PlannedArray) -> set[str]:
    """What the array makes."""
    return {node.key for pack in array.packs for node in pack}


def test_a_layer_waits_for_those_arrays_that_make_its_inputs(point, tmp_path):
    plan = make_plan([point("rft"), point("rft", seed=1), point("sft")], ArtifactStore(tmp_path))
    assert shape(plan_arrays(plan, SlurmConfig(), {})) == [
        (0, "pretrain", [1], []),
        (0, "synthesize", [1, 1], []),
        (1, "finetune", [1, 1], [0, 1]),
        (2, "evaluate", [1], [2]),
        (2, "sample", [1, 1], [1, 2]),
        (3, "compose", [1, 1], [1, 4]),
        (4, "finetune", [1, 1], [2, 5]),
        (5, "evaluate", [1, 1], [6]),
    ]


def test_what_is_there_is_neither_made_nor_waited_for(point, tmp_path):
    one = point("sft")
    for role in ("pretrain", "synthesize"):
        put(tmp_path, one.nodes[role].key)
    arrays = plan_arrays(make_plan([one], ArtifactStore(tmp_path)), SlurmConfig(), {})
    assert shape(arrays) == [(1, "finetune", [1], []), (2, "evaluate", [1], [0])]


def test_a_finished_study_has_no_arrays(point, tmp_path):
    one = point("sft")
    put(tmp_path, one.root.key)
    assert plan_arrays(make_plan([one], ArtifactStore(tmp_path)), SlurmConfig(), {}) == []


def test_what_is_in_the_queue_is_waited_for_and_not_made_twice(point, tmp_path):
    one, other = point("sft"), point("sft", seed=1)
    in_queue = {one.nodes[role].key: job_id for role, job_id in (("pretrain", "7"), ("synthesize", "8"), ("sft", "9"))}
    arrays = plan_arrays(make_plan([one, other], ArtifactStore(tmp_path)), SlurmConfig(), in_queue)
    assert [(a.stage, keys_of(a), a.waits_for, a.waits_for_jobs) for a in arrays] == [
        ("synthesize", {other.nodes["synthesize"].key}, (), ()),
        ("finetune", {other.nodes["sft"].key}, (0,), ("7",)),
        ("evaluate", {one.root.key, other.root.key}, (1,), ("9",)),
    ]


def test_long_stages_are_spread_over_the_jobs(point, tmp_path):
    points = [point("sft", size) for size in (16, 128, 32, 64)]
    config = SlurmConfig(points_per_job=2)
    (array,) = (a for a in plan_arrays(make_plan(points, ArtifactStore(tmp_path)), config, {}) if a.stage == "finetune")
    sizes = {one.nodes["sft"].key: one.config.data_size for one in points}
    assert [[sizes[node.key] for node in pack] for pack in array.packs] == [[128, 32], [64, 16]]


def test_a_job_has_time_for_all_its_stages(point, tmp_path):
    points = [point("sft", seed=seed) for seed in range(5)]
    config = SlurmConfig(
        resources={"synthesize": Resources(minutes=7, points_per_job=3), "default": Resources(minutes=20)}
    )
    arrays = plan_arrays(make_plan(points, ArtifactStore(tmp_path)), config, {})
    assert [(a.stage, [len(pack) for pack in a.packs], a.minutes) for a in arrays] == [
        ("pretrain", [1], 20),
        ("synthesize", [3, 2], 21),
        ("finetune", [1] * 5, 20),
        ("evaluate", [1] * 5, 20),
    ]


def test_an_array_is_no_larger_than_slurm_takes(point, tmp_path):
    points = [point("sft", seed=seed) for seed in range(5)]
    plan = make_plan(points, ArtifactStore(tmp_path))
    assert shape(plan_arrays(plan, SlurmConfig(max_array_size=2), {}))[1:4] == [
        (0, "synthesize", [1, 1], []),
        (0, "synthesize", [1, 1], []),
        (0, "synthesize", [1], []),
    ]
    one_each = plan_arrays(plan, SlurmConfig(max_array_size=1), {})
    evaluation = next(a for a in one_each if a.stage == "evaluate")
    assert len(evaluation.waits_for) == 1, "only for the part with its own input"


@st.composite
def cases(draw) -> tuple:
    """Cells of a study, the launcher's bounds, and by index which stages are there and which are in the queue."""
    indices = st.sets(st.integers(0, 60), max_size=15)
    bounds = SlurmConfig(points_per_job=draw(st.integers(1, 4)), max_array_size=draw(st.integers(1, 3)))
    return draw(st.lists(CELLS, min_size=1, max_size=6)), bounds, draw(indices), draw(indices)


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_every_stage_is_made_once_and_after_its_inputs(point, case):
    cells, config, there, queued = case
    points = [point(*cell) for cell in cells]
    keys = sorted({node.key for one in points for node in one.root.walk()})
    with tempfile.TemporaryDirectory() as root:
        for key in {keys[index % len(keys)] for index in there}:
            put(Path(root), key)
        plan = make_plan(points, ArtifactStore(Path(root)))
    todo = {planned.node.key for planned in plan.todo}
    in_queue = {keys[i % len(keys)]: str(1000 + i % 4) for i in queued if keys[i % len(keys)] in todo}
    arrays = plan_arrays(plan, config, in_queue)
    made = [node.key for array in arrays for pack in array.packs for node in pack]
    assert sorted(made) == sorted(todo - in_queue.keys())
    assert [array.layer for array in arrays] == sorted(array.layer for array in arrays)
    for index, array in enumerate(arrays):
        check_array(array, arrays[:index], plan, in_queue)
        assert all(1 <= len(pack) <= config.points_per_job for pack in array.packs)
        assert len(array.packs) <= config.max_array_size


def check_array(array: PlannedArray, before: list[PlannedArray], plan: Plan, in_queue: dict[str, str]) -> None:
    """It is of one kind, finds its inputs when it runs, and waits for nothing else."""
    nodes = [node for pack in array.packs for node in pack]
    assert {(plan.nodes[n.key].layer, n.stage) for n in nodes} == {(array.layer, array.stage)}
    inputs = {child.key for node in nodes for child in node.inputs.values()}
    waited_for = [before[i] for i in array.waits_for]
    made_before = {key for earlier in waited_for for key in keys_of(earlier)}
    for key in inputs:
        is_waited_for = key in made_before or in_queue.get(key) in array.waits_for_jobs
        assert plan.nodes[key].done or is_waited_for
    assert all(keys_of(earlier) & inputs for earlier in waited_for)
    assert set(array.waits_for_jobs) == {in_queue[key] for key in inputs if key in in_queue}
