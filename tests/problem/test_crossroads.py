"""The world of crossings against a reading of its problems that knows the sound rules alone."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from synthscale.problem import CrossroadsConfig, CrossroadsTask, Problem, Split, StepTruth, build_task, split_steps
from synthscale.problem.crossroads import Kept

SMALL = {"num_rules": 60, "num_known_rules": 20}
WORLDS = [
    {},
    SMALL,
    {"num_crossings": 1, "num_roads": 2, **SMALL},
    {"num_crossings": 4, "num_roads": 3, "sound_share": 0.3, "num_values": 10, "zipf_exponent": 0.0, **SMALL},
]


@pytest.fixture(scope="module", params=WORLDS, ids=str)
def world(request):
    return request.param


def roads_of(task: CrossroadsTask, problem: Problem) -> list[list[tuple[str, bool, int]]]:
    """Each crossing's roads: the text, whether it is sound, its value."""
    crossings = []
    for crossing in problem.text.split(" ; "):
        words = crossing.split()
        roads = []
        for at in range(0, len(words), 3):
            _, rule, value = words[at : at + 3]
            roads.append((" ".join(words[at : at + 3]), bool(task.is_sound[int(rule[1:])]), int(value)))
        crossings.append(roads)
    return crossings


def answer_of(values, task: CrossroadsTask) -> str:
    if task.config.answer is Kept.sum:
        return str(sum(values) % task.config.num_values)
    return " ".join(map(str, values))


@pytest.mark.parametrize("kept", list(Kept))
def test_sound_roads_lead_to_the_answer_and_share_a_value_and_the_others_another(world, kept):
    task = CrossroadsTask(CrossroadsConfig(**world, answer=kept))
    for problem in task.problems(Split.TRAIN, 50, seed=1):
        crossings, values = roads_of(task, problem), []
        for roads in crossings:
            sound, others = ({value for _, is_sound, value in roads if is_sound is which} for which in (True, False))
            assert len(sound) == len(others) == 1 and sound != others
            assert len({text.split()[1] for text, _, _ in roads}) == len(roads) == task.config.num_roads
            values += sound
        assert len(crossings) == task.config.num_crossings
        assert problem.answer == answer_of(values, task)


def paths(task: CrossroadsTask, problem: Problem):
    """For each choice of roads: whether all are sound, and the answer it comes to."""
    for roads in product(*roads_of(task, problem)):
        yield all(sound for _, sound, _ in roads), answer_of([value for _, _, value in roads], task)


def test_only_a_sum_can_be_right_by_luck():
    lucky = {}
    for kept in Kept:
        task = CrossroadsTask(CrossroadsConfig(**SMALL, answer=kept))
        problems = task.problems(Split.TRAIN, 60, seed=1)
        found = [(sound, answer == problem.answer) for problem in problems for sound, answer in paths(task, problem)]
        assert all(right for sound, right in found if sound)
        lucky[kept] = np.mean([right for sound, right in found if not sound])
    assert lucky[Kept.all] == 0
    assert 0.05 < lucky[Kept.sum] < 0.3


@pytest.mark.parametrize("kept", list(Kept))
def test_a_trace_takes_sound_roads_and_an_aimless_one_any(world, kept):
    task, generator = CrossroadsTask(CrossroadsConfig(**world, answer=kept)), np.random.default_rng(0)
    aimless = set()
    for problem in task.problems(Split.TRAIN, 40, seed=3):
        trace = task.trace(problem, generator)
        steps = split_steps(trace)
        assert len(steps) == task.config.num_crossings
        assert task.step_truths(problem, steps) == [StepTruth.RIGHT] * len(steps)
        assert task.verdict(problem, trace) == "correct"
        truths = task.step_truths(problem, split_steps(task.aimless_trace(problem, generator)))
        right = [text.split()[0] for roads in roads_of(task, problem) for text, sound, _ in roads if sound]
        assert all(step.split()[0] in right for step in steps)
        aimless |= set(truths)
    assert aimless == {StepTruth.RIGHT, StepTruth.WRONG_DECISION}


def test_all_sound_roads_are_taken_in_turn():
    task = CrossroadsTask(CrossroadsConfig(**SMALL))
    problem = next(p for p in task.problems(Split.TRAIN, 50) if sum(s for _, s, _ in roads_of(task, p)[0]) == 3)
    first = {task.trace(problem, np.random.default_rng(seed)).split()[0] for seed in range(40)}
    assert first == {text.split()[0] for text, sound, _ in roads_of(task, problem)[0] if sound}


@pytest.fixture(scope="module")
def task() -> CrossroadsTask:
    return CrossroadsTask(CrossroadsConfig(**SMALL))


@pytest.fixture(scope="module")
def solved(task):
    """A problem and the steps of a right solution."""
    problem = task.problems(Split.TRAIN, 1, seed=5)[0]
    return problem, split_steps(task.trace(problem, np.random.default_rng(0)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda words: [words[0], *words[2:]],  # a word is missing
        lambda words: [*words[:2], str((int(words[2]) + 1) % 7), *words[3:]],  # another value
        lambda words: [*words[:-1], str((int(words[-1]) + 1) % 7)],  # kept wrongly
        lambda words: ["c0", *words[1:]],  # a road of another crossing
        lambda words: ["|", *words],
        lambda words: [],
    ],
)
def test_a_step_that_is_not_exact_is_wrong_in_execution(task, solved, spoil):
    problem, steps = solved
    spoilt = " ".join(spoil(steps[0].split()))
    assert task.step_truths(problem, [spoilt])[0] is StepTruth.WRONG_EXECUTION


def test_steps_are_judged_by_what_the_step_before_kept(task, solved):
    problem, steps = solved
    words = steps[0].split()
    wrong = " ".join([*words[:-1], str((int(words[-1]) + 1) % 7)])
    kept = f"{steps[1].split('|')[0]}| {wrong.split()[-1]} {steps[1].split()[2]}"
    assert task.step_truths(problem, [wrong, kept]) == [StepTruth.WRONG_EXECUTION, StepTruth.RIGHT]
    assert task.step_truths(problem, [*steps, steps[0]])[-1] is StepTruth.WRONG_EXECUTION
    anew = f"{steps[1].split('|')[0]}| {steps[1].split()[2]}"
    assert task.step_truths(problem, ["no bar", anew]) == [StepTruth.WRONG_EXECUTION, StepTruth.RIGHT]


@pytest.mark.parametrize(
    "text", ["", "a0", "a0 r1 3 | 3\n", "one\ntwo\nthree | 1 2", "x\ny\nz | 1 2 ²", "x\ny\nz | 1 2 3 4"]
)
def test_what_is_no_whole_solution_has_no_answer(task, text):
    assert task.answer(text) is None
    assert task.verdict(Problem("a0", "1 2 3"), text) == "unparseable"


def test_answers_are_compared_exactly(task):
    assert task.verdict(Problem("a0", "1 2 3"), "x\ny\nz | 1 2 3") == "correct"
    assert task.verdict(Problem("a0", "1 2 3"), "x\ny\nz | 1 3 2") == "wrong"


def test_no_problem_twice_in_a_split_or_in_two_splits_and_data_sets_nest(task):
    by_split = {split: [p.text for p in task.problems(split, 400, seed=1)] for split in Split}
    for split, texts in by_split.items():
        assert len(set(texts)) == 400
        assert [p.text for p in task.problems(split, 150, seed=1)] == texts[:150]
    by_split |= {"other": [p.text for p in task.problems(Split.TRAIN, 400, seed=2)]}
    texts = [text for of_split in by_split.values() for text in of_split]
    assert len(set(texts)) == len(texts)
    assert not set(by_split[Split.TEST]) & {p.text for seed in range(3) for p in task.problems(Split.TRAIN, 400, seed)}


def test_frequent_rules_come_first():
    task = CrossroadsTask(CrossroadsConfig(**SMALL, zipf_exponent=1.5))
    words = " ".join(problem.text for problem in task.problems(Split.TRAIN, 500)).split()
    counts = [words.count(rule) for rule in task.rules]
    assert counts[0] > 4 * counts[8] > 0
    assert sum(counts[60:]) == 0


def test_the_base_meets_every_rule_and_takes_sound_roads_of_the_known_alone(task):
    generator = np.random.default_rng(0)
    solutions = task.pretraining_solutions(1000, generator)
    assert len(solutions) == 1000
    known, met, lucky = set(task.rules[60:]), set(), []
    for problem, solution in solutions:
        rules = {road.split()[1] for roads in roads_of(task, problem) for road, _, _ in roads}
        assert rules <= known or not rules & known
        met |= rules
        truths = task.step_truths(problem, split_steps(solution))
        assert StepTruth.WRONG_EXECUTION not in truths
        if rules <= known:
            assert set(truths) == {StepTruth.RIGHT}
        else:
            lucky += [truth is StepTruth.RIGHT for truth in truths]
    assert met == set(task.rules)
    assert 0.4 < np.mean(lucky) < 0.6


@pytest.mark.parametrize("kept", list(Kept))
def test_words_and_tokens_are_what_is_written(world, kept):
    task, generator = CrossroadsTask(CrossroadsConfig(**world, answer=kept)), np.random.default_rng(0)
    config = task.config
    assert len(set(task.words)) == len(task.words)
    for problem in task.problems(Split.TRAIN, 20):
        steps = split_steps(task.trace(problem, generator))
        assert set(f"{problem.text} {' '.join(steps)}".split()) <= set(task.words)
        assert len(task.prompt(problem).split()) + 1 == config.num_prompt_tokens
        tokens = [len(step.split()) + 1 for step in steps]  # a line break, or the end
        assert sum(tokens) == config.max_solution_tokens
        assert [sum(tokens[done:]) for done in range(1, len(tokens))] == config.tokens_left


def test_the_pretraining_world_forgets_only_what_a_base_does_not_depend_on():
    one = CrossroadsConfig(**SMALL, zipf_exponent=0.5)
    assert one.pretraining_world() == CrossroadsConfig(**SMALL)
    assert CrossroadsConfig(**SMALL, answer=Kept.sum).pretraining_world() != one.pretraining_world()


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_crossings": 0},
        {"num_crossings": 7},
        {"num_roads": 1},
        {"num_roads": 11},
        {"sound_share": 0.0},
        {"num_rules": 10},
        {"num_values": 1},
        {"zipf_exponent": -1.0},
        {"num_known_rules": 3},
    ],
)
def test_a_world_out_of_range_is_refused_by_the_keys_name(wrong):
    with pytest.raises(ValueError, match=f"task.{next(iter(wrong))} must be between"):
        CrossroadsConfig(**wrong)


def test_another_name_is_refused_and_a_manifests_text_is_understood():
    with pytest.raises(ValueError, match=r"task\.name must be crossroads"):
        CrossroadsConfig(name="precedence")
    assert isinstance(build_task(CrossroadsConfig(name="crossroads_wide", answer="sum")), CrossroadsTask)
    assert CrossroadsConfig(answer="sum") == CrossroadsConfig(answer=Kept.sum)


@pytest.mark.parametrize(
    "wrong",
    [
        {"zipf_exponent": 5.0, "num_roads": 10},  # hardly ever ten different rules
        {"sound_share": 0.05, "num_known_rules": 16, "num_rules": 40},  # none of the known is sound
    ],
)
def test_a_world_without_crossings_is_refused_and_not_searched_for_ever(wrong):
    with pytest.raises(ValueError, match="task crossroads hardly ever draws"):
        for seed in range(20):
            CrossroadsConfig(**{"world_seed": seed} | wrong)


def test_a_small_world_offers_what_it_has():
    few = CrossroadsConfig(
        num_crossings=1, num_roads=2, num_rules=8, num_values=2, num_known_rules=8, zipf_exponent=0.5
    )
    assert few.num_distinct == 8 * 7 * 2 * 2
    assert (few.max_data_size, few.max_validation, few.max_test) == (22, 2, 2)
    task = CrossroadsTask(few)
    for split, most in [(Split.TRAIN, 22), (Split.VALIDATION, 2), (Split.TEST, 2)]:
        assert len(task.problems(split, most)) == most
