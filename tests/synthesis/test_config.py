"""A server teacher's config is refused with one sentence that names the key, before anything is paid for."""

from __future__ import annotations

import dataclasses

import pytest

from scripted_teacher import teacher_config
from synthscale.problem import DatasetConfig, PrecedenceConfig
from synthscale.study.config import ConfigError
from synthscale.study.recipe import build_point

REFUSED = [
    ({"problem_prompt": "no place for them"}, r"teacher\.problem_prompt must hold \{examples\} once.*0 times"),
    ({"problem_prompt": "{examples}{examples}"}, r"teacher\.problem_prompt .* 2 times"),
    ({"solution_prompt": "{examples}"}, r"teacher\.solution_prompt must hold \{problem\} once"),
    ({"num_problems": 0}, r"teacher\.num_problems"),
    ({"num_seed_problems": 0}, r"teacher\.num_seed_problems"),
    ({"num_solutions": 1}, r"teacher\.num_solutions"),
    ({"min_agreement": 0.0}, r"teacher\.min_agreement"),
    ({"min_agreement": 1.1}, r"teacher\.min_agreement"),
    ({"min_agreement": 0.25}, r"one solution decide alone"),
    ({"num_solutions": 2}, r"one solution decide alone"),  # 0.5 of 2
    ({"problem_temperature": -1.0}, r"teacher\.problem_temperature"),
    ({"solution_temperature": 11.0}, r"teacher\.solution_temperature"),
    ({"max_problem_tokens": 0}, r"teacher\.max_problem_tokens"),
    ({"max_solution_tokens": 0}, r"teacher\.max_solution_tokens"),
    ({"max_problem_characters": 0}, r"teacher\.max_problem_characters"),
    ({"duplicate_similarity": 1.5}, r"teacher\.duplicate_similarity"),
    ({"shingle_words": 0}, r"teacher\.shingle_words"),
    ({"contamination_words": 1}, r"teacher\.contamination_words"),
    ({"max_attempts_per_problem": 0}, r"teacher\.max_attempts_per_problem"),
    ({"seed": -1}, r"teacher\.seed"),
    ({"traces_per_problem": 5}, r"teacher\.traces_per_problem=5 is more than the teacher\.num_solutions=4"),
    ({"server": {"model": None}}, r"teacher\.server\.model has no value"),
    ({"server": {"url": None}}, r"teacher\.server\.url has no value"),
    ({"server": {"price_per_million_prompt_tokens": 1.0}}, r"completion_tokens go together"),
    ({"server": {"max_cost": 0.0}}, r"teacher\.server\.max_cost must be between"),
    ({"server": {"max_cost": 1.0}}, r"teacher\.server\.max_cost needs them"),
]


@pytest.mark.parametrize(("keys", "sentence"), REFUSED)
def test_refused(keys, sentence):
    with pytest.raises(ValueError, match=sentence) as refused:
        server = {"server": dataclasses.asdict(teacher_config().server) | keys.pop("server", {})}
        dataclasses.replace(teacher_config(**server), **keys)
    assert "\n" not in str(refused.value)


def test_a_world_of_inventions_and_a_data_set_without_enough_seeds_are_refused(gsm8k_folder):
    with pytest.raises(ValueError, match=r"cannot write problems of task precedence"):
        teacher_config().check_task(PrecedenceConfig())
    keys = {"problem_key": "question", "solution_key": "answer", "num_validation": 4}
    task = DatasetConfig(name="gsm8k", source=str(gsm8k_folder), **keys)
    teacher_config(num_seed_problems=16).check_task(task)
    with pytest.raises(ValueError, match=r"num_seed_problems=17 is more than the 16 training problems"):
        teacher_config(num_seed_problems=17).check_task(task)


@pytest.fixture
def overrides(gsm8k_folder, small_llama) -> list[str]:
    """A point whose teacher is a server."""
    sizes = ["data_size=4", "task.num_validation=4", "trainer.num_validation=4", "evaluation.num_test=8"]
    model = [f"model.path={small_llama}", "evaluation.num_sampled_problems=4", f"task.source={gsm8k_folder}"]
    teacher = ["teacher.num_problems=8", "teacher.server.model=m", "teacher.server.url=http://127.0.0.1:9/v1"]
    return ["task=gsm8k", "teacher=server", *sizes, *model, *teacher]


@pytest.mark.parametrize("key", ["teacher.num_problems", "teacher.server.model", "teacher.server.url"])
def test_what_the_user_has_to_say_is_asked_for_by_its_name(compose_run, overrides, key):
    with pytest.raises(ConfigError, match=f"{key} has no value"):
        compose_run(*(override for override in overrides if not override.startswith(key)))


def test_the_door_refuses_a_teacher_of_an_invented_world(compose_run, overrides):
    teacher = [override for override in overrides if override.startswith("teacher")]
    with pytest.raises(ConfigError, match="teacher=server cannot write problems of task precedence"):
        compose_run(*teacher, "data_size=4")


def test_a_data_set_cannot_be_larger_than_the_pool(compose_run, overrides):
    with pytest.raises(ConfigError, match="data_size must be between 1 and 8"):
        compose_run(*overrides, "data_size=9")


SAME_POOL = [
    "data_size=8",
    "seed=3",
    "teacher.traces_per_problem=4",
    "task.prompt_template='Q: {problem} A:'",
    "task.step_boundary=line",
    "teacher.max_attempts_per_problem=99",
    "teacher.server.url=http://127.0.0.1:10/v1",
    "teacher.server.num_concurrent=3",
    "algorithm=step_dpo",
]
OTHER_POOL = [
    "teacher.num_problems=9",
    "teacher.seed=1",
    "teacher.server.model=other",
    "teacher.min_agreement=0.75",
    "teacher=server_math",
    "task.num_validation=5",
]


def pool_key(run) -> str:
    return build_point(run).nodes["teach"].key


@pytest.mark.parametrize("override", SAME_POOL)
def test_what_does_not_change_the_pool_does_not_buy_it_again(compose_run, overrides, override):
    assert pool_key(compose_run(*overrides, override)) == pool_key(compose_run(*overrides))


@pytest.mark.parametrize("override", OTHER_POOL)
def test_what_changes_the_pool_makes_another(compose_run, overrides, override):
    assert pool_key(compose_run(*overrides, override)) != pool_key(compose_run(*overrides))


def test_max_cost_can_be_raised_for_the_same_pool(compose_run, overrides):
    prices = [f"teacher.server.price_per_million_{kind}_tokens=1" for kind in ("prompt", "completion")]
    keys = {pool_key(compose_run(*overrides, *prices, f"teacher.server.max_cost={cost}")) for cost in (1, 2)}
    assert keys == {pool_key(compose_run(*overrides))}
