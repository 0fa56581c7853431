"""Sample: M solutions of each of D_syn's problems from a policy, graded: D+ and D-."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthscale.policy.config import Device, PolicyConfig, SamplerConfig
from synthscale.problem import TaskConfig
from synthscale.session import Session, checkpoints_of
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures

VERSION = 1


@dataclass(kw_only=True, slots=True)
class SampleConfig:
    """Inputs: `data`, a synthesize artifact; `policy`, a finetune artifact."""

    task: TaskConfig
    sampler: SamplerConfig
    policy: PolicyConfig
    device: Device
    seed: int


def run(config: SampleConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `samples.parquet`."""
    from synthscale.evaluation.grade import grade_continuation
    from synthscale.policy.open_sampler import open_sampler
    from synthscale.policy.prompter import Prompt
    from synthscale.problem import build_task
    from synthscale.table import read_table, write_table

    task = build_task(config.task)
    problems = read_table(inputs["data"].folder / "problems.parquet", ProblemRow)
    policy = inputs["policy"].folder / "model"
    with open_sampler(config.sampler, config.policy, policy, config.device, session) as sampler:
        samples = sampler.sample(
            [Prompt(task.prompt(row.problem)) for row in problems],
            config.sampler.num_samples,
            temperature=config.sampler.temperature,
            seed=config.seed,
            keep=checkpoints_of(out),
        )
    rows = [
        SolutionRow(row.problem_id, index, *grade_continuation(task, row.problem, sample), sample.num_tokens)
        for row, continuations in zip(problems, samples, strict=True)
        for index, sample in enumerate(continuations)
    ]
    write_table(out / "samples.parquet", SolutionRow, rows)
    return {
        "num_samples": len(rows),
        "num_correct": sum(row.correct for row in rows),
        "num_problems_solved": len({row.problem_id for row in rows if row.correct}),
        "num_sampled_tokens": sum(row.num_tokens or 0 for row in rows),
        "sample_seconds": sampler.seconds,
        "device": sampler.device,
    }
