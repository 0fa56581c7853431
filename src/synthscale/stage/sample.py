"""Sample: M solutions of each of D_syn's problems from a policy, graded: D+ and D-.

Problems are taken in chunks, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from synthscale.policy.config import Device, PolicyConfig, SamplerConfig
from synthscale.problem import TaskConfig
from synthscale.session import Session
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures

VERSION = 2


@dataclass(kw_only=True, slots=True)
class SampleConfig:
    """Inputs: `data`, a synthesize artifact; `policy`, a finetune artifact."""

    task: TaskConfig
    sampler: SamplerConfig
    policy: PolicyConfig
    device: Device
    seed: int


@dataclass(slots=True)
class Counts:
    """What the stage reports of the samples."""

    num_samples: int = 0
    num_correct: int = 0
    num_problems_solved: int = 0
    num_sampled_tokens: int = 0

    def add(self, rows: list[SolutionRow]) -> None:
        """Count one problem's samples."""
        num_correct = sum(row.correct for row in rows)
        self.num_samples += len(rows)
        self.num_correct += num_correct
        self.num_problems_solved += num_correct > 0
        self.num_sampled_tokens += sum(row.num_tokens or 0 for row in rows)


def run(config: SampleConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `samples.parquet`."""
    from synthscale.evaluation.grade import grade_continuation
    from synthscale.policy.open_sampler import open_sampler
    from synthscale.policy.prompter import Prompt
    from synthscale.problem import build_task
    from synthscale.stage.draw import Asked, Drawing
    from synthscale.table import TableWriter, count_rows, iterate_table

    task, counts = build_task(config.task), Counts()
    problems = inputs["data"].folder / "problems.parquet"
    asked = (
        Asked(row, place, [Prompt(task.prompt(row.problem))])
        for place, row in enumerate(iterate_table(problems, ProblemRow))
    )
    drawing = Drawing(config.sampler.num_samples, config.sampler.temperature, config.seed, count_rows(problems))
    policy = inputs["policy"].folder / "model"
    with (
        open_sampler(config.sampler, config.policy, policy, config.device, session) as sampler,
        TableWriter(out / "samples.parquet", SolutionRow) as table,
    ):
        for row, (samples,) in drawing.run(sampler, asked, out, session):
            graded = [
                SolutionRow(row.problem_id, index, *grade_continuation(task, row.problem, sample), sample.num_tokens)
                for index, sample in enumerate(samples)
            ]
            counts.add(graded)
            table.write(graded)
    return {**asdict(counts), "sample_seconds": sampler.seconds, "device": sampler.device}
