"""Stars read from their text: arms, goals, paths, and what is said of steps."""

from __future__ import annotations

import numpy as np
import pytest

from synthscale.problem import Problem, Split, StarGraphConfig, StarGraphTask, StepTruth, build_task, split_steps
from synthscale.problem.star_graph import star_codes

STARS = [{}, {"num_arms": 2, "arm_length": 1, "num_nodes": 30}, {"num_arms": 3, "arm_length": 6, "num_nodes": 19}]
RIGHT, DECISION, EXECUTION = StepTruth.RIGHT, StepTruth.WRONG_DECISION, StepTruth.WRONG_EXECUTION


def arms_of(problem: Problem) -> tuple[list[list[str]], str, str]:
    """Paths from the centre to each arm's end, the centre and the goal."""
    listed, ends = problem.text.split(" / ")
    edges = [tuple(edge.split()) for edge in listed.split(" | ")]
    centre, goal = ends.split()
    following = {start: end for start, end in edges if start != centre}
    arms = []
    for start, end in edges:
        if start == centre:
            arms.append([centre, end])
            while arms[-1][-1] in following:
                arms[-1].append(following[arms[-1][-1]])
    return arms, centre, goal


@pytest.mark.parametrize("shape", STARS, ids=str)
def test_the_answer_is_the_arm_that_ends_in_the_goal(shape):
    task, generator = build_task(StarGraphConfig(**shape)), np.random.default_rng(0)
    for problem in task.problems(Split.TRAIN, 40, seed=1):
        arms, centre, goal = arms_of(problem)
        assert {len(arm) - 1 for arm in arms} == {task.config.arm_length} and len(arms) == task.config.num_arms
        nodes = [node for arm in arms for node in arm[1:]] + [centre]
        assert len(set(nodes)) == len(nodes)
        (right,) = (arm for arm in arms if arm[-1] == goal)
        assert problem.answer == " ".join(right)
        trace = task.trace(problem, generator)
        assert task.answer(trace) == problem.answer and task.verdict(problem, trace) == "correct"
        assert task.step_truths(problem, split_steps(trace)) == [RIGHT] * task.config.arm_length


def test_another_arm_is_wrong_at_its_first_step_alone():
    task, generator = StarGraphTask(StarGraphConfig()), np.random.default_rng(0)
    seen = set()
    for problem in task.problems(Split.TRAIN, 60, seed=2):
        steps = split_steps(task.aimless_trace(problem, generator))
        verdict, truths = task.verdict(problem, "\n".join(steps)), task.step_truths(problem, steps)
        assert truths == [RIGHT if verdict == "correct" else DECISION, RIGHT, RIGHT, RIGHT]
        seen.add(verdict)
    assert seen == {"correct", "wrong"}


@pytest.fixture(scope="module")
def star() -> Problem:
    return Problem("1 2 | 0 1 | 3 4 | 0 3 / 0 4", "0 3 4")


@pytest.mark.parametrize(
    ("steps", "truths"),
    [
        (["0 3", "3 4"], [RIGHT, RIGHT]),
        (["0 1", "1 2"], [DECISION, RIGHT]),
        (["0 4"], [EXECUTION]),  # no such edge
        (["3 4"], [EXECUTION]),  # not from the centre
        (["0 3", "0 1"], [RIGHT, EXECUTION]),
        (["0 3 4", "3 4"], [EXECUTION, EXECUTION]),
        (["0 3", "3 4", "4 0"], [RIGHT, RIGHT, EXECUTION]),
    ],
)
def test_steps_are_judged_from_where_the_last_one_came_to(star, steps, truths):
    task = StarGraphTask(StarGraphConfig(num_arms=2, arm_length=2, num_nodes=5))
    assert task.step_truths(star, steps) == truths
    verdict = task.verdict(star, "\n".join(steps))
    assert (verdict == "correct") == (steps == ["0 3", "3 4"])


@pytest.mark.parametrize("text", ["", "0", "0 3\n4", "0 3\n1 2", "0 3 4"])
def test_what_is_no_path_has_no_answer(star, text):
    task = StarGraphTask(StarGraphConfig(num_arms=2, arm_length=2, num_nodes=5))
    assert task.answer(text) is None and task.verdict(star, text) == "unparseable"


def test_no_star_twice_in_a_split_or_in_two_splits_and_data_sets_nest():
    task = StarGraphTask(StarGraphConfig(num_arms=2, arm_length=2, num_nodes=12))
    stars = {}
    for split in Split:
        problems = task.problems(split, 300, seed=1)
        assert problems[:100] == task.problems(split, 100, seed=1)
        arms = [arms_of(problem) for problem in problems]
        stars[split] = {(frozenset(map(tuple, of_star)), centre, goal) for of_star, centre, goal in arms}
        assert len(stars[split]) == 300
    assert not stars[Split.TRAIN] & stars[Split.TEST] and not stars[Split.TEST] & stars[Split.VALIDATION]
    drawn = [arms_of(problem) for problem, _ in task.pretraining_solutions(3000, np.random.default_rng(0))]
    assert not {(frozenset(map(tuple, arms)), centre, goal) for arms, centre, goal in drawn} & stars[Split.TEST]


def test_a_code_does_not_hang_on_the_order_of_arms_and_does_on_all_else():
    arms, centre, goal = np.arange(1, 7).reshape(1, 3, 2), np.array([0]), np.array([1])
    code = star_codes(centre, arms, goal)
    assert star_codes(centre, arms[:, [2, 1, 0]], goal) == code == star_codes(centre, arms[:, [1, 0, 2]], np.array([0]))
    others = [(np.array([9]), arms, goal), (centre, arms[:, :, ::-1], goal), (centre, arms, np.array([2]))]
    assert all(star_codes(*other) != code for other in others)


def test_the_base_is_told_nothing_of_the_goal():
    task = StarGraphTask(StarGraphConfig())
    solutions = task.pretraining_solutions(1500, np.random.default_rng(0))
    assert len(solutions) == 1500
    right = np.mean([task.verdict(problem, text) == "correct" for problem, text in solutions])
    assert 0.16 < right < 0.24  # one arm of five
    assert all(EXECUTION not in task.step_truths(problem, split_steps(text)) for problem, text in solutions)


@pytest.mark.parametrize("shape", STARS, ids=str)
def test_words_and_tokens_are_what_is_written(shape):
    task, generator = StarGraphTask(StarGraphConfig(**shape)), np.random.default_rng(0)
    assert len(set(task.words)) == len(task.words)
    for problem in task.problems(Split.TRAIN, 10):
        steps = split_steps(task.trace(problem, generator))
        assert set(f"{problem.text} {' '.join(steps)}".split()) <= set(task.words)
        assert len(problem.text.split()) + 1 == task.config.num_prompt_tokens
        tokens = [len(step.split()) + 1 for step in steps]
        assert sum(tokens) == task.config.max_solution_tokens
        assert [sum(tokens[done:]) for done in range(1, len(tokens))] == task.config.tokens_left


@pytest.mark.parametrize("wrong", [{"num_arms": 1}, {"arm_length": 0}, {"num_nodes": 20}])
def test_a_shape_out_of_range_is_refused_by_the_keys_name(wrong):
    with pytest.raises(ValueError, match=rf"task\.{next(iter(wrong))} must be between"):
        StarGraphConfig(**wrong)
    with pytest.raises(ValueError, match=r"task\.name must be star_graph"):
        StarGraphConfig(name="star")


def test_a_shape_of_few_stars_offers_few_problems():
    few = StarGraphConfig(num_arms=2, arm_length=1, num_nodes=6)
    assert few.num_distinct == 6 * 5 * 4  # centre, goal, the other end
    assert (few.max_data_size, few.max_validation) == (12, 1)
    assert len(StarGraphTask(few).problems(Split.TRAIN, 12)) == 12
    assert StarGraphConfig().max_data_size == 1_000_000
