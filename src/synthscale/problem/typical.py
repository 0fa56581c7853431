"""What a task's problems and solutions are like on average, read off some of its own: a plan's guess at lengths."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np

from synthscale.problem.problem import Split, Task

NUM_READ = 500  # training problems that are looked at


@dataclass(frozen=True, slots=True)
class Typical:
    """Means over training problems."""

    problem_characters: float
    prompt_characters: float
    solution_characters: float
    num_steps: float


def typical_of(task: Task, max_problems: int) -> Typical | None:
    """Means over the first training problems, at most `max_problems`; None where the task has no solutions of them."""
    problems = task.problems(Split.TRAIN, min(NUM_READ, max_problems), 0)
    generator = np.random.default_rng(0)
    if not task.has_solutions:
        return None
    solutions = [task.trace(problem, generator) for problem in problems]
    return Typical(
        statistics.fmean(len(problem.text) for problem in problems),
        statistics.fmean(len(task.prompt(problem)) for problem in problems),
        statistics.fmean(map(len, solutions)),
        statistics.fmean(len(task.steps(solution)) for solution in solutions),
    )
