"""Teachers write solution traces for new problems; the procedural one solves its own world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthscale.problem import Problem, Task, check_between


@dataclass(kw_only=True, slots=True)
class TeacherConfig:
    """What the teacher is asked for."""

    traces_per_problem: int = 1  # where several orders of steps are right, traces may differ; equal ones count once

    def __post_init__(self) -> None:
        check_between("teacher.traces_per_problem", self.traces_per_problem, 1, 1000)


def write_traces(config: TeacherConfig, task: Task, problem: Problem, seed: int) -> list[str]:
    """Distinct right solutions of one problem, at most `traces_per_problem`.

    The draw depends on the problem and the seed alone, so a problem has the same traces in every data set it is in.
    """
    generator = np.random.default_rng([seed, int(problem.problem_id, 16)])
    traces = [task.trace(problem, generator) for _ in range(config.traces_per_problem)]
    return list(dict.fromkeys(traces))
