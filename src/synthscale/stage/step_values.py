"""What rollouts say of samples: values and advantages of steps, pits, and which accepted ones hold a harmful step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthscale.credit.pit import PitRule, advantages, prefix_value
from synthscale.evaluation.grade import has_wrong_step
from synthscale.mixture.example import Example
from synthscale.problem import Problem, Task
from synthscale.stage.rows import PitRow, PrefixValueRow, SolutionRow
from synthscale.stage.stage import Measures

Advantages = Mapping[str, Sequence[float]]
"""A_1 … A_L of a problem's solutions that have prefix values, by their text."""


def values_of(rows: Sequence[PrefixValueRow], best_of: int) -> dict[int, list[float]]:
    """Q_0 … Q_{L−1} of a problem's credited samples under BoK, by the sample's index.

    Q_L is not in it: after the whole solution it is the reward.
    """
    by_index: dict[int, list[float]] = {}
    for row in rows:
        by_index.setdefault(row.index, []).append(prefix_value(row.num_rollouts, row.num_right, best_of))
    return by_index


def pit_by(rule: PitRule, found: PitRow) -> int | None:
    """The pit that an adaptive search found, if there is one by the rule: see `CreditConfig`."""
    return found.step if rule is PitRule.lowest_value or found.seen_alive else None


def advantages_of(samples: Sequence[SolutionRow], values: Sequence[PrefixValueRow], best_of: int) -> Advantages:
    """The advantages of a problem's credited samples; after a whole solution Q is its reward, 1 or 0."""
    by_index = values_of(values, best_of)
    credited = [row for row in samples if row.index in by_index]
    return {row.solution: advantages([*by_index[row.index], float(row.correct)]) for row in credited}


@dataclass(slots=True)
class AdvantageFilter:
    """Drops accepted samples that hold a step with A below `min_advantage`, and counts what it dropped.

    One without values, beyond the limit of credit, is not judged and not kept.
    """

    min_advantage: float
    num_judged: int = 0
    num_dropped: int = 0
    num_wrong: int = 0  # of those judged, that hold a wrong step; nobody knows of any where the world does not say
    num_dropped_known: int = 0  # of those dropped, whose steps' truth is known
    num_dropped_wrong: int = 0

    def keep(self, task: Task, problem: Problem, accepted: Sequence[Example], of_steps: Advantages) -> list[Example]:
        """The accepted samples of a problem that none of their steps speaks against."""
        kept = []
        for example in accepted:
            if example.chosen not in of_steps:
                continue
            is_dropped = min(of_steps[example.chosen]) < self.min_advantage
            self._count(has_wrong_step(task, problem, example.chosen), is_dropped=is_dropped)
            if not is_dropped:
                kept.append(example)
        return kept

    def _count(self, is_wrong: bool | None, *, is_dropped: bool) -> None:
        self.num_judged += 1
        self.num_dropped += is_dropped
        self.num_wrong += is_wrong is True
        self.num_dropped_known += is_dropped and is_wrong is not None
        self.num_dropped_wrong += is_dropped and is_wrong is True

    def measures(self) -> Measures:
        """How many were judged and dropped; precision and recall for samples with a wrong step, where these are known.

        Precision: of those dropped, the share with a wrong step. Recall: of those with one, the share dropped.
        """
        return {
            "num_accepted_judged": self.num_judged,
            "num_accepted_dropped": self.num_dropped,
            "filter_precision": self.num_dropped_wrong / self.num_dropped_known if self.num_dropped_known else None,
            "filter_recall": self.num_dropped_wrong / self.num_wrong if self.num_wrong else None,
        }
