"""From rollout counts to prefix values, step advantages and the pit of a wrong solution.

Values run over the prefixes y_1:0 … y_1:L of a solution of L steps: Q_0 is the problem's own chance of success, Q_L,
after the whole solution, its reward: 0 of a rejected one, 1 of an accepted one.
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
    first_wrong = "first_wrong"  # the first step that the world itself calls wrong: perfect credit, the ceiling


class CreditSearch(Enum):
    """How rollouts are spent on finding the pits."""

    exhaustive = "exhaustive"  # num_rollouts from every prefix, and the pit by pit_rule under BoK
    adaptive = "adaptive"  # where they are expected to tell most, until the pit is clear: credit/search.py


class CreditedSamples(Enum):
    """Whose prefixes get values."""

    rejected = "rejected"  # what pits are found in
    accepted = "accepted"  # what mixture.min_advantage judges
    both = "both"  # what mixture.step_weights weighs


@dataclass(kw_only=True, slots=True)
class CreditConfig:
    """Rollouts a prefix, and what is read off them.

    The adaptive search looks for the step with which Q falls from above 0 to about 0. `best_of` does not move that
    step, since BoK keeps 0 at 0 and all else above, and is not read. Of the rules, `lowest_value` takes the likeliest
    step of every negative (the first, where nothing right was seen at all); `largest_drop` takes it only where
    something right was seen to leave the negative before that step: else nothing was seen to drop. `first_wrong`
    reads no value, and needs rollouts only for the right continuations that they find.
    """

    num_rollouts: int  # a prefix, of the exhaustive search
    max_negatives_per_problem: int
    pit_rule: PitRule
    best_of: int  # K of BoK(pi_sft): a draw counts as 1 if any of K continuations is right; 1 is pi_sft itself
    search: CreditSearch = CreditSearch.exhaustive
    confidence: float = 0.7  # of the adaptive search: the chance of one pit at which a negative is decided
    max_rollouts: int = 4  # of the adaptive search: rollouts on behalf of one negative; longer solutions want more
    credited_samples: CreditedSamples = CreditedSamples.rejected
    max_accepted_per_problem: int = 16  # distinct accepted samples that get values, where any do: all of 16 samples

    def __post_init__(self) -> None:
        check_between("credit.confidence", self.confidence, 0.0, 1.0)
        check_between("credit.max_rollouts", self.max_rollouts, 0, 100_000)
        check_between("credit.num_rollouts", self.num_rollouts, 1, 100_000)
        check_between("credit.max_negatives_per_problem", self.max_negatives_per_problem, 1, 10_000)
        check_between("credit.max_accepted_per_problem", self.max_accepted_per_problem, 1, 10_000)
        if self.search is CreditSearch.adaptive and self.credited_samples is not CreditedSamples.rejected:
            raise ValueError(
                f"credit.credited_samples={self.credited_samples.value} needs credit.search=exhaustive: the adaptive "
                f"search looks for the pits of rejected samples alone."
            )
        if self.search is CreditSearch.adaptive and self.pit_rule is PitRule.first_wrong:
            raise ValueError("credit.pit_rule=first_wrong has no pit to search for: set credit.search=exhaustive.")
        if self.search is CreditSearch.exhaustive and not 1 <= self.best_of <= self.num_rollouts:
            raise ValueError(
                f"credit.best_of must be between 1 and credit.num_rollouts, which is {self.num_rollouts}, but is "
                f"{self.best_of}."
            )


def prefix_value(num_rollouts: int, num_right: int, best_of: int) -> float:
    """Q under BoK, in [0, 1]: the unbiased chance that any of `best_of` rollouts is right (Chen et al. 2021)."""
    return pass_at_k(num_rollouts, num_right, best_of)


def advantages(values: Sequence[float]) -> list[float]:
    """A_i = Q_i − Q_{i−1} for i = 1 … L, from Q_0 … Q_L; rounded, so that equal drops in counts are equal here."""
    return [round(after - before, 12) for before, after in pairwise(values)]


def find_pit(values: Sequence[float], rule: PitRule) -> int | None:
    """The pit's step c, counted from 1, from Q_0 … Q_L; None where no step lowered the value (largest_drop only).

    Raises:
        ValueError: if there is no step, or the rule is `first_wrong`, which no values tell.
    """
    if len(values) < 2:
        raise ValueError("a solution without steps has no pit.")
    if rule is PitRule.first_wrong:
        raise ValueError("the first wrong step is read from the truth of the steps, and not from values.")
    if rule is PitRule.lowest_value:
        return min(range(1, len(values)), key=lambda i: values[i])
    drops = advantages(values)
    step = min(range(len(drops)), key=lambda i: drops[i])
    return step + 1 if drops[step] < 0 else None
