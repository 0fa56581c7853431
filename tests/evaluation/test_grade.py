"""Verdicts on continuations."""

from __future__ import annotations

import pytest

from synthscale.evaluation.grade import grade_continuation, has_wrong_step
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
    ("solution", "wrong"),
    [
        (f"{FIRST}\n{LAST}", False),
        (f"p1 2 * 3 = 1 | 1 + 2\n{LAST}", True),  # accepted by its answer all the same
        ("p0 1 + 2 = 3 | 3 * 3\np0 3 * 3 = 4 | 4", True),
        ("", None),  # no step, nothing to judge
    ],
)
def test_has_wrong_step(hand_task, solution, wrong):
    assert has_wrong_step(hand_task, PROBLEM, solution) is wrong
