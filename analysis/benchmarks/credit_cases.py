"""What searches for pits are tried on: a run's own negatives, with a bank of rollouts and the truth of their steps."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.credit_bank import CountedRow, counted_rollouts
from synthscale.credit.search import Steps, stripped
from synthscale.policy.prompter import Prompt
from synthscale.problem import PrecedenceConfig, PrecedenceTask, StepTruth, Verdict
from synthscale.stage.credit import choose_negatives
from synthscale.stage.rows import ProblemRow, SolutionRow
from synthscale.study.error import UserError
from synthscale.table import read_table, write_table

MAX_NEGATIVES = 8


@dataclass(frozen=True, slots=True)
class Branch:
    """The rollouts from one prefix: what they wrote, whether it was right, and how many wrote so."""

    steps: list[Steps]
    right: list[bool]
    counts: NDArray[np.int64]

    @property
    def value(self) -> float:
        """The share of right ones: the prefix's true value, to 1 in so many."""
        return float(self.counts[np.array(self.right)].sum() / self.counts.sum())


@dataclass(frozen=True, slots=True)
class Case:
    """A problem with negatives."""

    seed: int
    samples: list[tuple[Steps, bool]]
    negatives: list[Steps]
    wrong_steps: list[set[int]]  # of each negative, counted from 1
    bank: dict[Steps, Branch]

    @property
    def share_right(self) -> float:
        """Of the samples."""
        return sum(right for _, right in self.samples) / len(self.samples)


def make_cases(seed: int, data_size: int, num_rollouts: int, runs_dir: Path, overrides: Sequence[str]) -> list[Case]:
    """The cases of one run, made where they are not there yet."""
    folder = sampled(seed, data_size, runs_dir, overrides)
    manifest = json.loads((folder / "manifest.json").read_text())
    task = PrecedenceTask(PrecedenceConfig(**manifest["config"]["task"]))
    problems = read_table(folder.parent / manifest["inputs"]["data"] / "problems.parquet", ProblemRow)
    samples: dict[str, list[SolutionRow]] = {}
    for row in read_table(folder / "samples.parquet", SolutionRow):
        samples.setdefault(row.problem_id, []).append(row)
    owners: list[tuple[ProblemRow, Steps]] = []
    for problem in problems:
        negatives = [stripped(task.steps(row.solution)) for row in chosen(samples[problem.problem_id])]
        prefixes = dict.fromkeys(steps[:i] for steps in negatives for i in range(1, len(steps)))
        owners += [(problem, prefix) for prefix in prefixes]
    prompts = [Prompt(task.prompt(row.problem), "".join(f"{step}\n" for step in prefix)) for row, prefix in owners]
    policy = folder.parent / manifest["inputs"]["policy"] / "model"
    path = runs_dir / f"bank-{folder.name}-{num_rollouts}.parquet"
    if not path.exists():
        max_new_tokens = manifest["config"]["sampler"]["max_new_tokens"]
        drawn = counted_rollouts(policy, prompts, num_rollouts, max_new_tokens=max_new_tokens, seed=seed)
        write_table(path.with_suffix(".part"), CountedRow, sorted(drawn, key=lambda row: row.prompt))
        path.with_suffix(".part").rename(path)
    bank: dict[str, dict[Steps, Branch]] = {}
    by_prompt: dict[int, list[CountedRow]] = {}
    for counted in read_table(path, CountedRow):
        by_prompt.setdefault(counted.prompt, []).append(counted)
    for i, (problem, prefix) in enumerate(owners):
        branch = graded(task, problem, prompts[i], by_prompt[i])
        bank.setdefault(problem.problem_id, {})[prefix] = branch
    return [
        case_of(task, seed, problem, samples[problem.problem_id], bank.get(problem.problem_id, {}))
        for problem in problems
        if chosen(samples[problem.problem_id])
    ]


def chosen(samples: Sequence[SolutionRow]) -> list[SolutionRow]:
    """The negatives that the stage would take."""
    return choose_negatives(samples, MAX_NEGATIVES)


def sampled(seed: int, data_size: int, runs_dir: Path, overrides: Sequence[str]) -> Path:
    """The folder of the run's samples, by the command line, which finds what is there."""
    command = [sys.executable, "-c", "import sys; from synthscale.cli import main; sys.exit(main())", "run"]
    keys = ["algorithm=step_dpo", f"data_size={data_size}", f"seed={seed}", "stage=sample", "logger=none"]
    done = subprocess.run([*command, *keys, f"runs_dir={runs_dir}", *overrides], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"The run of seed {seed} failed: {done.stderr.strip().splitlines()[-1]}")
    return Path(done.stdout.strip().splitlines()[-1])


def graded(task: PrecedenceTask, problem: ProblemRow, prompt: Prompt, rows: Sequence[CountedRow]) -> Branch:
    """The rollouts of one prompt with their verdicts."""
    solutions = [task.solution(prompt.prefix + row.text) for row in rows]
    right = [
        row.finished and task.verdict(problem.problem, solution) is Verdict.CORRECT
        for row, solution in zip(rows, solutions, strict=True)
    ]
    steps = [stripped(task.steps(solution)) for solution in solutions]
    return Branch(steps, right, np.array([row.count for row in rows]))


def case_of(
    task: PrecedenceTask, seed: int, problem: ProblemRow, samples: Sequence[SolutionRow], bank: dict[Steps, Branch]
) -> Case:
    """A problem's negatives with what the world knows of their steps."""
    negatives = [task.steps(row.solution) for row in chosen(samples)]
    truths = [task.step_truths(problem.problem, steps) for steps in negatives]
    return Case(
        seed,
        [(stripped(task.steps(row.solution)), row.correct) for row in samples],
        [stripped(steps) for steps in negatives],
        [{i for i, truth in enumerate(of, 1) if truth is not StepTruth.RIGHT} for of in truths],
        bank,
    )
