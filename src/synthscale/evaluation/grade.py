"""Verdicts on what a policy wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthscale.problem import Problem, StepTruth, Task, Verdict

if TYPE_CHECKING:
    from synthscale.policy.sampler import Continuation


def grade_continuation(task: Task, problem: Problem, continuation: Continuation, prefix: str = "") -> tuple[str, str]:
    """The solution (prefix and continuation) and its verdict's value.

    A continuation that was cut before its end has no final answer, so it is unparseable.
    """
    solution = task.solution(prefix + continuation.text)
    verdict = task.verdict(problem, solution) if continuation.finished else Verdict.UNPARSEABLE
    return solution, verdict.value


def has_wrong_step(task: Task, problem: Problem, solution: str) -> bool | None:
    """Whether the world calls any step of the solution wrong; None where no one knows."""
    truths = task.step_truths(problem, task.steps(solution))
    return any(truth is not StepTruth.RIGHT for truth in truths) if truths else None


def first_wrong_step(task: Task, problem: Problem, solution: str) -> int | None:
    """The first step, counted from 1, that the world calls wrong; None where it calls none so, or no one knows."""
    truths = enumerate(task.step_truths(problem, task.steps(solution)), 1)
    return next((step for step, truth in truths if truth is not StepTruth.RIGHT), None)
