"""Synthesize: D_syn, new problems with the teacher's traces, each kept only if the verifier accepts it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from synthscale.problem import Split, TaskConfig, build_task
from synthscale.session import Session
from synthscale.stage.by_problem import RowsByProblem
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures
from synthscale.synthesis.teacher import write_traces

VERSION = 1
MAX_PROBLEMS_AT_ONCE = 50_000  # of a pool, with their traces in memory

Solved = tuple[ProblemRow, list[SolutionRow]]


@dataclass(kw_only=True, slots=True)
class SynthesizeConfig:
    """A data set of one size; sizes of one seed nest. Input: `pool`, a teach artifact, where a teacher has made one."""

    task: TaskConfig
    traces_per_problem: int
    num_problems: int
    seed: int


def run(config: SynthesizeConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `problems.parquet` and `traces.parquet`."""
    from synthscale.table import TableWriter

    pool = inputs.get("pool")
    solved = solve(config) if pool is None else draw(config, pool.folder)
    num_rejected = 0
    with (
        TableWriter(out / "problems.parquet", ProblemRow) as problems,
        TableWriter(out / "traces.parquet", SolutionRow) as kept,
    ):
        for problem, traces in solved:
            correct = [trace for trace in traces if trace.correct]
            problems.write([problem])
            kept.write(correct)
            num_rejected += len(traces) - len(correct)
            session.advance(problems.num_rows, config.num_problems)
    return {
        "num_problems": problems.num_rows,
        "num_traces": kept.num_rows,
        "num_rejected_traces": num_rejected,
    }


def solve(config: SynthesizeConfig) -> Iterator[Solved]:
    """The task's own training problems, with the traces that it has for them, right or not."""
    task = build_task(config.task)
    for problem in task.problems(Split.TRAIN, config.num_problems, config.seed):
        solutions = write_traces(task, problem, config.traces_per_problem, config.seed)
        verdicts = [task.verdict(problem, solution) for solution in solutions]
        yield (
            ProblemRow(problem.problem_id, problem.text, problem.answer),
            [
                SolutionRow(problem.problem_id, index, solution, verdict.value)
                for index, (solution, verdict) in enumerate(zip(solutions, verdicts, strict=True))
            ],
        )


def draw(config: SynthesizeConfig, folder: Path) -> Iterator[Solved]:
    """The first problems of the pool in the order of the seed, so that the data sets of one seed nest.

    The pool is gone through once for every `MAX_PROBLEMS_AT_ONCE` of them.

    Raises:
        ValueError: if the pool has not so many.
    """
    import numpy as np

    from synthscale.table import count_rows

    size = count_rows(folder / "problems.parquet")
    if config.num_problems > size:
        raise ValueError(
            f"The pool {folder.name} has {size} problems, and {config.num_problems} are asked for: raise "
            f"teacher.num_problems, which makes a new pool, or take a smaller data_size."
        )
    order = np.random.default_rng([config.seed, size]).permutation(size)[: config.num_problems]
    for start in range(0, len(order), MAX_PROBLEMS_AT_ONCE):
        places = {number: place for place, number in enumerate(order[start : start + MAX_PROBLEMS_AT_ONCE].tolist())}
        found = [(places[number], one) for number, one in enumerate(read_pool(config, folder)) if number in places]
        yield from (one for _, one in sorted(found, key=lambda pair: pair[0]))


def read_pool(config: SynthesizeConfig, folder: Path) -> Iterable[Solved]:
    """The pool's problems, each with as many of its traces as are to be kept."""
    from synthscale.table import iterate_table

    traces = RowsByProblem(folder / "traces.parquet", SolutionRow)
    for problem in iterate_table(folder / "problems.parquet", ProblemRow):
        yield problem, traces.of(problem.problem_id)[: config.traces_per_problem]
    traces.end()
