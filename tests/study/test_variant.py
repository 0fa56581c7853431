"""A point's variant says what no axis says, and nothing else."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from synthscale.study.outcome import Outcome
from synthscale.study.recipe import build_point
from synthscale.study.record import Record
from synthscale.study.summary import accuracy_table, named_records
from synthscale.study.variant import Placed, settings_of, variants

SIZES = (64, 128, 256)


def named(*points, algorithm="rft"):
    """Variants of points of one algorithm, given as (size, fraction, seed), settings."""
    return variants([Placed(algorithm, axes, settings) for axes, settings in points])


def test_nothing_varies():
    assert named(((64, 0.0, 1), {"beta": 0.1}), ((128, 0.0, 1), {"beta": 0.1})) == [None, None]


def test_a_setting_that_goes_with_an_axis_is_no_variant():
    by_size = [((size, 0.5, seed), {"updates": size * 2}) for size in SIZES for seed in (1, 2)]
    assert set(named(*by_size)) == {None}
    by_seed = [((size, 0.5, seed), {"world_seed": seed}) for size in SIZES for seed in (1, 2)]
    assert set(named(*by_seed)) == {None}


def test_an_unfinished_sweep_is_told_apart_too():
    points = [((64, 0.5, 1), {"k": 1}), ((64, 0.5, 2), {"k": 1}), ((128, 0.5, 1), {"k": 1}), ((128, 0.5, 2), {"k": 2})]
    assert named(*points) == ["k=1", "k=1", "k=1", "k=2"]


def test_with_one_point_an_axis_decides_nothing():
    assert named(((64, 0.5, 1), {"k": 1, "rule": "a"}), ((64, 0.5, 1), {"k": 2, "rule": "b"})) == [
        "k=1 rule=a",
        "k=2 rule=b",
    ]


def test_a_record_without_settings_has_no_variant():
    assert named(((64, 0.5, 1), {}), ((64, 0.5, 1), {"k": 1}), ((64, 0.5, 1), {"k": 2})) == [None, "k=1", "k=2"]


def test_settings_are_what_the_result_depends_on(compose_run):
    settings = settings_of(compose_run("algorithm=rft"))
    assert {"mixture.positives_per_problem", "algorithm.second.learning_rate", "task.world_seed"} <= set(settings)
    assert not {"seed", "data_size", "mixture.negative_fraction", "runs_dir", "study_name"} & set(settings)
    assert not any(key.startswith(("logger", "execution")) for key in settings)


def test_a_key_that_may_be_null_tells_its_value_from_none(compose_run):
    runs = [compose_run("algorithm=rft", f"mixture.steps={steps}") for steps in ("null", "right")]
    placed = [Placed("rft", (128, 0.0, seed), settings_of(run)) for run in runs for seed in (1, 2)]
    assert variants(placed) == ["mixture.steps=null"] * 2 + ["mixture.steps=right"] * 2


def test_worlds_and_bases_are_told_apart_for_all_algorithms():
    worlds = [Placed("sft", (64, 0.0, 1), {"task.tail": tail, "algorithm.beta": 0.1}) for tail in (1.0, 1.5)]
    points = [*worlds, Placed("dpo", (64, 1.0, 1), {"task.tail": 1.0, "algorithm.beta": 0.3})]
    assert variants(points) == ["task.tail=1.0", "task.tail=1.5", "task.tail=1.0"]


def test_a_value_with_spaces_stays_one():
    points = [((64, 0.5, 1), {"task.prompt": text}) for text in ("Q: {problem}", "{problem}")]
    assert named(*points) == ["'task.prompt=Q: {problem}'", "'task.prompt={problem}'"]


def test_the_end_of_a_run_tells_variants_apart(compose_run):
    outcomes = []
    for k in (1, 4):
        config = compose_run("algorithm=rft", f"mixture.positives_per_problem={k}")
        axes = (config.task.name, config.model.name, "rft", config.data_size, 0.0, config.seed)
        names = ("task", "model", "algorithm", "data_size", "negative_fraction", "seed")
        record = Record(study="s", **dict(zip(names, axes, strict=True)), test_accuracy=k / 10)
        outcomes.append(Outcome(build_point(config), record))
    records = named_records(outcomes)
    assert [record.variant for record in records] == [f"mixture.positives_per_problem={k}" for k in (1, 4)]
    assert accuracy_table(records).row_count == 2


def test_a_long_variant_leaves_room_for_what_it_reached():
    setting = "algorithm.second.a_key_that_is_longer_than_most_keys=0.001"
    record = Record(study="s", task="t", model="m", algorithm="rft", data_size=64, negative_fraction=None, seed=1)
    records = [
        replace(record, variant=f"{setting} algorithm.beta={beta}", test_accuracy=beta, data_size=size)
        for beta in (0.125, 0.25)
        for size in (32, 64, 128, 256, 512)
    ]
    console = Console(width=80, file=io.StringIO())
    console.print(accuracy_table(records))
    assert console.file.getvalue().count("12.5") == console.file.getvalue().count("25.0") == 5
