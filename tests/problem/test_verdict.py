"""Verdicts and step truths by table, in a world that can be worked out by hand; and no text raises."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from synthscale.problem import Problem, Split, StepTruth, Verdict, check_between, join_steps, split_steps

# 1 + 2 * 3: * first, 6 mod 5 = 1, then 1 + 1 = 2
PROBLEM = Problem("1 + 2 * 3", "2")
RIGHT, DECISION, EXECUTION = StepTruth.RIGHT, StepTruth.WRONG_DECISION, StepTruth.WRONG_EXECUTION
HUGE = "9" * 10_000

STEPS = [
    (["p1 2 * 3 = 1 | 1 + 1", "p0 1 + 1 = 2 | 2"], [RIGHT, RIGHT]),
    (["p0 1 + 2 = 3 | 3 * 3", "p0 3 * 3 = 4 | 4"], [DECISION, RIGHT]),  # the second is right from where it stands
    (["p1 2 * 3 = 1 | 1 + 2"], [EXECUTION]),  # miscopied
    (["p1 2 * 3 = 1 | 1 + 2", "p0 1 + 2 = 3 | 3"], [EXECUTION, RIGHT]),
    (["p1 2 * 3 = 4 | 1 + 4"], [EXECUTION]),  # miscalculated
    (["p1 2 * 4 = 3 | 1 + 3"], [EXECUTION]),  # misread
    (["p0 2 * 3 = 1 | 1 + 1"], [EXECUTION]),  # the wrong place
    (["p2 2 * 3 = 1 | 1 + 1"], [EXECUTION]),  # no such place
    (["p01 2 * 3 = 1 | 1 + 1"], [EXECUTION]),
    (["1 2 * 3 = 1 | 1 + 1"], [EXECUTION]),
    (["p 2 * 3 = 1 | 1 + 1"], [EXECUTION]),
    (["p-1 2 * 3 = 1 | 1 + 1"], [EXECUTION]),
    (["p1 2 * 3 = 1 1 + 1"], [EXECUTION]),  # no bar
    (["p1 2 * 3 = 1 |"], [EXECUTION]),
    (["p1 2 * 3 = 1 |", "p0 1 + 1 = 2 | 2"], [EXECUTION, EXECUTION]),  # nothing was left to reduce
    (["p1 2 * 3 = 1 | 1 + 1 | 1 + 1"], [EXECUTION]),
    (["p1   2 *  3 = 1 |   1 + 1"], [RIGHT]),  # spaces are not words
    (["p1 2 * 3 = 1 | 1 + 1", "p0 1 + 1 = 2 | 2", "p0 2 | 2"], [RIGHT, RIGHT, EXECUTION]),  # goes on after the end
    ([""], [EXECUTION]),
    (["|"], [EXECUTION]),
    (["p"], [EXECUTION]),
    (["the answer is 2"], [EXECUTION]),
    (["p1 2 * 3 = 1 | + + +", "p0 + + + = 1 | 1"], [EXECUTION, EXECUTION]),
    (["p1 2 * 3 = 1 | 1 + 7", "p0 1 + 7 = 3 | 3"], [EXECUTION, EXECUTION]),  # 7 is no value of this world
    (["p1 2 * 3 = 1 | 1 ^ 1", "p0 1 ^ 1 = 3 | 3"], [EXECUTION, EXECUTION]),  # ^ is no operator of this world
    (["p\u00b2 2 * 3 = 1 | 1 + 1"], [EXECUTION]),  # '²': a digit to str.isdigit, no number to int
    (["p\u0663 2 * 3 = 1 | 1 + 1"], [EXECUTION]),  # '٣'
    (["p\u0661 2 * 3 = 1 | 1 + 1"], [EXECUTION]),  # '١' is 1 to int
    ([f"p{HUGE} 2 * 3 = 1 | 1 + 1"], [EXECUTION]),  # more digits than int reads
    ([f"p1 2 * 3 = 1 | 1 + {HUGE}", f"p0 1 + {HUGE} = 1 | 1"], [EXECUTION, EXECUTION]),
    (["p1 2 * 3 = 1 | 1 + \u00b2", "p0 1 + \u00b2 = 1 | 1"], [EXECUTION, EXECUTION]),
    ([], []),
]


@pytest.mark.parametrize(("steps", "truths"), STEPS)
def test_step_truths(hand_task, steps, truths):
    assert hand_task.step_truths(PROBLEM, steps) == truths


VERDICTS = [
    ("p1 2 * 3 = 1 | 1 + 1\np0 1 + 1 = 2 | 2", Verdict.CORRECT, "2"),
    ("p0 1 + 2 = 3 | 3 * 3\np0 3 * 3 = 4 | 4", Verdict.WRONG, "4"),
    ("| 2", Verdict.CORRECT, "2"),  # the reward sees the final value alone
    ("nonsense | 2\n\n  \n", Verdict.CORRECT, "2"),
    ("| 2\nnonsense", Verdict.UNPARSEABLE, None),
    ("| 02", Verdict.WRONG, "02"),
    ("2", Verdict.UNPARSEABLE, None),
    ("| 1 + 1", Verdict.UNPARSEABLE, None),
    ("| |", Verdict.UNPARSEABLE, None),
    ("| 2 | 2", Verdict.UNPARSEABLE, None),
    ("| -2", Verdict.UNPARSEABLE, None),
    ("| +", Verdict.UNPARSEABLE, None),
    ("|", Verdict.UNPARSEABLE, None),
    ("", Verdict.UNPARSEABLE, None),
    ("\n \n", Verdict.UNPARSEABLE, None),
    ("| two", Verdict.UNPARSEABLE, None),
    ("| \u00b2", Verdict.UNPARSEABLE, None),  # '²'
    ("| \u0662", Verdict.UNPARSEABLE, None),  # '٢' is 2 to int, and no word of this world
    ("<pad> <pad>", Verdict.UNPARSEABLE, None),
]


@pytest.mark.parametrize(("solution", "verdict", "answer"), VERDICTS)
def test_verdict_and_answer(hand_task, solution, verdict, answer):
    assert hand_task.verdict(PROBLEM, solution) is verdict
    assert hand_task.answer(solution) == answer


def test_a_huge_answer_is_wrong(hand_task):
    assert hand_task.verdict(PROBLEM, f"| {HUGE}") is Verdict.WRONG


WORDS = st.sampled_from([*"01234+-*/", "p0", "p1", "p2", "=", "|", "\n", "p\u00b2", "\u0663", HUGE, "<pad>"])


@settings(max_examples=200, deadline=None)
@given(solution=st.one_of(st.text(), st.lists(WORDS, max_size=30).map(" ".join)))
@example("p\u00b2")
def test_no_text_raises(task, solution):
    problem = task.problems(Split.TRAIN, 1)[0]
    steps = split_steps(solution)
    assert len(task.step_truths(problem, steps)) == len(steps)
    assert task.verdict(problem, solution) in Verdict
    answer = task.answer(solution)
    assert (answer is None) == (task.verdict(problem, solution) is Verdict.UNPARSEABLE)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_split_and_join_of_steps_agree(solution):
    steps = split_steps(solution)
    assert split_steps(join_steps(steps)) == steps
    assert all(step and step == step.strip() for step in steps)


def test_a_problem_is_named_by_its_text_alone():
    assert Problem("1 + 2", "3").problem_id == Problem("1 + 2", "4").problem_id != Problem("1 + 3", "3").problem_id
    assert len(PROBLEM.problem_id) == 16
    assert PROBLEM.text + "\n" == "1 + 2 * 3\n"


@pytest.mark.parametrize(("value", "ok"), [(0, True), (1, True), (0.5, True), (-0.1, False), (1.1, False)])
def test_check_between(value, ok):
    if ok:
        check_between("a.key", value, 0, 1)
    else:
        with pytest.raises(ValueError, match=r"^a.key must be between 0 and 1, but is "):
            check_between("a.key", value, 0, 1)


def test_not_a_number_is_not_between():
    with pytest.raises(ValueError, match=r"a\.key"):
        check_between("a.key", float("nan"), 0, 1)
