"""The world against an evaluator of another kind: this file parses, the room reduces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.problem import PrecedenceConfig, PrecedenceTask, Problem, Split, StepTruth, build_task, split_steps
from synthscale.problem.precedence import OPERATOR_SYMBOLS
from synthscale.problem.problem import TaskConfig

WORLDS = [
    {},
    {"world_seed": 3, "num_operators": 3, "num_values": 5},
    {"operators_per_problem": 5, "num_operators": 9, "num_values": 10, "zipf_exponent": 0.0},
    {"operators_per_problem": 1, "num_operators": 4},
    {"num_operators": 300, "num_tables": 5, "num_levels": 3, "zipf_exponent": 1.2, "num_known_operators": 10},
]


def parse(task: PrecedenceTask, tokens: list[str]):
    """The expression's tree by precedence climbing: a value, or (operator's position, operator, left, right)."""
    position = 0

    def level(operator: str) -> int:
        return int(task.levels[task.operators.index(operator)])

    def climb(lowest: int):
        nonlocal position
        left = int(tokens[2 * position])
        while 2 * position + 1 < len(tokens) and level(operator := tokens[2 * position + 1]) >= lowest:
            at = position
            position += 1
            left = (at, operator, left, climb(level(operator) + 1))
        return left

    return climb(-1)


def evaluate(task: PrecedenceTask, tree) -> int:
    """The tree's value."""
    if isinstance(tree, int):
        return tree
    _, operator, left, right = tree
    return int(task.tables[OPERATOR_SYMBOLS.index(operator[0]), evaluate(task, left), evaluate(task, right)])


def ready(tree) -> set[int]:
    """Operators whose both sides are values: those that may be reduced next."""
    if isinstance(tree, int):
        return set()
    at, _, left, right = tree
    return {at} if isinstance(left, int) and isinstance(right, int) else ready(left) | ready(right)


def orders(task: PrecedenceTask, tokens: list[str], right: bool = True) -> Iterator[tuple[bool, str]]:
    """For each order of reduction: whether all its steps are right, and the value it comes to."""
    if len(tokens) == 1:
        yield right, tokens[0]
        return
    allowed = ready(parse(task, tokens))
    for i in range(len(tokens) // 2):
        a, operator, b = tokens[2 * i : 2 * i + 3]
        value = str(task.tables[OPERATOR_SYMBOLS.index(operator[0]), int(a), int(b)])
        yield from orders(task, [*tokens[: 2 * i], value, *tokens[2 * i + 3 :]], right and i in allowed)


def is_unambiguous(task: PrecedenceTask, problem: Problem) -> bool:
    """Whether no order with a wrong step reaches the reference answer."""
    return all(right or value != problem.answer for right, value in orders(task, problem.text.split()))


@pytest.mark.parametrize("unambiguous", [True, False])
@pytest.mark.parametrize("world", WORLDS)
def test_reference_answer_is_the_value_of_the_parse_tree(world, unambiguous):
    task = PrecedenceTask(PrecedenceConfig(**world, unambiguous=unambiguous))
    for problem in task.problems(Split.TRAIN, min(60, task.config.max_data_size), seed=1):
        assert problem.answer == str(evaluate(task, parse(task, problem.text.split()))), problem.text


@pytest.mark.parametrize("world", WORLDS[:2])
def test_unambiguous_problems_are_those_that_brute_force_over_all_orders_calls_so(world):
    free = PrecedenceTask(PrecedenceConfig(**world, unambiguous=False))
    strict = PrecedenceTask(PrecedenceConfig(**world, unambiguous=True))
    drawn = free.problems(Split.TRAIN, 300, seed=5)
    kept = [problem for problem in drawn if is_unambiguous(free, problem)]
    assert 0 < len(kept) < len(drawn)
    assert strict.problems(Split.TRAIN, len(kept), seed=5) == kept


@pytest.mark.parametrize("world", WORLDS[:3])
def test_right_positions_are_the_operators_whose_sides_are_values(world):
    task = PrecedenceTask(PrecedenceConfig(**world, unambiguous=False))
    for problem in task.problems(Split.TRAIN, 100, seed=2):
        tokens = problem.text.split()
        assert set(task.right_positions(tokens)) == ready(parse(task, tokens))


def test_no_problem_twice_in_a_split_or_in_two_splits(task):
    by_split = {split: set() for split in Split}
    for seed in range(4):
        for split, num_problems in ((Split.TRAIN, 1500), (Split.VALIDATION, 300), (Split.TEST, 1000)):
            texts = [problem.text for problem in task.problems(split, num_problems, seed)]
            assert len(set(texts)) == len(texts) == num_problems
            by_split[split] |= set(texts)
    for a in Split:
        for b in Split:
            assert a is b or not by_split[a] & by_split[b]


def test_splits_are_disjoint_where_the_world_is_nearly_used_up():
    task = PrecedenceTask(PrecedenceConfig(num_operators=3, num_values=3, operators_per_problem=3, unambiguous=False))
    limits = {Split.TRAIN: task.config.max_data_size, Split.VALIDATION: task.config.max_test}
    limits[Split.TEST] = task.config.max_test
    texts = [problem.text for split, limit in limits.items() for problem in task.problems(split, limit)]
    assert len(set(texts)) == len(texts) == sum(limits.values())


@settings(max_examples=20, deadline=None)
@given(
    small=st.integers(0, 200), more=st.integers(0, 200), seed=st.integers(0, 10**6), split=st.sampled_from(list(Split))
)
def test_data_sets_of_one_seed_nest(task, small, more, seed, split):
    assert task.problems(split, small + more, seed)[:small] == task.problems(split, small, seed)


def test_same_seed_same_problems_and_other_seed_others(task):
    first = task.problems(Split.TRAIN, 128, seed=1)
    assert PrecedenceTask(PrecedenceConfig()).problems(Split.TRAIN, 128, seed=1) == first
    assert len(set(task.problems(Split.TRAIN, 128, seed=2)) & set(first)) < 10


def test_the_world_is_the_same_for_all_seeds_and_sizes_and_another_for_another_world_seed():
    small = PrecedenceConfig(num_operators=2, num_values=3, operators_per_problem=3, unambiguous=False)
    task = PrecedenceTask(small)
    answers: dict[str, str] = {}
    for seed in range(4):
        for problem in task.problems(Split.TRAIN, small.max_data_size, seed):
            assert answers.setdefault(problem.text, problem.answer) == problem.answer
    assert len(answers) < 4 * small.max_data_size  # the seeds do share problems, so something was compared
    default, other = PrecedenceTask(PrecedenceConfig()), PrecedenceTask(PrecedenceConfig(world_seed=1))
    assert np.array_equal(default.tables, PrecedenceTask(PrecedenceConfig()).tables)
    assert not np.array_equal(default.tables, other.tables)
    assert sorted(default.levels) == list(range(6))


def test_frequent_operators_come_first_by_zipfs_law(task):
    texts = "".join(problem.text for problem in task.problems(Split.TRAIN, 2000, seed=0))
    counts = np.array([texts.count(operator) for operator in task.operators])
    assert counts[0] > 2 * counts[3] > 0
    assert task.operator_frequencies == pytest.approx(np.array([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6]) / 2.45)


@pytest.mark.parametrize("num_operators", [1, 2, 3, 4])
def test_pretraining_problems_have_the_length_and_none_is_held_out(num_operators):
    task = PrecedenceTask(PrecedenceConfig(num_operators=2, num_values=3, operators_per_problem=4, unambiguous=False))
    drawn = task.draw_problems(np.random.default_rng(0), 500, num_operators)
    assert len(drawn) == 500
    assert {len(problem.text.split()) for problem in drawn} == {2 * num_operators + 1}
    assert all(problem.answer == str(evaluate(task, parse(task, problem.text.split()))) for problem in drawn)
    held_out = {p.text for seed in range(3) for p in task.problems(Split.TEST, task.config.max_test, seed)}
    held_out |= {p.text for seed in range(3) for p in task.problems(Split.VALIDATION, task.config.max_test, seed)}
    assert not held_out & {problem.text for problem in drawn}


@pytest.mark.parametrize("split", list(Split))
def test_more_problems_than_the_world_has_are_refused(split):
    task = PrecedenceTask(PrecedenceConfig(num_operators=2, num_values=2, operators_per_problem=2))
    with pytest.raises(ValueError, match=f"number of {split} problems must be between 0 and"):
        task.problems(split, 10_000)


def test_a_world_that_runs_dry_says_how_many_problems_it_has():
    dry = PrecedenceConfig(num_operators=2, num_values=2, operators_per_problem=5, zipf_exponent=5.0)
    with pytest.raises(ValueError, match=r"has \d+ train problems, not "):
        PrecedenceTask(dry).problems(Split.TRAIN, dry.max_data_size)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("unambiguous", [True, False])
def test_a_trace_is_right_in_every_step_and_in_its_answer(world, unambiguous):
    task = PrecedenceTask(PrecedenceConfig(**world, unambiguous=unambiguous))
    generator = np.random.default_rng(0)
    for problem in task.problems(Split.TRAIN, min(40, task.config.max_data_size), seed=3):
        trace = task.trace(problem, generator)
        steps = split_steps(trace)
        assert len(steps) == task.config.operators_per_problem
        assert task.step_truths(problem, steps) == [StepTruth.RIGHT] * len(steps)
        assert task.verdict(problem, trace) == "correct"


def test_an_unordered_trace_has_exact_execution_and_is_right_only_by_luck(task):
    generator = np.random.default_rng(0)
    truths, verdicts = set(), []
    for problem in task.problems(Split.TRAIN, 100, seed=3):
        trace = task.unordered_trace(problem, generator)
        of_trace = task.step_truths(problem, split_steps(trace))
        verdicts.append(task.verdict(problem, trace))
        # an unambiguous problem's answer is reached by right orders alone
        assert (verdicts[-1] == "correct") == (set(of_trace) == {StepTruth.RIGHT})
        truths |= set(of_trace)
    assert truths == {StepTruth.RIGHT, StepTruth.WRONG_DECISION}
    assert 0 < verdicts.count("correct") < 60


def test_several_right_orders_are_all_drawn(hand_task):
    problem = Problem("1 * 2 + 3 * 4", "4")
    generator = np.random.default_rng(0)
    assert len({hand_task.trace(problem, generator) for _ in range(50)}) == 2


def test_words_cover_all_that_is_written(task):
    generator = np.random.default_rng(0)
    for problem in task.problems(Split.TRAIN, 50):
        written = f"{problem.text}\n{task.unordered_trace(problem, generator)}".split()
        assert set(written) <= set(task.words)
    assert len(set(task.words)) == len(task.words)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_operators": 1},
        {"num_operators": 17},
        {"num_values": 1},
        {"num_values": 11},
        {"operators_per_problem": 0},
        {"operators_per_problem": 7},
        {"zipf_exponent": -0.1},
        {"zipf_exponent": float("nan")},
        {"num_tables": 0},
        {"num_tables": 17},
        {"num_levels": 1},
        {"num_known_operators": 1, "num_tables": 4, "num_levels": 4},
        {"num_operators": 100_001, "num_tables": 4},
    ],
)
def test_a_world_out_of_range_is_refused_by_the_keys_name(wrong):
    with pytest.raises(ValueError, match=f"task.{next(iter(wrong))} must be between"):
        PrecedenceConfig(**wrong)


def test_a_task_without_implementation_is_refused():
    with pytest.raises(ValueError, match="task alchemy has no implementation"):
        build_task(TaskConfig(name="alchemy"))


def test_the_pretraining_world_forgets_only_what_a_base_does_not_depend_on():
    one = PrecedenceConfig(world_seed=4, num_values=5, zipf_exponent=0.5, unambiguous=False)
    two = PrecedenceConfig(world_seed=4, num_values=5)
    assert one.pretraining_world() == two.pretraining_world() == two
    assert PrecedenceConfig(world_seed=5, num_values=5).pretraining_world() != two


MANY = {"num_operators": 600, "num_tables": 5, "num_levels": 4, "num_known_operators": 20}


def test_known_operators_are_met_in_pretraining_alone():
    task = PrecedenceTask(PrecedenceConfig(**MANY))
    assert len(task.operators) == len(set(task.operators)) == len(task.levels) == 620
    known = set(task.operators[600:])
    drawn = task.draw_problems(np.random.default_rng(0), 300, 4, known=True)
    assert {operator for problem in drawn for operator in problem.text.split()[1::2]} == known
    others = [*task.problems(Split.TRAIN, 300), *task.draw_problems(np.random.default_rng(0), 300, 4)]
    assert not known & {operator for problem in others for operator in problem.text.split()[1::2]}


def test_operators_share_tables_and_not_levels():
    task = PrecedenceTask(PrecedenceConfig(**MANY))
    assert task.tables.shape == (5, 7, 7)
    step, _ = task.reduce(["3", task.operators[7], "4"], 0)
    assert step.split()[5] == str(task.tables[2, 3, 4])
    by_table = [task.levels[first:600:5] for first in range(5)]
    assert all(set(levels) == {0, 1, 2, 3} for levels in by_table)


def test_the_base_of_many_rules_does_not_hang_on_the_tail():
    tails = [PrecedenceConfig(**MANY, zipf_exponent=exponent).pretraining_world() for exponent in (0.0, 1.2)]
    assert tails[0] == tails[1] != PrecedenceConfig().pretraining_world()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"num_known_operators": 20}, "task.num_known_operators needs task.num_tables and task.num_levels"),
        ({"num_operators": 50_000, "num_tables": 6}, "the world has 1.1e.23 expressions"),
    ],
)
def test_a_world_of_many_rules_that_cannot_be_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        PrecedenceConfig(**wrong)
