"""A problem's samples with their prefix values and pits, as the credit stage left them, problem by problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from synthscale.credit.pit import PitRule, find_pit
from synthscale.credit.search import Steps, stripped
from synthscale.problem import Problem
from synthscale.stage.by_problem import RowsByProblem
from synthscale.stage.rows import ContinuationRow, PitRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.step_values import pit_by, values_of
from synthscale.table import iterate_table
from synthscale_analysis.extract.lineage import KeptArtifact, Lineage
from synthscale_analysis.extract.reading import Reading

MAX_PROBLEMS = 500  # of an artifact: enough for shares within a few per cent, and soon read


class Outcomes(NamedTuple):
    """How many continuations of a prefix are known, and how many of them end right."""

    num: int
    num_right: int

    @property
    def share(self) -> float | None:
        """Q, estimated; None where nothing was drawn."""
        return self.num_right / self.num if self.num else None


@dataclass(frozen=True, slots=True)
class Negative:
    """A wrong sample that credit was assigned to.

    outcomes: of its prefixes 0 … L − 1. num_rollouts: drawn from each of them, without samples. pit: the step that the
    recipe takes for it, from 1, or None. chance: that it is this one, as an adaptive search sees it.
    """

    row: SolutionRow
    steps: list[str]
    outcomes: list[Outcomes]
    num_rollouts: list[int]
    pit: int | None
    chance: float | None

    @property
    def values(self) -> list[float | None]:
        """Q_0 … Q_L; the last is 0, since the whole solution is wrong."""
        return [*(one.share for one in self.outcomes), 0.0]


@dataclass(frozen=True, slots=True)
class CreditedProblem:
    """A problem with all its samples; negatives and continuations are those of the credit stage, if there was one."""

    row: ProblemRow
    samples: list[SolutionRow]
    negatives: list[Negative]
    continuations: list[ContinuationRow]

    @property
    def share_right(self) -> float:
        """Of its samples."""
        return sum(row.correct for row in self.samples) / len(self.samples) if self.samples else 0.0

    def known_values(self) -> dict[Steps, Outcomes]:
        """What is known of each prefix of the negatives, so that other solutions that begin alike can be valued too."""
        known: dict[Steps, Outcomes] = {}
        for negative in self.negatives:
            for i, outcomes in enumerate(negative.outcomes):
                if outcomes.num:
                    known[stripped(negative.steps[:i])] = outcomes
        return known


def credited_problems(
    lineage: Lineage, reading: Reading, max_problems: int = MAX_PROBLEMS
) -> Iterator[CreditedProblem]:
    """The first problems of the point's samples, those without samples left out.

    Raises:
        ValueError: if a table that is needed is damaged.
    """
    problems = lineage["data"].file("problems.parquet")
    samples = _open(lineage["sample"], "samples.parquet", SolutionRow)
    if problems is None or samples is None:
        raise ValueError(f"{lineage['sample'].key} or its problems are not there in full")
    credit = lineage.get("credit")
    values = _open(credit, "prefix_values.parquet", PrefixValueRow)
    pits = _open(credit, "pits.parquet", PitRow)
    found = _open(credit, "continuations.parquet", ContinuationRow)
    rules = lineage.config("compose")
    for row in islice(iterate_table(problems, ProblemRow), max_problems):
        drawn = samples.of(row.problem_id)
        valued = values.of(row.problem_id) if values else []
        of_pits = {pit.index: pit for pit in pits.of(row.problem_id)} if pits else None
        continuations = found.of(row.problem_id) if found else []
        if drawn:
            negatives = list(_negatives(reading, row.problem, drawn, valued, of_pits, rules))
            yield CreditedProblem(row, drawn, negatives, continuations)


def _open(artifact: KeptArtifact | None, name: str, row_type: type[Any]) -> RowsByProblem[Any] | None:
    path = artifact.file(name) if artifact is not None else None
    return RowsByProblem(path, row_type) if path is not None else None


def _negatives(
    reading: Reading,
    problem: Problem,
    samples: Sequence[SolutionRow],
    values: Sequence[PrefixValueRow],
    pits: Mapping[int, PitRow] | None,
    rules: Mapping[str, Any],
) -> Iterator[Negative]:
    """The problem's negatives; pits: those that an adaptive search found, None after an exhaustive one."""
    rule = PitRule(rules.get("pit_rule", PitRule.lowest_value.value))  # the paper's where nothing is composed
    by_index: dict[int, list[PrefixValueRow]] = {}
    for value in values:
        by_index.setdefault(value.index, []).append(value)
    rows = {row.index: row for row in samples}
    cut = [(stripped(reading.steps(row.solution)), row) for row in samples] if pits is not None else []
    for index, of_solution in by_index.items():
        row = rows.get(index)
        if row is None or row.correct:  # accepted samples may be credited too
            continue
        steps = reading.steps(row.solution)
        num_rollouts = [value.num_rollouts if value.step else 0 for value in of_solution]
        outcomes = [Outcomes(value.num_rollouts, value.num_right) for value in of_solution]
        if pits is None:
            if rule is PitRule.first_wrong:
                pit = _first_wrong(reading.wrong_steps(problem, row.solution) or [])
            else:
                pit = _valued_pit(of_solution, rule, int(rules.get("best_of", 1)))
            yield Negative(row, steps, outcomes, num_rollouts, pit, None)
        else:
            outcomes = [outcomes[0], *_with_samples(outcomes, stripped(steps), cut)]
            found = pits.get(index)
            pit, chance = (pit_by(rule, found), found.chance) if found else (None, None)
            yield Negative(row, steps, outcomes, num_rollouts, pit, chance)


def _with_samples(
    outcomes: Sequence[Outcomes], steps: Steps, samples: Sequence[tuple[Steps, SolutionRow]]
) -> Iterator[Outcomes]:
    """Rollouts from each prefix after the first, and the other samples that began with it: the search counts them."""
    for i, drawn in enumerate(outcomes[1:], 1):
        like = [row.correct for other, row in samples if other[:i] == steps[:i] and other != steps]
        yield Outcomes(drawn.num + len(like), drawn.num_right + sum(like))


def _valued_pit(rows: Sequence[PrefixValueRow], rule: PitRule, best_of: int) -> int | None:
    """The pit of one negative by its prefix values; None where they are of fewer rollouts than the rule reads."""
    if min(row.num_rollouts for row in rows) < best_of:
        return None
    (values,) = values_of(rows, best_of).values()
    return find_pit([*values, 0.0], rule)


def _first_wrong(wrong: Sequence[bool]) -> int | None:
    return wrong.index(True) + 1 if True in wrong else None
