"""Credit: Monte-Carlo rollouts from every step's prefix of the negatives, D-."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthscale.policy.config import Device, PolicyConfig, SamplerConfig
from synthscale.problem import Task, TaskConfig, Verdict
from synthscale.session import Session, checkpoints_of
from synthscale.stage.rows import ContinuationRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures

VERSION = 1

Prefix = tuple[str, tuple[str, ...]]
"""A problem's id and the first steps of a solution of it, with the white space behind each."""


@dataclass(kw_only=True, slots=True)
class RolloutConfig:
    """Inputs: `data`, `samples`, and `policy`, from which the rollouts are drawn."""

    task: TaskConfig
    sampler: SamplerConfig
    policy: PolicyConfig
    device: Device
    num_rollouts: int
    max_negatives_per_problem: int
    seed: int


def run(config: RolloutConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `prefix_values.parquet` and `continuations.parquet`."""
    from synthscale.evaluation.grade import grade_continuation
    from synthscale.policy.open_sampler import open_sampler
    from synthscale.policy.prompter import Prompt
    from synthscale.problem import build_task
    from synthscale.table import read_table, write_table

    task = build_task(config.task)
    rows = read_table(inputs["data"].folder / "problems.parquet", ProblemRow)
    problems = {row.problem_id: row.problem for row in rows}
    samples = read_table(inputs["samples"].folder / "samples.parquet", SolutionRow)
    negatives = choose_negatives(samples, config.max_negatives_per_problem)
    prefixes = distinct_prefixes(task, negatives)
    policy = inputs["policy"].folder / "model"
    with open_sampler(config.sampler, config.policy, policy, config.device, session) as sampler:
        rollouts = sampler.sample(
            [Prompt(task.prompt(problems[problem_id]), "".join(steps)) for problem_id, steps in prefixes],
            config.num_rollouts,
            temperature=config.sampler.temperature,
            seed=config.seed,
            keep=checkpoints_of(out),
        )
    right: dict[Prefix, list[str]] = {}
    for prefix, continuations in zip(prefixes, rollouts, strict=True):
        graded = [grade_continuation(task, problems[prefix[0]], c, "".join(prefix[1])) for c in continuations]
        right[prefix] = [solution for solution, verdict in graded if verdict == Verdict.CORRECT.value]
    values, found = tabulate(task, negatives, samples, right, config.num_rollouts)
    write_table(out / "prefix_values.parquet", PrefixValueRow, values)
    write_table(out / "continuations.parquet", ContinuationRow, found)
    return {
        "num_negatives": len(negatives),
        "num_prefixes": len(prefixes),
        "num_rollouts": len(prefixes) * config.num_rollouts,
        "num_sampled_tokens": sum(c.num_tokens for continuations in rollouts for c in continuations),
        "sample_seconds": sampler.seconds,
        "device": sampler.device,
    }


def choose_negatives(samples: Sequence[SolutionRow], max_per_problem: int) -> list[SolutionRow]:
    """The first distinct wrong samples of each problem; cut and unparseable ones teach no step."""
    chosen: dict[str, dict[str, SolutionRow]] = {}
    for row in samples:
        of_problem = chosen.setdefault(row.problem_id, {})
        if row.verdict == Verdict.WRONG.value and len(of_problem) < max_per_problem:
            of_problem.setdefault(row.solution, row)
    return [row for of_problem in chosen.values() for row in of_problem.values()]


def distinct_prefixes(task: Task, negatives: Sequence[SolutionRow]) -> list[Prefix]:
    """Every prefix of 1 … L−1 steps that a rollout is needed from, once, though solutions share it."""
    prefixes: dict[Prefix, None] = {}
    for row in negatives:
        steps = task.steps(row.solution)
        prefixes.update({(row.problem_id, tuple(steps[:i])): None for i in range(1, len(steps))})
    return list(prefixes)


def tabulate(
    task: Task,
    negatives: Sequence[SolutionRow],
    samples: Sequence[SolutionRow],
    right: Mapping[Prefix, list[str]],
    num_rollouts: int,
) -> tuple[list[PrefixValueRow], list[ContinuationRow]]:
    """Counts for the steps 0 … L−1 of each negative, and the distinct right solutions found on the way.

    The samples themselves are the rollouts from step 0.
    """
    own: dict[str, list[bool]] = {}
    for row in samples:
        own.setdefault(row.problem_id, []).append(row.correct)
    values, found = [], []
    for row in negatives:
        of_problem = own[row.problem_id]
        values.append(PrefixValueRow(row.problem_id, row.index, 0, len(of_problem), sum(of_problem)))
        steps = task.steps(row.solution)
        for i in range(1, len(steps)):
            solutions = right[row.problem_id, tuple(steps[:i])]
            values.append(PrefixValueRow(row.problem_id, row.index, i, num_rollouts, len(solutions)))
            found += [ContinuationRow(row.problem_id, row.index, i, s) for s in dict.fromkeys(solutions)]
    return values, found
