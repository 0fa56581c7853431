"""Verdicts on continuations."""

from __future__ import annotations

import pytest

from synthscale.evaluation.grade import first_wrong_step, grade_continuation, has_wrong_step
from synthscale.policy.sampler import Continuation
from synthscale.problem import Problem

PROBLEM = Problem("1 + 2 * 3", "2")
FIRST, LAST = "p1 2 * 3 = 1 | 1 + 1", "p0 1 + 1 = 2 | 2"


@pytest.mark.parametrize(
    ("prefix", "text", "finished", "solution", "verdict"),
    [
        ("", f"{FIRST} \n {LAST}", True, f"{FIRST}\n{LAST}", "correct"),
        (FIRST + "\n", LAST, True, f"{FIRST}\n{LAST}", "correct"),
        (FIRST + "\n", LAST, False, f"{FIRST}\n{LAST}", "unparseable"),  # cut: it might have gone on
        (FIRST + "\n", "p0 1 + 1 = 3 | 3", True, f"{FIRST}\np0 1 + 1 = 3 | 3", "wrong"),
        ("", FIRST, True, FIRST, "unparseable"),
        ("", "", True, "", "unparseable"),
    ],
)
def test_grade_continuation(hand_task, prefix, text, finished, solution, verdict):
    continuation = Continuation(text, num_tokens=9, finished=finished)
    assert grade_continuation(hand_task, PROBLEM, continuation, prefix) == (solution, verdict)


@pytest.mark.parametrize(
    ("solution", "wrong", "first"),
    [
        (f"{FIRST}\n{LAST}", False, None),
        (f"p1 2 * 3 = 1 | 1 + 2\n{LAST}", True, 1),  # accepted by its answer all the same
        ("p0 1 + 2 = 3 | 3 * 3\np0 3 * 3 = 4 | 4", True, 1),
        (f"{FIRST}\np0 1 + 1 = 3 | 3", True, 2),
        ("", None, None),  # no step, nothing to judge
    ],
)
def test_wrong_steps(hand_task, solution, wrong, first):
    assert has_wrong_step(hand_task, PROBLEM, solution) is wrong
    assert first_wrong_step(hand_task, PROBLEM, solution) == first
