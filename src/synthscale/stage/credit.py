"""Credit: Monte-Carlo rollouts from the prefixes of samples: from all of them, or where they tell most of a pit.

Samples are the negatives, D-, and where they are asked for the accepted ones, D+, too.

Problems are taken in chunks of so many rollouts, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from synthscale.policy.config import Device, PolicyConfig, SamplerConfig
from synthscale.problem import IF_SET, Problem, Task, TaskConfig, Verdict
from synthscale.session import Session
from synthscale.stage.rows import ContinuationRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures

if TYPE_CHECKING:
    from synthscale.policy.open_sampler import PolicySampler
    from synthscale.policy.sampler import Continuation
    from synthscale.stage.draw import Asked
    from synthscale.table import TableWriter

VERSION = 2

Prefix = tuple[str, ...]
"""The first steps of a solution, with the white space behind each."""


@dataclass(kw_only=True, slots=True)
class RolloutConfig:
    """Inputs: `data`, `samples`, and `policy`, from which the rollouts are drawn.

    The search is adaptive where `max_rollouts` is set, and `confidence` with it; then `num_rollouts` is not read.
    """

    task: TaskConfig
    sampler: SamplerConfig
    policy: PolicyConfig
    device: Device
    num_rollouts: int
    max_negatives_per_problem: int
    seed: int
    confidence: float | None = field(default=None, metadata=IF_SET)
    max_rollouts: int | None = field(default=None, metadata=IF_SET)  # on behalf of one negative
    max_accepted_per_problem: int | None = field(default=None, metadata=IF_SET)  # None: no accepted ones get values


@dataclass(frozen=True, slots=True)
class ToCredit:
    """A problem with samples that are to get values, and the prefixes of theirs that rollouts are needed from."""

    problem: Problem
    credited: list[SolutionRow]  # negatives, then accepted ones
    prefixes: list[Prefix]
    num_samples: int
    num_right: int  # of the samples


@dataclass(slots=True)
class Counts:
    """What the stage reports of the rollouts."""

    num_negatives: int = 0
    num_accepted: int = 0
    num_prefixes: int = 0
    num_rollouts: int = 0
    num_sampled_tokens: int = 0

    def add(self, one: ToCredit, rollouts: Sequence[Sequence[Continuation]]) -> None:
        """Count one problem's."""
        num_accepted = sum(row.correct for row in one.credited)
        self.num_negatives += len(one.credited) - num_accepted
        self.num_accepted += num_accepted
        self.num_prefixes += len(one.prefixes)
        self.num_rollouts += sum(map(len, rollouts))
        self.num_sampled_tokens += sum(c.num_tokens for continuations in rollouts for c in continuations)


def run(config: RolloutConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `prefix_values.parquet` and `continuations.parquet`; an adaptive search `pits.parquet` too."""
    from synthscale.policy.open_sampler import open_sampler
    from synthscale.problem import build_task
    from synthscale.stage.credit_rounds import run_rounds
    from synthscale.table import TableWriter

    task, policy = build_task(config.task), inputs["policy"].folder / "model"
    with (
        open_sampler(config.sampler, config.policy, policy, config.device, session) as sampler,
        TableWriter(out / "prefix_values.parquet", PrefixValueRow) as value_table,
        TableWriter(out / "continuations.parquet", ContinuationRow) as found_table,
    ):
        roll_out = run_exhaustive if config.max_rollouts is None else run_rounds
        measures = roll_out(config, task, inputs, sampler, out, (value_table, found_table), session)
    return {**measures, "sample_seconds": sampler.seconds, "device": sampler.device}


def run_exhaustive(
    config: RolloutConfig,
    task: Task,
    inputs: Mapping[str, Artifact],
    sampler: PolicySampler,
    out: Path,
    tables: tuple[TableWriter, TableWriter],
    session: Session,
) -> Measures:
    """Roll out from all prefixes alike; write values and right solutions to the two tables."""
    from synthscale.stage.draw import Drawing
    from synthscale.table import count_rows

    counts, num_problems = Counts(), count_rows(inputs["data"].folder / "problems.parquet")
    drawing = Drawing(config.num_rollouts, config.sampler.temperature, config.seed, num_problems)
    for one, rollouts in drawing.run(sampler, to_credit(config, task, inputs), out, session):
        right = {
            prefix: right_solutions(task, one.problem, prefix, continuations)
            for prefix, continuations in zip(one.prefixes, rollouts, strict=True)
        }
        values, found = tabulate(task, one, right, config.num_rollouts)
        tables[0].write(values)
        tables[1].write(found)
        counts.add(one, rollouts)
    measures = asdict(counts)
    if config.max_accepted_per_problem is None:
        del measures["num_accepted"]
    return measures


def to_credit(config: RolloutConfig, task: Task, inputs: Mapping[str, Artifact]) -> Iterator[Asked[ToCredit]]:
    """The problems that have samples to credit, with the prompts to roll out from."""
    from synthscale.policy.prompter import Prompt
    from synthscale.stage.by_problem import RowsByProblem
    from synthscale.stage.draw import Asked
    from synthscale.table import iterate_table

    all_samples = RowsByProblem(inputs["samples"].folder / "samples.parquet", SolutionRow)
    for place, row in enumerate(iterate_table(inputs["data"].folder / "problems.parquet", ProblemRow)):
        samples = all_samples.of(row.problem_id)
        credited = choose_negatives(samples, config.max_negatives_per_problem)
        credited += choose_accepted(samples, config.max_accepted_per_problem or 0)
        if credited:
            prefixes, num_right = distinct_prefixes(task, credited), sum(sample.correct for sample in samples)
            prompt = task.prompt(row.problem)
            prompts = [Prompt(prompt, "".join(steps)) for steps in prefixes]
            yield Asked(ToCredit(row.problem, credited, prefixes, len(samples), num_right), place, prompts)
    all_samples.end()


def choose_negatives(samples: Sequence[SolutionRow], max_negatives: int) -> list[SolutionRow]:
    """The first distinct wrong samples of a problem; cut and unparseable ones teach no step."""
    wrong = [row for row in samples if row.verdict == Verdict.WRONG.value and row.solution.strip()]
    return first_distinct(wrong, max_negatives)


def choose_accepted(samples: Sequence[SolutionRow], max_accepted: int) -> list[SolutionRow]:
    """The first distinct accepted samples of a problem."""
    return first_distinct([row for row in samples if row.correct], max_accepted)


def first_distinct(rows: Sequence[SolutionRow], num: int) -> list[SolutionRow]:
    """The first row of each of the first `num` texts."""
    distinct: dict[str, SolutionRow] = {}
    for row in rows:
        distinct.setdefault(row.solution, row)
    return list(distinct.values())[:num]


def distinct_prefixes(task: Task, credited: Sequence[SolutionRow]) -> list[Prefix]:
    """Every prefix of 1 … L−1 steps that a rollout is needed from, once, though solutions share it."""
    prefixes: dict[Prefix, None] = {}
    for row in credited:
        steps = task.steps(row.solution)
        prefixes.update({tuple(steps[:i]): None for i in range(1, len(steps))})
    return list(prefixes)


def right_solutions(task: Task, problem: Problem, prefix: Prefix, continuations: Sequence[Continuation]) -> list[str]:
    """The solutions, prefix and continuation, that the task accepts."""
    from synthscale.evaluation.grade import grade_continuation

    graded = [grade_continuation(task, problem, continuation, "".join(prefix)) for continuation in continuations]
    return [solution for solution, verdict in graded if verdict == Verdict.CORRECT.value]


def tabulate(
    task: Task, one: ToCredit, right: Mapping[Prefix, list[str]], num_rollouts: int
) -> tuple[list[PrefixValueRow], list[ContinuationRow]]:
    """Counts for the steps 0 … L−1 of each credited sample, and the distinct right solutions found on the way.

    The samples themselves are the rollouts from step 0.
    """
    values, found = [], []
    for row in one.credited:
        values.append(PrefixValueRow(row.problem_id, row.index, 0, one.num_samples, one.num_right))
        steps = task.steps(row.solution)
        for i in range(1, len(steps)):
            solutions = right[tuple(steps[:i])]
            values.append(PrefixValueRow(row.problem_id, row.index, i, num_rollouts, len(solutions)))
            found += [ContinuationRow(row.problem_id, row.index, i, s) for s in dict.fromkeys(solutions)]
    return values, found
