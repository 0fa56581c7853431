"""The words every room shares: problem, solution, step, verdict, and what a task has to offer.

A task puts a problem as a prompt; a solution is a text, cut into steps as `steps.py` says.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

ONLY_HOW = {"only_how": True}  # metadata of a config's field that says how or where, and not what: no key depends on it
ONLY_TEST = {"only_test": True}  # says what the test problems are: part of the keys of stages that see them
ONLY_WITHOUT_FINGERPRINT = {"only_without_fingerprint": True}  # a place, or a name where there are no files to look at
IF_SET = {"if_set": True}  # a key of an artifact has it where it is not None


class Split(StrEnum):
    """The three disjoint parts of a task's problems."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Verdict(StrEnum):
    """The binary reward r(y, y*), with the reason when it is 0."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNPARSEABLE = "unparseable"  # one of the answers could not be read
    TIMEOUT = "timeout"  # the comparison ran into its limit of time or memory


class StepTruth(StrEnum):
    """What a world that knows the truth says of one step."""

    RIGHT = "right"
    WRONG_DECISION = "wrong_decision"  # legal form and arithmetic, but not what the hidden rule asks for
    WRONG_EXECUTION = "wrong_execution"  # miscopied, miscalculated or malformed


@dataclass(frozen=True, slots=True)
class Problem:
    """A question x and its reference answer y*."""

    text: str
    answer: str

    @property
    def problem_id(self) -> str:
        """Sixteen hex digits that name the problem by its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(kw_only=True, slots=True)
class TaskConfig:
    """What every task's config holds; each task adds its own keys."""

    name: str

    @property
    def max_data_size(self) -> int:
        """The most training problems that the task can give."""
        raise NotImplementedError

    @property
    def max_solution_tokens(self) -> int:
        """Tokens of the longest right solution and its end, where every word is a token."""
        raise NotImplementedError

    @property
    def max_validation(self) -> int:
        """The most validation problems that the task can give."""
        raise NotImplementedError

    @property
    def max_test(self) -> int:
        """The most test problems that the task can give."""
        raise NotImplementedError

    @property
    def has_embedded_learner(self) -> bool:
        """Whether a base policy for the task is made by the `pretrain` stage, where no model is named."""
        raise NotImplementedError


def check_between(key: str, value: float, low: float, high: float) -> None:
    """Raise ValueError with one sentence that names the key, what it is, and what is accepted."""
    if not low <= value <= high:
        raise ValueError(f"{key} must be between {low} and {high}, but is {value}.")


class Task(Protocol):
    """A source of problems and the only judge of their solutions."""

    def problems(self, split: Split, num_problems: int, seed: int) -> list[Problem]:
        """The first `num_problems` of the seed's stream, so that data sets of one seed nest."""
        ...

    @property
    def has_solutions(self) -> bool:
        """Whether the task can give a right solution of its problems."""
        ...

    def prompt(self, problem: Problem) -> str:
        """What a policy is shown of the problem; it ends where the solution begins."""
        ...

    def solution(self, text: str) -> str:
        """The solution that a policy wrote as this text, in the one form that solutions are kept in."""
        ...

    def steps(self, solution: str) -> list[str]:
        """The steps y_1 … y_L with the white space between them: joined they are the solution."""
        ...

    def answer(self, solution: str) -> str | None:
        """The solution's final answer, None where it has none."""
        ...

    def verdict(self, problem: Problem, solution: str) -> Verdict:
        """Whether the solution's final answer equals the reference answer."""
        ...

    def step_truths(self, problem: Problem, steps: list[str]) -> list[StepTruth]:
        """The truth of each step, or an empty list where the task does not know it."""
        ...

    def trace(self, problem: Problem, generator: np.random.Generator) -> str:
        """A right solution of the problem.

        Raises:
            ValueError: if the task has none.
        """
        ...
