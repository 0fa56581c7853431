"""How the solutions of a task are cut into steps, and what its world knows of them, from a manifest alone.

The task itself is built only where it is a world: a data set's needs its files, which need not be on the machine that
reports, and of its steps nobody knows the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from synthscale.problem import (
    WORLDS,
    Problem,
    StepBoundary,
    StepTruth,
    build_task,
    exact_steps,
)

LINES = StepBoundary.line
NUM_REMEMBERED = 2**16  # solutions


class Reading:
    """Steps and truths of solutions, each found out once for as long as it is remembered: points share samples.

    steps: the solution's steps, which joined are the solution. truths: of each step, none where nobody knows.
    """

    def __init__(
        self, steps: Callable[[str], list[str]], truths: Callable[[Problem, list[str]], list[StepTruth]] | None = None
    ) -> None:
        self._truths = truths
        self.steps = lru_cache(NUM_REMEMBERED)(steps)
        self._wrong = lru_cache(NUM_REMEMBERED)(self._judge)

    def wrong_steps(self, problem: Problem, solution: str) -> list[bool] | None:
        """Of each step, whether it is truly wrong; None where nobody knows."""
        return self._wrong(problem, solution) if self._truths is not None else None

    def _judge(self, problem: Problem, solution: str) -> list[bool] | None:
        truths = self._truths(problem, self.steps(solution)) if self._truths is not None else []
        return [truth is not StepTruth.RIGHT for truth in truths] or None


def reading_of(task: Mapping[str, Any]) -> Reading:
    """The reading for the task of this config, as a manifest has it; by lines where it is of an unknown kind."""
    try:
        config = next((config for name, (config, _) in WORLDS.items() if str(task.get("name")).startswith(name)), None)
        if config is not None:
            world = build_task(config(**task))
            return Reading(world.steps, world.step_truths)
        boundary = StepBoundary(task.get("step_boundary", LINES.value))
    except (TypeError, ValueError):  # of another version, with other keys
        boundary = LINES
    return Reading(lambda solution: exact_steps(solution, boundary))
