"""Evaluate: the one stage that sees test problems; a search measures on validation problems instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from synthscale.evaluation.grade import grade_continuation
from synthscale.evaluation.metrics import maj_at_k, pass_at_k, wilson_interval
from synthscale.policy.config import Device, PolicyConfig, SamplerConfig
from synthscale.problem import IF_SET, Problem, Split, StepTruth, Task, TaskConfig, Verdict, check_between
from synthscale.session import Session, checkpoints_of
from synthscale.stage.rows import SolutionRow
from synthscale.stage.stage import Artifact, Measures

VERSION = 3
KS = (1, 4, 16)
TEST_SEED = 0  # the samples' own; every point meets the same draws


class HeldOut(Enum):
    """The problems that are solved."""

    test = "test"
    validation = "validation"  # for choosing hyper-parameters


@dataclass(kw_only=True, slots=True)
class EvaluationConfig:
    """How many test problems are solved greedily, and how many of them are sampled too, for pass@k and maj@k."""

    num_test: int = 1000
    num_sampled_problems: int = 200  # the first of the test problems
    num_samples: int = 16
    temperature: float = 1.0
    problems: HeldOut | None = field(default=None, metadata=IF_SET)  # null: test

    def __post_init__(self) -> None:
        check_between("evaluation.num_test", self.num_test, 1, 1_000_000)
        check_between("evaluation.num_sampled_problems", self.num_sampled_problems, 0, 1_000_000)
        check_between("evaluation.num_samples", self.num_samples, 1, 10_000)
        check_between("evaluation.temperature", self.temperature, 0.01, 10.0)

    @property
    def split(self) -> Split:
        """What problems it takes."""
        return Split.VALIDATION if self.problems is HeldOut.validation else Split.TEST


@dataclass(kw_only=True, slots=True)
class EvaluateConfig:
    """Inputs: `policy`, a finetune artifact."""

    task: TaskConfig
    sampler: SamplerConfig
    policy: PolicyConfig
    device: Device
    evaluation: EvaluationConfig


def run(config: EvaluateConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `greedy.parquet` and `sampled.parquet`; return the figures."""
    from synthscale.policy.open_sampler import PolicySampler, open_sampler
    from synthscale.policy.prompter import Prompt
    from synthscale.problem import build_task
    from synthscale.table import write_table

    task, evaluation = build_task(config.task), config.evaluation
    problems = task.problems(evaluation.split, evaluation.num_test, seed=0)

    def draw(
        sampler: PolicySampler, name: str, problems: list[Problem], num_samples: int, temperature: float
    ) -> list[list[SolutionRow]]:
        drawn = sampler.sample(
            [Prompt(task.prompt(problem)) for problem in problems],
            num_samples,
            temperature=temperature,
            seed=TEST_SEED,
            keep=checkpoints_of(out) / name,
        )
        return [
            [
                SolutionRow(problem.problem_id, i, *grade_continuation(task, problem, sample), sample.num_tokens)
                for i, sample in enumerate(samples)
            ]
            for problem, samples in zip(problems, drawn, strict=True)
        ]

    sampled_problems = problems[: evaluation.num_sampled_problems]
    policy = inputs["policy"].folder / "model"
    with open_sampler(config.sampler, config.policy, policy, config.device, session) as sampler:
        greedy = draw(sampler, "greedy", problems, 1, 0.0)
        sampled = draw(sampler, "sampled", sampled_problems, evaluation.num_samples, evaluation.temperature)
    write_table(out / "greedy.parquet", SolutionRow, [row for rows in greedy for row in rows])
    write_table(out / "sampled.parquet", SolutionRow, [row for rows in sampled for row in rows])
    return {
        **greedy_measures(task, problems, greedy),
        **sampled_measures(task, problems, sampled),
        "device": sampler.device,
    }


def greedy_measures(task: Task, problems: Sequence[Problem], greedy: Sequence[Sequence[SolutionRow]]) -> Measures:
    """Accuracy with its 95 % Wilson interval, and where the world knows, what is wrong in solutions."""
    num_correct = sum(row.correct for (row,) in greedy)
    low, high = wilson_interval(num_correct, len(problems))
    return {
        "num_test": len(problems),
        "test_accuracy": num_correct / len(problems),
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        **wrong_shares(task, [(problem, row) for problem, (row,) in zip(problems, greedy, strict=True)]),
    }


def wrong_shares(task: Task, solved: Sequence[tuple[Problem, SolutionRow]]) -> Measures:
    """What is wrong in solutions whose steps' truth is known; None where there is none.

    wrong_step_share is of right answers, those that hold a wrong step; wrong_decision_share and wrong_execution_share
    are of all problems, those whose first wrong step is of that kind, whatever the answer.
    """
    truths = [(row.correct, task.step_truths(problem, task.steps(row.solution))) for problem, row in solved]
    first = [(correct, next((t for t in of if t is not StepTruth.RIGHT), None)) for correct, of in truths if of]
    of_right = [wrong for correct, wrong in first if correct]
    kinds = [wrong for _, wrong in first]
    return {
        "wrong_step_share": sum(wrong is not None for wrong in of_right) / len(of_right) if of_right else None,
        "wrong_decision_share": kinds.count(StepTruth.WRONG_DECISION) / len(solved) if kinds else None,
        "wrong_execution_share": kinds.count(StepTruth.WRONG_EXECUTION) / len(solved) if kinds else None,
    }


def vote(task: Task, problem: Problem, row: SolutionRow) -> str | None:
    """The sample's answer for maj@k, a right one as the reference; one that was cut, or cannot be read, has no vote."""
    if row.correct:
        return problem.answer
    return task.answer(row.solution) if row.verdict == Verdict.WRONG.value else None


def sampled_measures(task: Task, problems: Sequence[Problem], sampled: Sequence[Sequence[SolutionRow]]) -> Measures:
    """Mean pass@k and maj@k over the sampled problems, for each k that the samples allow."""
    measures: Measures = {"num_sampled_problems": len(sampled)}
    for k in KS:
        if sampled and k <= len(sampled[0]):
            passes = [pass_at_k(len(rows), sum(row.correct for row in rows), k) for rows in sampled]
            majorities = [
                maj_at_k([vote(task, problem, row) for row in rows], problem.answer, k)
                for problem, rows in zip(problems, sampled, strict=False)
            ]
            measures[f"pass_at_{k}"] = sum(passes) / len(passes)
            measures[f"maj_at_{k}"] = sum(majorities) / len(majorities)
    return measures
