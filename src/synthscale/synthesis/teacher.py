"""Teachers write solution traces for new problems; the procedural one solves its own world."""

from __future__ import annotations

import numpy as np

from synthscale.problem import Problem, Task


def write_traces(task: Task, problem: Problem, num_traces: int, seed: int) -> list[str]:
    """Distinct solutions of one problem as the task writes them, at most `num_traces`.

    The draw depends on the problem and the seed alone, so a problem has the same traces in every data set it is in.
    """
    generator = np.random.default_rng([seed, int(problem.problem_id, 16)])
    traces = [task.trace(problem, generator) for _ in range(num_traces)]
    return list(dict.fromkeys(traces))
