"""The pool is the first problems that come through, whatever the waves; nothing is asked that is not needed."""

from __future__ import annotations

from collections import Counter

import pytest

from scripted_teacher import (
    Answer,
    ScriptedTeacher,
    invented_problem,
    right_solutions,
    solution,
    sum_of,
    teacher_config,
)
from synthscale.problem import Problem, Split, Verdict
from synthscale.synthesis.pool import Dropped, Taught, fill_pool
from synthscale.synthesis.screen import Reason, Screen


def right(number: int) -> int:
    return sum(sum_of(number))


@pytest.fixture
def teacher(gsm8k) -> ScriptedTeacher:
    """Of its first thirteen attempts seven come to nothing before their solutions are asked for, and two after."""
    test = gsm8k.problems(Split.TEST, 1, 0)[0].text
    seed = gsm8k.problems(Split.TRAIN, 1, 0)[0].text
    problems = {
        0: Answer(test),
        2: Answer(seed),
        3: Answer(invented_problem(1).replace("4", "5")),  # attempt 1 with other numbers
        5: Answer(""),
        6: Answer("A problem that is cut. How", finished=False),
        7: Answer(f"{invented_problem(70)}\n#### 7"),
        9: Answer("Nothing is asked here."),
    }
    solutions = {
        invented_problem(4): [Answer(solution(a)) for a in (1, 1, 2, 2)],
        invented_problem(8): [Answer(solution(right(8)), finished=False), *right_solutions(8, 3)],
        invented_problem(10): [Answer(solution(f"{right(10)}.00")), Answer("It is 12 or so."), *right_solutions(10, 2)],
        invented_problem(11): [*right_solutions(11, 2), Answer(solution(3)), Answer(solution(right(11), 0) + "  ")],
        invented_problem(12): [Answer("No, we cannot know. It is 7.")] * 4,
    }
    return ScriptedTeacher(problems, solutions)


@pytest.fixture
def results(gsm8k_config, gsm8k):
    """What a teacher gives in waves of at most so many attempts."""

    def make(teacher: ScriptedTeacher, max_wave: int = 1000, **keys) -> list[Taught | Dropped]:
        config = teacher_config(**keys)
        return list(fill_pool(config, gsm8k, Screen(config, gsm8k_config, gsm8k), teacher, max_wave))

    return make


def test_every_attempt_comes_to_what_it_deserves(results, teacher):
    found = {result.attempt: result for result in results(teacher)}
    why = {attempt: result.reason for attempt, result in found.items() if isinstance(result, Dropped)}
    assert why == {
        0: "contaminated",
        2: "duplicate",
        3: "near_duplicate",
        4: "disagreement",
        5: "empty",
        6: "cut",
        7: "solved",
        9: "no_question",
        12: "disagreement",
    }
    taught = {attempt: result for attempt, result in found.items() if isinstance(result, Taught)}
    assert list(taught) == [1, 8, 10, 11, 13, 14]
    for attempt, result in taught.items():
        assert result.problem == Problem(invented_problem(attempt), str(right(attempt)))
    assert (found[4].detail, found[12].detail) == ("1: 2, 2: 2", "none: 4")
    assert [len(taught[attempt].traces) for attempt in taught] == [4, 3, 3, 2, 4, 4]
    assert {a: [row.reason for row in result.dropped] for a, result in taught.items() if result.dropped} == {
        8: ["trace_cut"],
        10: ["trace_unmarked"],
        11: ["trace_wrong", "trace_repeated"],
    }


def test_kept_traces_are_right_and_distinct(results, teacher, gsm8k):
    for result in results(teacher):
        if isinstance(result, Taught):
            assert {gsm8k.verdict(result.problem, trace) for trace in result.traces} == {Verdict.CORRECT}
            assert len({" ".join(trace.split()) for trace in result.traces}) == len(result.traces)


def test_solutions_are_asked_of_those_that_passed_and_of_no_others(results, teacher):
    attempts = {result.attempt for result in results(teacher)}
    asked = {
        kind: [int(k.split()[1]) for k in teacher.asked if k.startswith(kind)] for kind in ("problem", "solutions")
    }
    assert sorted(asked["problem"]) == sorted(attempts) == list(range(15))
    assert sorted(asked["solutions"]) == [1, 4, 8, 10, 11, 12, 13, 14]
    assert max(Counter(teacher.asked).values()) == 1


@pytest.mark.parametrize("max_wave", [1, 2, 3, 5, 8, 1000])
def test_the_pool_is_the_same_whatever_the_waves(results, teacher, max_wave):
    whole = results(ScriptedTeacher(teacher.problems, teacher.solutions))
    assert results(teacher, max_wave) == whole


@pytest.mark.parametrize("smaller", [1, 2, 4])
def test_a_smaller_pool_is_the_beginning_of_a_larger_one(results, teacher, smaller):
    def problems(num_problems: int) -> list[Taught]:
        found = results(ScriptedTeacher(teacher.problems, teacher.solutions), num_problems=num_problems)
        return [result for result in found if isinstance(result, Taught)]

    assert problems(smaller) == problems(6)[:smaller]


def test_a_teacher_that_gives_nothing_is_given_up_with_the_counts(results, teacher):
    for attempt in range(1, 24):
        teacher.problems[attempt] = Answer("" if attempt % 3 else invented_problem(1))
    with pytest.raises(ValueError, match=r"gave 1 of 6 problems in 24 attempts") as given_up:
        results(teacher, max_attempts_per_problem=4)
    assert "dropped: empty 16, duplicate 6, contaminated 1" in str(given_up.value)
    assert "teacher.max_attempts_per_problem" in str(given_up.value) and "\n" not in str(given_up.value)
    assert len([key for key in teacher.asked if key.startswith("problem")]) == 24


def test_reasoning_is_no_part_of_a_trace_and_its_answer_has_no_vote(results, teacher):
    text = invented_problem(0)
    teacher.problems[0] = Answer(f"<think>Perhaps {text}</think><problem>{text}</problem>")
    thoughts = "<think>It may be\n#### 1\nor not.</think>\n"
    teacher.solutions[text] = [Answer(thoughts + answer.text) for answer in right_solutions(0)]
    taught = results(teacher, num_problems=1)[-1]
    assert taught.problem == Problem(text, str(right(0)))
    assert taught.traces == [answer.text for answer in right_solutions(0)]


def test_one_solution_four_times_is_one_trace(results, teacher):
    text = invented_problem(0)
    teacher.problems[0], teacher.solutions[text] = Answer(text), right_solutions(0, 1) * 4
    taught = results(teacher, num_problems=1)[-1]
    assert len(taught.traces) == 1
    assert [row.reason for row in taught.dropped] == ["trace_repeated"] * 3


def test_an_answer_that_the_verifier_cannot_confirm_is_not_kept(results, teacher, gsm8k, monkeypatch):
    monkeypatch.setattr(type(gsm8k), "verdict", lambda self, problem, trace: Verdict.TIMEOUT)
    with pytest.raises(ValueError, match=r"unverified"):
        results(teacher, max_attempts_per_problem=1)


def test_reasons_are_words_that_measures_can_be_called_by():
    assert all(reason.value.isidentifier() for reason in Reason)
