"""Synthesize: D_syn, new problems with the teacher's traces, each kept only if the verifier accepts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthscale.problem import Split, TaskConfig, Verdict, build_task
from synthscale.session import Session
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures
from synthscale.synthesis.teacher import write_traces

VERSION = 1


@dataclass(kw_only=True, slots=True)
class SynthesizeConfig:
    """A data set of one size; sizes of one seed nest. Input: `pool`, a teach artifact, where a teacher has made one."""

    task: TaskConfig
    traces_per_problem: int
    num_problems: int
    seed: int


def run(config: SynthesizeConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `problems.parquet` and `traces.parquet`."""
    from synthscale.table import write_table

    task = build_task(config.task)
    problems, traces = [], []
    for problem in task.problems(Split.TRAIN, config.num_problems, config.seed):
        for index, solution in enumerate(write_traces(task, problem, config.traces_per_problem, config.seed)):
            verdict = task.verdict(problem, solution)
            traces.append(SolutionRow(problem.problem_id, index, solution, verdict.value))
        problems.append(ProblemRow(problem.problem_id, problem.text, problem.answer))
        session.advance(len(problems), config.num_problems)
    kept = [trace for trace in traces if trace.verdict == Verdict.CORRECT.value]
    write_table(out / "problems.parquet", ProblemRow, problems)
    write_table(out / "traces.parquet", SolutionRow, kept)
    return {"num_problems": len(problems), "num_traces": len(kept), "num_rejected_traces": len(traces) - len(kept)}
