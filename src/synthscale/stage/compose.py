"""Compose: graded solutions, and with step pairs their prefix values, to the training set of the second phase."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthscale.credit.pit import PitRule, find_pit, prefix_value
from synthscale.mixture.diversity import choose_diverse
from synthscale.mixture.example import Example, PairShape
from synthscale.mixture.mixture import ChosenFrom, MixtureConfig, PositiveChoice, mix, solution_pairs, step_pair
from synthscale.problem import Problem, StepTruth, Task, TaskConfig, build_task
from synthscale.session import Session
from synthscale.stage.credit import choose_negatives
from synthscale.stage.rows import ContinuationRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.stage import Artifact, Measures

VERSION = 2


@dataclass(kw_only=True, slots=True)
class ComposeConfig:
    """Inputs: `data`, `samples`, and for step pairs `credit`."""

    task: TaskConfig
    mixture: MixtureConfig
    max_negatives_per_problem: int
    pit_rule: PitRule
    best_of: int


@dataclass(frozen=True, slots=True)
class Pit:
    """A negative's steps and the one that is rejected, counted from 1."""

    negative: SolutionRow
    steps: list[str]
    step: int


def run(config: ComposeConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `examples.parquet`."""
    from synthscale.table import read_table, write_table

    task = build_task(config.task)
    problem_rows = read_table(inputs["data"].folder / "problems.parquet", ProblemRow)
    problems = {row.problem_id: row.problem for row in problem_rows}
    prompts = {problem_id: task.prompt(problem) for problem_id, problem in problems.items()}
    traces = read_table(inputs["data"].folder / "traces.parquet", SolutionRow)
    samples = read_table(inputs["samples"].folder / "samples.parquet", SolutionRow)
    accepted = distinct_accepted(prompts, samples)
    measures: Measures = {}
    pairs: dict[str, list[Example]] = {}
    if config.mixture.negative_fraction > 0:
        negatives = choose_negatives(samples, config.max_negatives_per_problem)
        if config.mixture.pair_shape is PairShape.solution:
            pairs = whole_pairs(accepted, negatives)
        else:
            values = read_table(inputs["credit"].folder / "prefix_values.parquet", PrefixValueRow)
            found = read_table(inputs["credit"].folder / "continuations.parquet", ContinuationRow)
            pits = list(find_pits(task, negatives, values, config))
            pairs = pit_pairs(config.mixture, prompts, accepted, pits, found)
            measures |= pit_measures(task, problems, pits)
    positives = choose_positives(config.mixture, prompts, traces, accepted)
    examples = mix(positives, pairs, len(problems), config.mixture)
    if not examples:
        raise ValueError(
            "there is nothing to train on: the samples yield no pair; "
            "sample more, or set mixture.negative_fraction below 1."
        )
    write_table(out / "examples.parquet", Example, examples)
    num_pairs = sum(example.is_pair for example in examples)
    offered = {
        "num_positives_offered": sum(map(len, positives.values())),
        "num_pairs_offered": sum(map(len, pairs.values())),
    }
    return {"num_train_positives": len(examples) - num_pairs, "num_train_pairs": num_pairs, **offered, **measures}


def distinct_accepted(prompts: Mapping[str, str], samples: Sequence[SolutionRow]) -> dict[str, list[Example]]:
    """D+: each problem's distinct accepted samples, in the order they were drawn."""
    accepted: dict[str, dict[str, Example]] = {problem_id: {} for problem_id in prompts}
    for row in samples:
        if row.correct:
            example = Example(row.problem_id, prompts[row.problem_id], row.solution)
            accepted[row.problem_id].setdefault(row.solution, example)
    return {problem_id: list(of_problem.values()) for problem_id, of_problem in accepted.items()}


def choose_positives(
    mixture: MixtureConfig,
    prompts: Mapping[str, str],
    traces: Sequence[SolutionRow],
    accepted: Mapping[str, Sequence[Example]],
) -> dict[str, list[Example]]:
    """The teacher's traces, if they are to be kept, and at most k other accepted samples of each problem."""
    positives: dict[str, list[Example]] = {problem_id: [] for problem_id in prompts}
    for row in traces if mixture.include_teacher else []:
        positives[row.problem_id].append(Example(row.problem_id, prompts[row.problem_id], row.solution))
    for problem_id, examples in accepted.items():
        known = {example.chosen for example in positives[problem_id]}
        new = [example for example in examples if example.chosen not in known]
        positives[problem_id] += keep(new, mixture)
    return positives


def keep(examples: Sequence[Example], mixture: MixtureConfig) -> Sequence[Example]:
    """As many of one problem's accepted samples as the mixture asks for; fewer where they are not diverse enough."""
    if mixture.choose is PositiveChoice.first_drawn:
        return examples[: mixture.positives_per_problem]
    chosen = choose_diverse([example.chosen for example in examples], mixture.positives_per_problem)
    return [examples[i] for i in chosen]


def whole_pairs(
    accepted: Mapping[str, Sequence[Example]], negatives: Sequence[SolutionRow]
) -> dict[str, list[Example]]:
    """Standard DPO pairs of each problem that has both kinds of samples."""
    rejected: dict[str, list[str]] = {}
    for row in negatives:
        rejected.setdefault(row.problem_id, []).append(row.solution)
    return {problem_id: solution_pairs(accepted[problem_id], wrong) for problem_id, wrong in rejected.items()}


def find_pits(
    task: Task, negatives: Sequence[SolutionRow], values: Sequence[PrefixValueRow], config: ComposeConfig
) -> Iterator[Pit]:
    """The pit of every negative that has one, by its prefix values; after the whole wrong solution Q is 0."""
    by_solution: dict[tuple[str, int], list[float]] = {}
    for row in values:
        value = prefix_value(row.num_rollouts, row.num_right, config.best_of)
        by_solution.setdefault((row.problem_id, row.index), []).append(value)
    for negative in negatives:
        step = find_pit([*by_solution[negative.problem_id, negative.index], 0.0], config.pit_rule)
        if step is not None:
            yield Pit(negative, task.steps(negative.solution), step)


def pit_pairs(
    mixture: MixtureConfig,
    prompts: Mapping[str, str],
    accepted: Mapping[str, Sequence[Example]],
    pits: Sequence[Pit],
    found: Sequence[ContinuationRow],
) -> dict[str, list[Example]]:
    """Step pairs of each problem; a pit without an accepted side gives none, and equal pairs count once."""
    continuations: dict[tuple[str, int, int], list[str]] = {}
    for row in found:
        continuations.setdefault((row.problem_id, row.index, row.step), []).append(row.solution)
    pairs: dict[str, dict[Example, None]] = {}
    for number, pit in enumerate(pits):
        problem_id = pit.negative.problem_id
        chosen = [example.chosen for example in accepted[problem_id]]
        if mixture.chosen_from is ChosenFrom.rollouts and pit.step > 1:
            chosen = continuations.get((problem_id, pit.negative.index, pit.step - 1), [])
        if not chosen:
            continue
        prompt, accepted_side = prompts[problem_id], chosen[number % len(chosen)]
        pair = step_pair(problem_id, prompt, accepted_side, pit.steps, pit.step, mixture.pair_shape)
        if pair is not None:
            pairs.setdefault(problem_id, {})[pair] = None
    return {problem_id: list(of_problem) for problem_id, of_problem in pairs.items()}


def pit_measures(task: Task, problems: Mapping[str, Problem], pits: Sequence[Pit]) -> Measures:
    """How many pits were found and, in a world that knows, the share of them that are truly wrong steps."""
    truths = [task.step_truths(problems[pit.negative.problem_id], pit.steps) for pit in pits]
    judged = [of_solution[pit.step - 1] for of_solution, pit in zip(truths, pits, strict=True) if of_solution]
    wrong = sum(truth is not StepTruth.RIGHT for truth in judged)
    return {"num_pits": len(pits), "pit_precision": wrong / len(judged) if judged else None}
