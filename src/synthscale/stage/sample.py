"""Sample: M solutions of each of D_syn's problems from a policy, graded: D+ and D-."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthscale.policy.config import SamplerConfig
from synthscale.problem import TaskConfig
from synthscale.session import Session, checkpoints_of
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures
from synthscale.training.config import Device

VERSION = 1


@dataclass(kw_only=True, slots=True)
class SampleConfig:
    """Inputs: `data`, a synthesize artifact; `policy`, a finetune artifact."""

    task: TaskConfig
    sampler: SamplerConfig
    device: Device
    seed: int


def run(config: SampleConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `samples.parquet`."""
    import time

    from synthscale.evaluation.grade import grade_continuation
    from synthscale.policy.policy import load_policy
    from synthscale.policy.sampler import Sampler
    from synthscale.problem import build_task
    from synthscale.stage.shards import ShardFolder
    from synthscale.stage.table import read_table, write_table
    from synthscale.training.device import pick_device

    started = time.perf_counter()
    task = build_task(config.task)
    problems = read_table(inputs["data"].folder / "problems.parquet", ProblemRow)
    model, tokenizer = load_policy(inputs["policy"].folder / "model", pick_device(config.device))
    sampler = Sampler.build(config.sampler, model, tokenizer)
    prompts = [row.problem.prompt for row in problems]
    shards = ShardFolder(checkpoints_of(out), session)
    samples = sampler.sample(
        prompts,
        config.sampler.num_samples,
        temperature=config.sampler.temperature,
        seed=config.seed,
        advance=session.advance,
        shards=shards,
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
        "sample_seconds": time.perf_counter() - started + shards.seconds,
        "device": model.device.type,
    }
