"""What goes wrong first, counted over solutions whose truth is known."""

from __future__ import annotations

import numpy as np

from synthscale.problem import PrecedenceConfig, PrecedenceTask, Problem, Split, Verdict, split_steps
from synthscale.stage.evaluate import wrong_shares
from synthscale.stage.rows import SolutionRow

TASK = PrecedenceTask(PrecedenceConfig())


def test_the_first_wrong_step_decides_what_went_wrong():
    problem = TASK.problems(Split.TEST, 1)[0]
    right = TASK.trace(problem, np.random.default_rng(0))
    tokens = problem.text.split()
    wrong_positions = set(range(len(tokens) // 2)) - set(TASK.right_positions(tokens))
    decided_wrongly, _ = TASK.reduce(tokens, min(wrong_positions))
    first, *others = split_steps(right)
    executed_wrongly = first.replace("|", "| 0")
    solutions = [right, right, decided_wrongly, "\n".join([executed_wrongly, *others]), decided_wrongly + "\nnothing"]
    verdicts = [Verdict.CORRECT, Verdict.CORRECT, Verdict.WRONG, Verdict.CORRECT, Verdict.WRONG]
    rows = [
        (problem, SolutionRow(problem.problem_id, 0, text, verdict.value))
        for text, verdict in zip(solutions, verdicts, strict=True)
    ]
    assert wrong_shares(TASK, rows) == {
        "wrong_step_share": 1 / 3,
        "wrong_decision_share": 0.4,
        "wrong_execution_share": 0.2,
    }


def test_where_nobody_knows_there_is_no_share():
    class Unknown(PrecedenceTask):
        def step_truths(self, problem: Problem, steps: list[str]) -> list:
            return []

    problem = TASK.problems(Split.TEST, 1)[0]
    rows = [(problem, SolutionRow(problem.problem_id, 0, "p0", Verdict.WRONG.value))]
    assert set(wrong_shares(Unknown(PrecedenceConfig()), rows).values()) == {None}
