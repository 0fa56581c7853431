"""credit.csv: what credit assignment found, counted: one row a point, statistic and place.

    statistic         group              place             value                            count
    by_step           pit's step, empty  step i            mean Q_i of the negatives        negatives with a known Q_i
    from_pit                             i − pit           mean Q_i                         negatives with a known Q_i
    pit_step                             step              share of pits there              pits there
    advantage                            middle of a bin   share of steps                   steps
    by_truth          what step it is                      mean advantage                   steps
    pit_from_wrong                       pit − wrong step  share                            pits
    rollouts_at_step                     step i            rollouts a negative, from there  negatives
    pit_chance                           middle of a bin   share                            pits of an adaptive search

`by_truth` and `pit_from_wrong` are there in a world that knows which step is the first wrong one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from synthscale.credit.search import stripped
from synthscale_analysis.extract.credited import CreditedProblem, Negative, credited_problems
from synthscale_analysis.extract.lineage import Lineage
from synthscale_analysis.extract.reading import Reading

COLUMNS = ("artifact", "algorithm", "data_size", "seed", "search", "statistic", "group", "place", "value", "count")
ADAPTIVE, EXHAUSTIVE = "adaptive", "exhaustive"
MAX_STEP = 20  # later steps, and pits there, are counted as this one
MAX_OFFSET = 4
RIGHT_SO_FAR, FIRST_WRONG, AFTER_WRONG = "right so far", "first wrong step", "after a wrong step"

Row = dict[str, Any]
Key = tuple[str, str, float]
"""Statistic, group and place."""


@dataclass(slots=True)
class Means:
    """Sums and counts by statistic, group and place."""

    sums: defaultdict[Key, float] = field(default_factory=lambda: defaultdict(float))
    counts: Counter[Key] = field(default_factory=Counter)

    def add(self, statistic: str, group: str, place: float, value: float) -> None:
        """Take in one value."""
        self.sums[statistic, group, place] += value
        self.counts[statistic, group, place] += 1

    def rows(self) -> Iterator[Row]:
        """A row for each mean."""
        for (statistic, group, place), count in sorted(self.counts.items()):
            mean = self.sums[statistic, group, place] / count
            yield {"statistic": statistic, "group": group, "place": place, "value": round(mean, 4), "count": count}


@dataclass(slots=True)
class Histograms:
    """How often each place was met, by statistic."""

    counts: Counter[tuple[str, float]] = field(default_factory=Counter)

    def add(self, statistic: str, place: float) -> None:
        """Count one more."""
        self.counts[statistic, place] += 1

    def rows(self) -> Iterator[Row]:
        """A row for each place, with its share of the statistic's whole."""
        wholes: Counter[str] = Counter()
        for (statistic, _), count in self.counts.items():
            wholes[statistic] += count
        for (statistic, place), count in sorted(self.counts.items()):
            share = round(count / wholes[statistic], 4)
            yield {"statistic": statistic, "group": "", "place": place, "value": share, "count": count}


@dataclass(slots=True)
class Rollouts:
    """Rollouts drawn from each distinct prefix of the negatives, by its number of steps."""

    of_step: Counter[int] = field(default_factory=Counter)
    num_negatives: int = 0

    def add(self, problem: CreditedProblem) -> None:
        """Count one problem's; a prefix that several negatives share once."""
        drawn = {
            stripped(negative.steps[:i]): num
            for negative in problem.negatives
            for i, num in enumerate(negative.num_rollouts)
        }
        for prefix, num in drawn.items():
            self.of_step[min(len(prefix), MAX_STEP)] += num
        self.num_negatives += len(problem.negatives)

    def rows(self) -> Iterator[Row]:
        """Rollouts a negative from each step."""
        for step, num in sorted(self.of_step.items()):
            if num:
                value = round(num / self.num_negatives, 4)
                yield {
                    "statistic": "rollouts_at_step",
                    "group": "",
                    "place": step,
                    "value": value,
                    "count": self.num_negatives,
                }


def credit_rows(lineage: Lineage, reading: Reading) -> list[Row]:
    """All statistics of a point; none where it assigned no credit.

    Raises:
        ValueError: if a table that is needed is damaged.
    """
    if "credit" not in lineage:
        return []
    means, histograms, rollouts = Means(), Histograms(), Rollouts()
    for problem in credited_problems(lineage, reading):
        rollouts.add(problem)
        for negative in problem.negatives:
            _add_values(negative, means, histograms)
            wrong = reading.wrong_steps(problem.row.problem, negative.row.solution)
            if wrong is not None:
                _add_truth(negative, wrong, means, histograms)
    search = ADAPTIVE if lineage["credit"].config.get("max_rollouts") is not None else EXHAUSTIVE
    return [{"search": search, **row} for part in (means, histograms, rollouts) for row in part.rows()]


def known_advantages(values: Sequence[float | None]) -> list[float | None]:
    """A_i = Q_i − Q_{i−1} for i = 1 … L; None where one of the two is not known."""
    return [None if a is None or b is None else round(b - a, 12) for a, b in pairwise(values)]


def bin_of(value: float) -> float:
    """The middle of the bin that a number in [−1, 1] falls into: bins are a tenth wide, and 0 is a middle."""
    return round(value, 1) + 0.0  # no −0.0


def _add_values(negative: Negative, means: Means, histograms: Histograms) -> None:
    values, pit = negative.values, negative.pit
    if pit is not None:
        histograms.add("pit_step", min(pit, MAX_STEP))
    if negative.chance is not None:
        histograms.add("pit_chance", bin_of(negative.chance))
    for i, value in enumerate(values):
        if value is None:
            continue
        means.add("by_step", "", min(i, MAX_STEP), value)
        if pit is not None:
            means.add("by_step", str(min(pit, MAX_STEP)), min(i, MAX_STEP), value)
            if abs(i - pit) <= MAX_OFFSET:
                means.add("from_pit", "", i - pit, value)
    for advantage in known_advantages(values):
        if advantage is not None:
            histograms.add("advantage", bin_of(advantage))


def _add_truth(negative: Negative, wrong: Sequence[bool], means: Means, histograms: Histograms) -> None:
    first = wrong.index(True) + 1 if any(wrong) else None
    if first is not None and negative.pit is not None:
        offset = max(-MAX_OFFSET, min(MAX_OFFSET, negative.pit - first))
        histograms.add("pit_from_wrong", offset)
    for i, advantage in enumerate(known_advantages(negative.values), 1):
        if advantage is not None:
            kind = RIGHT_SO_FAR if first is None or i < first else FIRST_WRONG if i == first else AFTER_WRONG
            means.add("by_truth", kind, 0, advantage)
