"""Keys of artifacts: points share what they have in common, and a key that a stage does not read changes nothing."""

from __future__ import annotations

import pytest

from synthscale.problem import build_task
from synthscale.study.recipe import build_point

WITH_SFT = ("sft", "rft", "dpo", "step_dpo", "step_mix")
WITH_SAMPLES = ("rft", "dpo", "step_dpo", "step_mix")


@pytest.fixture(scope="module")
def nodes(compose_run):
    """A point's nodes by role."""
    return lambda *overrides: build_point(compose_run(*overrides)).nodes


@pytest.mark.parametrize(
    ("role", "algorithms"),
    [
        ("pretrain", (*WITH_SFT, "sft_matched")),
        ("synthesize", (*WITH_SFT, "sft_matched")),
        ("sft", WITH_SFT),
        ("sample", WITH_SAMPLES),
    ],
)
def test_points_of_one_size_and_seed_share(nodes, role, algorithms):
    keys = {nodes(f"algorithm={algorithm}", "data_size=64", "seed=3")[role].key for algorithm in algorithms}
    assert len(keys) == 1


def test_points_that_search_for_pits_in_one_way_share_the_rollouts(nodes):
    exhaustive = ("algorithm=step_mix", "credit=largest_drop"), ("algorithm=step_dpo",)
    adaptive = ("algorithm=step_mix",), ("algorithm=step_dpo", "credit=adaptive")
    keys = [{nodes(*overrides)["credit"].key for overrides in ways} for ways in (exhaustive, adaptive)]
    assert [len(of_way) for of_way in keys] == [1, 1] and keys[0] != keys[1]


def test_points_do_not_share_what_differs(nodes):
    algorithms = (*WITH_SFT, "sft_matched")
    assert len({nodes(f"algorithm={algorithm}")["evaluate"].key for algorithm in algorithms}) == len(algorithms)
    assert nodes("algorithm=sft")["sft"].key != nodes("algorithm=sft_matched")["sft"].key
    for override in ("seed=5", "data_size=129"):
        changed = nodes("algorithm=step_dpo", override)
        before = nodes("algorithm=step_dpo")
        assert [role for role in before if before[role].key == changed[role].key] == ["pretrain"]


# an override of a point of step_dpo, and the first role whose result depends on it (all before keep their keys)
ROLES = ["pretrain", "synthesize", "sft", "sample", "credit", "compose", "policy", "evaluate"]
FIRST_READER = [
    ("pretraining.num_updates=9", "pretrain"),
    ("model.architecture.hidden_size=32", "pretrain"),
    ("task.world_seed=1", "pretrain"),
    ("task.zipf_exponent=0", "synthesize"),
    ("task.unambiguous=false", "synthesize"),
    ("teacher.traces_per_problem=2", "synthesize"),
    ("algorithm.first.learning_rate=0.1", "sft"),
    ("trainer.batch_size=16", "sft"),
    ("trainer.strategy=ddp", "sft"),
    ("sampler.temperature=0.7", "sample"),
    ("sampler.num_samples=8", "sample"),
    ("credit.num_rollouts=6", "credit"),
    ("credit.max_negatives_per_problem=4", "credit"),
    ("credit.pit_rule=largest_drop", "compose"),
    ("credit.best_of=2", "compose"),
    ("mixture.examples_per_problem=2", "compose"),
    ("algorithm.beta=0.2", "policy"),
    ("algorithm.preference_weight=2", "policy"),
    ("algorithm.second.learning_rate=0.1", "policy"),
    ("mixture.eos_after_prefix=true", "policy"),
    ("evaluation.num_test=10", "evaluate"),
    ("evaluation.num_samples=32", "evaluate"),
    ("logger=none", None),
    ("study_name=other", None),
    ("runs_dir=elsewhere", None),
    ("stage=sample", None),
]


@pytest.mark.parametrize(("override", "first"), FIRST_READER)
def test_a_key_changes_the_nodes_from_its_first_reader_on(nodes, override, first):
    before = nodes("algorithm=step_dpo", "evaluation.num_sampled_problems=10")
    after = nodes("algorithm=step_dpo", "evaluation.num_sampled_problems=10", override)
    assert list(before) == ROLES
    expected = ROLES[ROLES.index(first) :] if first else []
    if first == "pretrain" and not override.startswith("task."):
        expected.remove("synthesize")  # the problems do not depend on the learner
    assert [role for role in ROLES if before[role].key != after[role].key] == expected


@pytest.mark.parametrize(
    ("algorithm", "override"),
    [
        ("sft", "sampler.num_samples=8"),
        ("sft", "sampler.temperature=0.5"),
        ("sft", "credit.num_rollouts=6"),
        ("sft", "mixture.eos_after_prefix=true"),
        ("sft", "algorithm.beta=0.3"),
        ("rft", "credit.pit_rule=largest_drop"),
        ("rft", "credit.best_of=2"),
        ("rft", "credit.max_negatives_per_problem=4"),
        ("rft", "algorithm.beta=0.3"),
        ("rft", "mixture.eos_after_prefix=true"),
        ("dpo", "credit.pit_rule=largest_drop"),
        ("dpo", "credit.best_of=2"),
        ("dpo", "credit.num_rollouts=6"),
    ],
)
def test_a_key_that_an_algorithm_does_not_read_changes_none_of_its_nodes(nodes, algorithm, override):
    before, after = nodes(f"algorithm={algorithm}"), nodes(f"algorithm={algorithm}", override)
    assert {role: node.key for role, node in before.items()} == {role: node.key for role, node in after.items()}


@pytest.mark.parametrize(
    ("overrides", "updates"),
    [
        ([], 2600),
        (["task.num_operators=2048", "task.num_tables=6", "task.num_levels=4"], 6000),
        (["task=crossroads"], 3000),
        (["task=star_graph"], 8000),
        (["task=star_graph", "pretraining.num_updates=7"], 7),
    ],
)
def test_a_base_gets_as_many_updates_as_its_world_needs(compose_run, overrides, updates):
    pretrain = build_point(compose_run(*overrides)).nodes["pretrain"].config
    assert pretrain.num_updates == updates
    assert type(build_task(pretrain.world)).__name__.lower().startswith(pretrain.world.name.replace("_", ""))
