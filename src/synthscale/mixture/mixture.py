"""From graded solutions to a training set: which positives, which pairs, and how many of each.

The budget is E = examples_per_problem · N examples. round(f·E) of them are preference pairs, the rest positives, f
being the negative fraction: f = 0 is RFT's data, f = 1 pure preference learning. Candidates are taken round by round,
one a problem, so that a budget that does not reach all of them treats the problems alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from synthscale.mixture.example import Example, PairShape
from synthscale.problem import IF_SET, check_between

Numbers = NDArray[np.int64]
"""Candidates by their numbers, in the order in which they are taken."""


class ChosenFrom(Enum):
    """Where the accepted side of a step pair comes from."""

    samples = "samples"  # an accepted sample of the same problem: the paper's form
    rollouts = "rollouts"  # a right rollout from just before the pit, so that both sides share all steps before it


class PositiveChoice(Enum):
    """Which of a problem's accepted samples are kept."""

    first_drawn = "first_drawn"  # in the order they were sampled
    diverse = "diverse"  # only those with distinct equations, and far apart in edit distance: RFT's filter


class StepsOfPositives(Enum):
    """Which accepted samples may be positives, by the truth of their steps, which the embedded worlds know."""

    right = "right"  # those without a wrong step
    spurious = "spurious"  # those with at least one: right by luck


class StepWeights(Enum):
    """How much each step of a positive counts."""

    advantage = "advantage"  # exp(A / algorithm.beta), for all samples of pi_sft, accepted or rejected


@dataclass(kw_only=True, slots=True)
class MixtureConfig:
    """The share of negatives at a fixed budget, and the form of the pairs."""

    negative_fraction: float
    examples_per_problem: float
    positives_per_problem: int = 4  # self-generated; at most 4 in the RFT literature
    choose: PositiveChoice = PositiveChoice.first_drawn
    steps: StepsOfPositives | None = field(default=None, metadata=IF_SET)  # null: whatever their steps are
    # An accepted sample with a step whose advantage is below this is no positive; null: no filter. The paper calls a
    # step with A <= 0 spurious, which presumes exact values: where pi_sft is already good every right step has an A of
    # about 0, and rollouts' noise puts many of them below. What is usable lies clearly below 0, such as -0.25.
    min_advantage: float | None = field(default=None, metadata=IF_SET)
    # null: all steps of accepted samples count alike. Else the training set is every sample of pi_sft that has prefix
    # values, as often as it was drawn; positives_per_problem and choose are not read then.
    step_weights: StepWeights | None = field(default=None, metadata=IF_SET)
    include_teacher: bool = True  # the teacher's traces are positives too, and come first
    pair_shape: PairShape = PairShape.solution
    chosen_from: ChosenFrom = ChosenFrom.samples
    eos_after_prefix: bool = False  # whether a rejected prefix that stops mid-solution gets an end-of-sequence token

    def __post_init__(self) -> None:
        check_between("mixture.negative_fraction", self.negative_fraction, 0.0, 1.0)
        check_between("mixture.examples_per_problem", self.examples_per_problem, 0.01, 10_000)
        check_between("mixture.positives_per_problem", self.positives_per_problem, 0, 10_000)
        if self.min_advantage is not None:
            check_between("mixture.min_advantage", self.min_advantage, -1.0, 1.0)
        if self.step_weights is not None:
            others = {
                "mixture.negative_fraction=0": self.negative_fraction > 0,
                "mixture.min_advantage=null": self.min_advantage is not None,
                "mixture.steps=null": self.steps is not None,
            }
            if any(others.values()):
                raise ValueError(
                    f"mixture.step_weights={self.step_weights.value} takes all samples of pi_sft, right or wrong, and "
                    f"no pairs: set {next(key for key, is_set in others.items() if is_set)}."
                )

    @property
    def reads_advantages(self) -> bool:
        """Whether it needs the advantages of the steps of accepted samples, or of all."""
        return self.min_advantage is not None or self.step_weights is not None

    @property
    def has_step_pairs(self) -> bool:
        """Whether it needs the pits of rejected samples, and right continuations before them."""
        return self.negative_fraction > 0 and self.pair_shape is not PairShape.solution

    @property
    def reads_credit(self) -> bool:
        """Whether it needs anything of what credit finds."""
        return self.reads_advantages or self.has_step_pairs


def mix(
    positives: Sequence[int], pairs: Sequence[int], num_problems: int, config: MixtureConfig
) -> tuple[Numbers, Numbers]:
    """Which positives and which pairs are within the budget; fewer where there are not enough.

    Both are given by how many candidates each problem has, and taken as `take_in_rounds` says.
    """
    budget = round(config.examples_per_problem * num_problems)
    num_pairs = round(config.negative_fraction * budget)
    return take_in_rounds(positives, budget - num_pairs), take_in_rounds(pairs, num_pairs)


def take_in_rounds(counts: Sequence[int], num_wanted: int) -> Numbers:
    """The first candidate of every problem, then the second of every problem, and so on.

    `counts` has each problem's number of candidates. A candidate is named by its number, from 0, when they stand in
    one row, problem after problem.
    """
    of_problem = np.asarray(counts, dtype=np.int64)
    first = np.cumsum(of_problem) - of_problem
    round_of = np.arange(of_problem.sum()) - np.repeat(first, of_problem)
    return np.argsort(round_of, kind="stable")[:num_wanted].astype(np.int64, copy=False)


def solution_pairs(positives: Sequence[Example], rejected: Sequence[str]) -> list[Example]:
    """Standard pairs of one problem: each rejected solution with the next accepted one, in turn."""
    return [
        Example(chosen.problem_id, chosen.prompt, chosen.chosen, wrong)
        for wrong, chosen in zip(rejected, cycle_to(positives, len(rejected)), strict=False)
    ]


def step_pair(
    problem_id: str, prompt: str, chosen: str, steps: Sequence[str], pit: int, shape: PairShape
) -> Example | None:
    """The accepted solution against the rejected one's steps up to its pit; None where the sides do not part.

    The steps are a task's: joined they are the rejected solution.
    """
    rejected = "".join(steps[:pit])
    if begins_with_step(chosen, "".join(steps), len(rejected.rstrip())):
        return None
    return Example(
        problem_id,
        prompt,
        chosen,
        rejected,
        rejected_complete=pit == len(steps),
        divergence_only=shape is PairShape.divergence,
    )


def begins_with_step(chosen: str, solution: str, end: int) -> bool:
    """Whether `chosen` has the first `end` characters of the solution, where a step of it ends, and ends a step there.

    A line break ends a step; other white space does where it ends this one, between two sentences.
    """
    if chosen[:end] != solution[:end]:
        return False
    spaces = [text[end : len(text) - len(text[end:].lstrip())] for text in (chosen, solution)]
    return not chosen[end:].strip() or "\n" in spaces[0] or bool(spaces[0] and spaces[1] and "\n" not in spaces[1])


def cycle_to(items: Sequence[Example], length: int) -> list[Example]:
    """The items over and over, `length` of them; none where there are none."""
    return [items[i % len(items)] for i in range(length)] if items else []
