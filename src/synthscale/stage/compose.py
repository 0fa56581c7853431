"""Compose: graded solutions, and where it needs them their prefix values, to the training set of the second phase."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from synthscale.credit.pit import CreditSearch, PitRule, find_pit
from synthscale.evaluation.grade import first_wrong_step, has_wrong_step
from synthscale.mixture.diversity import choose_diverse
from synthscale.mixture.example import STEP_COLUMNS, Example
from synthscale.mixture.mixture import (
    ChosenFrom,
    MixtureConfig,
    PositiveChoice,
    StepsOfPositives,
    mix,
    solution_pairs,
    step_pair,
)
from synthscale.problem import IF_SET, Problem, StepTruth, Task, TaskConfig, build_task
from synthscale.session import Session
from synthscale.stage.credit import choose_negatives
from synthscale.stage.rows import ContinuationRow, PitRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures
from synthscale.stage.step_values import AdvantageFilter, advantages_of, pit_by, values_of

if TYPE_CHECKING:
    from synthscale.stage.candidates import Candidates

log = logging.getLogger(__name__)

VERSION = 2
PROBLEMS_PER_ADVANCE = 256


@dataclass(kw_only=True, slots=True)
class ComposeConfig:
    """Inputs: `data`, `samples`, and for step pairs and what reads advantages `credit`."""

    task: TaskConfig
    mixture: MixtureConfig
    max_negatives_per_problem: int
    pit_rule: PitRule
    best_of: int
    search: CreditSearch | None = field(default=None, metadata=IF_SET)  # adaptive, or None: exhaustive


@dataclass(frozen=True, slots=True)
class Pit:
    """A negative's steps and the one that is rejected, counted from 1."""

    negative: SolutionRow
    steps: list[str]
    step: int


@dataclass(frozen=True, slots=True)
class OfProblem:
    """All that is known of a problem when its candidates are made."""

    problem: Problem
    problem_id: str
    prompt: str
    traces: list[SolutionRow]
    samples: list[SolutionRow]
    values: list[PrefixValueRow]
    found_pits: list[PitRow]
    continuations: list[ContinuationRow]


@dataclass(slots=True)
class PitCounts:
    """How many pits were found and, in a world that knows, how many are truly wrong steps."""

    num: int = 0
    num_judged: int = 0
    num_wrong: int = 0

    def add(self, task: Task, problem: Problem, pits: Sequence[Pit]) -> None:
        """Count one problem's pits."""
        truths = [task.step_truths(problem, pit.steps) for pit in pits]
        judged = [of_solution[pit.step - 1] for of_solution, pit in zip(truths, pits, strict=True) if of_solution]
        self.num += len(pits)
        self.num_judged += len(judged)
        self.num_wrong += sum(truth is not StepTruth.RIGHT for truth in judged)

    def measures(self) -> Measures:
        """The number and the share."""
        precision = self.num_wrong / self.num_judged if self.num_judged else None
        return {"num_pits": self.num, "pit_precision": precision}


def run(config: ComposeConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `examples.parquet`.

    Candidates are written to scratch files problem by problem and the chosen ones copied from there, so that memory
    holds a problem's texts and a few bytes for every candidate.
    """
    from synthscale.stage.candidates import open_candidates
    from synthscale.table import TableWriter, take_rows

    without = STEP_COLUMNS if config.mixture.step_weights is None else ()
    with TemporaryDirectory(dir=out, prefix=".candidates-") as scratch:
        files = [Path(scratch) / f"{kind}.arrow" for kind in ("positives", "pairs")]
        with open_candidates(files[0], without) as positives, open_candidates(files[1], without) as pairs:
            measures = offer_all(config, inputs, positives, pairs, session)
        chosen = mix(positives.counts, pairs.counts, len(positives.counts), config.mixture)
        if not any(map(len, chosen)):
            raise ValueError(f"there is nothing to train on: {nothing_of(config.mixture)}.")
        with TableWriter(out / "examples.parquet", Example, without) as table:
            for file, numbers in zip(files, chosen, strict=True):
                table.write_batches(take_rows(file, numbers))
    if config.mixture.negative_fraction > 0 and not len(chosen[1]):
        log.warning("%s: no pair came of the samples, so the training set has positives alone.", out.name)
    return {
        "num_train_positives": len(chosen[0]),
        "num_train_pairs": len(chosen[1]),
        "num_positives_offered": positives.num,
        "num_pairs_offered": pairs.num,
        **measures,
    }


def nothing_of(mixture: MixtureConfig) -> str:
    """Why no example came of the samples, and what to do."""
    if mixture.step_weights is not None:
        return "no sample has prefix values, as where all are cut: set sampler.max_new_tokens higher"
    if mixture.negative_fraction == 0:
        return "the samples yield no positive: sample more, loosen the filter, or set mixture.include_teacher=true"
    return "the samples yield no pair: sample more, or set mixture.negative_fraction below 1"


def offer_all(
    config: ComposeConfig, inputs: Mapping[str, Artifact], positives: Candidates, pairs: Candidates, session: Session
) -> Measures:
    """Every problem's candidates; what was measured of pits and of a filter, where there are any."""
    from synthscale.table import count_rows

    task = build_task(config.task)
    num_problems = count_rows(inputs["data"].folder / "problems.parquet")
    needs_pairs, by_step = config.mixture.negative_fraction > 0, config.mixture.has_step_pairs
    least, pit_counts = config.mixture.min_advantage, PitCounts()
    advantage_filter = None if least is None else AdvantageFilter(least)
    for number, of in enumerate(problem_by_problem(config, task, inputs), 1):
        accepted = distinct_accepted(of)
        if config.mixture.step_weights is None:
            positives.offer(choose_positives(task, config, of, accepted, advantage_filter))
        else:
            positives.offer(weigh_samples(task, config, of))
        negatives = choose_negatives(of.samples, config.max_negatives_per_problem) if needs_pairs else []
        if by_step:
            pits = list(find_pits(task, negatives, of, config))
            pairs.offer(pit_pairs(config.mixture, of, accepted, pits, pit_counts.num))
            pit_counts.add(task, of.problem, pits)
        else:
            pairs.offer(solution_pairs(accepted, [row.solution for row in negatives]))
        if number % PROBLEMS_PER_ADVANCE == 0 or number == num_problems:
            session.advance(number, num_problems)
    of_pits = pit_counts.measures() if by_step else {}
    return of_pits | (advantage_filter.measures() if advantage_filter is not None else {})


def problem_by_problem(config: ComposeConfig, task: Task, inputs: Mapping[str, Artifact]) -> Iterator[OfProblem]:
    """The problems with their rows of all the tables, in their order."""
    from synthscale.stage.by_problem import RowsByProblem
    from synthscale.table import iterate_table

    data = inputs["data"].folder
    traces = RowsByProblem(data / "traces.parquet", SolutionRow)
    samples = RowsByProblem(inputs["samples"].folder / "samples.parquet", SolutionRow)
    values = pits = found = None
    by_step, is_adaptive = config.mixture.has_step_pairs, config.search is CreditSearch.adaptive
    if config.mixture.reads_advantages or (by_step and not is_adaptive):
        values = RowsByProblem(inputs["credit"].folder / "prefix_values.parquet", PrefixValueRow)
    if by_step:
        if is_adaptive:
            pits = RowsByProblem(inputs["credit"].folder / "pits.parquet", PitRow)
        found = RowsByProblem(inputs["credit"].folder / "continuations.parquet", ContinuationRow)
    for row in iterate_table(data / "problems.parquet", ProblemRow):
        yield OfProblem(
            row.problem,
            row.problem_id,
            task.prompt(row.problem),
            traces.of(row.problem_id),
            samples.of(row.problem_id),
            values.of(row.problem_id) if values else [],
            pits.of(row.problem_id) if pits else [],
            found.of(row.problem_id) if found else [],
        )
    for table in (traces, samples, values, pits, found):
        if table is not None:
            table.end()


def distinct_accepted(of: OfProblem) -> list[Example]:
    """D+: the problem's distinct accepted samples, in the order they were drawn."""
    texts = dict.fromkeys(row.solution for row in of.samples if row.correct)
    return [Example(of.problem_id, of.prompt, text) for text in texts]


def weigh_samples(task: Task, config: ComposeConfig, of: OfProblem) -> list[Example]:
    """Every sample that has prefix values, with its steps' advantages; before them the teacher's traces, if asked for.

    A solution comes as often as it was drawn, since its frequency is what pi_sft thinks of it. Cut and unparseable
    samples have no values, and are left out.
    """
    traces = of.traces if config.mixture.include_teacher else []
    of_steps = advantages_of(of.samples, of.values, config.best_of)
    weighed = [
        Example(
            of.problem_id,
            of.prompt,
            row.solution,
            step_ends=tuple(accumulate(map(len, task.steps(row.solution)))),
            advantages=tuple(of_steps[row.solution]),
        )
        for row in of.samples
        if row.solution in of_steps
    ]
    return [Example(of.problem_id, of.prompt, row.solution) for row in traces] + weighed


def choose_positives(
    task: Task,
    config: ComposeConfig,
    of: OfProblem,
    accepted: Sequence[Example],
    advantage_filter: AdvantageFilter | None,
) -> list[Example]:
    """The teacher's traces, if they are to be kept, and at most k other accepted samples, of the steps asked for."""
    mixture = config.mixture
    traces = of.traces if mixture.include_teacher else []
    positives = [Example(of.problem_id, of.prompt, row.solution) for row in traces]
    known = {example.chosen for example in positives}
    others = [example for example in accepted if example.chosen not in known]
    if advantage_filter is not None:
        of_steps = advantages_of(of.samples, of.values, config.best_of)
        others = advantage_filter.keep(task, of.problem, others, of_steps)
    if mixture.steps is not None:
        spurious = mixture.steps is StepsOfPositives.spurious
        others = [example for example in others if has_wrong_step(task, of.problem, example.chosen) is spurious]
    return positives + list(keep(others, mixture))


def keep(examples: Sequence[Example], mixture: MixtureConfig) -> Sequence[Example]:
    """As many of one problem's accepted samples as the mixture asks for; fewer where they are not diverse enough."""
    if mixture.choose is PositiveChoice.first_drawn:
        return examples[: mixture.positives_per_problem]
    chosen = choose_diverse([example.chosen for example in examples], mixture.positives_per_problem)
    return [examples[i] for i in chosen]


def find_pits(task: Task, negatives: Sequence[SolutionRow], of: OfProblem, config: ComposeConfig) -> Iterator[Pit]:
    """The pit of each negative that has one: by its prefix values, as the adaptive search found it, or by the truth."""
    if config.pit_rule is PitRule.first_wrong:
        steps = {row.index: first_wrong_step(task, of.problem, row.solution) for row in negatives}
    elif config.search is CreditSearch.adaptive:
        steps = {row.index: pit_by(config.pit_rule, row) for row in of.found_pits}
    else:
        steps = valued_pits(of, config)
    for negative in negatives:
        step = steps[negative.index]
        if step is not None:
            yield Pit(negative, task.steps(negative.solution), step)


def valued_pits(of: OfProblem, config: ComposeConfig) -> dict[int, int | None]:
    """The pits by prefix values, by the sample's index; after the whole wrong solution Q is 0.

    Accepted samples may have values too, and then a pit here that nothing looks at.
    """
    by_index = values_of(of.values, config.best_of)
    return {index: find_pit([*values, 0.0], config.pit_rule) for index, values in by_index.items()}


def pit_pairs(
    mixture: MixtureConfig, of: OfProblem, accepted: Sequence[Example], pits: Sequence[Pit], num_before: int
) -> list[Example]:
    """The problem's step pairs; a pit without an accepted side gives none, and equal pairs count once.

    `num_before` is the number of pits of earlier problems: accepted sides are taken in turn through all problems.
    """
    continuations: dict[tuple[int, int], list[str]] = {}
    for row in of.continuations:
        continuations.setdefault((row.index, row.step), []).append(row.solution)
    pairs: dict[Example, None] = {}
    for number, pit in enumerate(pits, num_before):
        chosen = [example.chosen for example in accepted]
        if mixture.chosen_from is ChosenFrom.rollouts and pit.step > 1:
            chosen = continuations.get((pit.negative.index, pit.step - 1), [])
        if not chosen:
            continue
        accepted_side = chosen[number % len(chosen)]
        pair = step_pair(of.problem_id, of.prompt, accepted_side, pit.steps, pit.step, mixture.pair_shape)
        if pair is not None:
            pairs[pair] = None
    return list(pairs)
