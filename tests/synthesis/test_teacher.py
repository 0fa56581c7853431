"""The procedural teacher's traces are right, distinct, and the same for a problem wherever it stands."""

from __future__ import annotations

import pytest

from synthscale.problem import PrecedenceConfig, PrecedenceTask, Problem, Split, StepTruth, split_steps
from synthscale.synthesis.config import TeacherConfig
from synthscale.synthesis.teacher import write_traces


def test_traces_are_right_and_distinct(task):
    counts = set()
    for problem in task.problems(Split.TRAIN, 50):
        traces = write_traces(task, problem, 5, seed=1)
        assert len(set(traces)) == len(traces) <= 5
        for trace in traces:
            assert set(task.step_truths(problem, split_steps(trace))) == {StepTruth.RIGHT}
        counts.add(len(traces))
    assert 1 in counts and len(counts) > 1


def test_all_right_orders_are_found_by_many_draws(hand_task):
    problem = Problem("1 * 2 + 3 * 4", "4")
    assert len(write_traces(hand_task, problem, 40, seed=0)) == 2
    assert len(write_traces(hand_task, problem, 1, seed=0)) == 1


def test_the_draw_depends_on_problem_and_seed_alone():
    task = PrecedenceTask(PrecedenceConfig(unambiguous=False))
    problems = task.problems(Split.TRAIN, 100)
    forwards = [write_traces(task, problem, 1, seed=1) for problem in problems]
    backwards = [write_traces(task, problem, 1, seed=1) for problem in reversed(problems)]
    assert forwards == backwards[::-1]
    assert forwards != [write_traces(task, problem, 1, seed=2) for problem in problems]


@pytest.mark.parametrize("num", [0, 1001])
def test_out_of_range(num):
    with pytest.raises(ValueError, match=r"teacher\.traces_per_problem"):
        TeacherConfig(name="teacher", traces_per_problem=num)
