"""From rollout counts to prefix values, step advantages and the pit of a wrong solution.

Values run over the prefixes y_1:0 … y_1:L of a rejected solution of L steps: Q_0 is the problem's own chance of
success, Q_L, after the whole wrong solution, is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from synthscale.evaluation.metrics import pass_at_k
from synthscale.problem import check_between


class PitRule(Enum):
    """Which step of a wrong solution is rejected."""

    lowest_value = "lowest_value"  # the first step after which Q is lowest: the paper's first pit, y_c
    largest_drop = "largest_drop"  # the first step with the lowest advantage, if that is below 0


@dataclass(kw_only=True, slots=True)
class CreditConfig:
    """Rollouts a prefix, and what is read off them."""

    num_rollouts: int
    max_negatives_per_problem: int
    pit_rule: PitRule
    best_of: int  # K of BoK(pi_sft): a draw counts as 1 if any of K continuations is right; 1 is pi_sft itself

    def __post_init__(self) -> None:
        check_between("credit.num_rollouts", self.num_rollouts, 1, 100_000)
        check_between("credit.max_negatives_per_problem", self.max_negatives_per_problem, 1, 10_000)
        check_between("credit.best_of", self.best_of, 1, self.num_rollouts)


def prefix_value(num_rollouts: int, num_right: int, best_of: int) -> float:
    """Q under BoK, in [0, 1]: the unbiased chance that any of `best_of` rollouts is right (Chen et al. 2021)."""
    return pass_at_k(num_rollouts, num_right, best_of)


def advantages(values: Sequence[float]) -> list[float]:
    """A_i = Q_i − Q_{i−1} for i = 1 … L, from Q_0 … Q_L; rounded, so that equal drops in counts are equal here."""
    return [round(after - before, 12) for before, after in pairwise(values)]


def find_pit(values: Sequence[float], rule: PitRule) -> int | None:
    """The pit's step c, counted from 1, from Q_0 … Q_L; None where no step lowered the value (largest_drop only).

    Raises:
        ValueError: if there is no step.
    """
    if len(values) < 2:
        raise ValueError("a solution without steps has no pit.")
    if rule is PitRule.lowest_value:
        return min(range(1, len(values)), key=lambda i: values[i])
    drops = advantages(values)
    step = min(range(len(drops)), key=lambda i: drops[i])
    return step + 1 if drops[step] < 0 else None
