"""Tasks whose problems are written down: gsm8k, math, and a user's own, graded by the verifier.

Where the files are, `sources.py` finds out; how they become rows and splits, `rows.py` says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from synthscale.problem.answer import AnswerPolicy, Grader
from synthscale.problem.problem import (
    ONLY_HOW,
    ONLY_TEST,
    Problem,
    Split,
    StepTruth,
    TaskConfig,
    Verdict,
    check_between,
)
from synthscale.problem.rows import Origin, Rows, Unreadable, load_rows
from synthscale.problem.sources import Source, locate
from synthscale.problem.steps import StepBoundary, exact_steps


@dataclass(kw_only=True, slots=True)
class DatasetConfig(TaskConfig):
    """Where the problems are, what the fields of a row are called, and the verifier's conventions.

    What is in the files counts, and not where they are: the fingerprints are part of artifacts' keys, the place is not.
    """

    source: str = field(metadata=ONLY_HOW)  # a folder, or a name on the hub: owner/name
    subsets: list[str] = field(default_factory=list, metadata=ONLY_HOW)  # of it, one behind the other
    revision: str | None = field(default=None, metadata=ONLY_HOW)  # on the hub: a branch, tag or commit
    train_split: str = field(default="train", metadata=ONLY_HOW)
    test_split: str = field(default="test", metadata=ONLY_HOW)
    problem_key: str = "problem"
    solution_key: str | None = "solution"  # null where there are none
    answer_key: str | None = None  # null: the final answer of the solution
    prompt_template: str = "{problem}\n"  # how a problem is put to a policy; `{problem}` is its text
    step_boundary: StepBoundary = StepBoundary.line_or_sentence
    num_validation: int = 500  # set apart from the training problems; of fewer than 1,000, half of them
    unreadable: Unreadable = Unreadable.refuse
    answers: AnswerPolicy = field(default_factory=AnswerPolicy)
    time_limit_seconds: float = 5.0  # for one comparison of two answers
    fingerprint: str = ""  # of all but the test problems; filled in, so that other content is another data set
    test_fingerprint: str = field(default="", metadata=ONLY_TEST)  # of the test files; filled in

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(f"task.name must be a word in lower case, but is {self.name}.")
        if self.prompt_template.count("{problem}") != 1:
            raise ValueError(
                f"task.prompt_template must hold {{problem}} once, where the problem's text goes, but is "
                f"{self.prompt_template!r}."
            )
        if re.search(r"\\n(?![a-z])", self.prompt_template):  # but \neq is LaTeX
            raise ValueError(
                f"task.prompt_template holds a backslash and an n, {self.prompt_template!r}, and no line break: "
                "write it in YAML, or in bash with $'…' around the override."
            )
        for key in ("train_split", "test_split"):
            if not re.fullmatch(r"\w[\w.-]*", getattr(self, key)):
                raise ValueError(f"task.{key} must be the name of a split or file, but is {getattr(self, key)!r}.")
        if self.train_split == self.test_split:
            raise ValueError(f"task.train_split and task.test_split are both {self.test_split}.")
        check_between("task.num_validation", self.num_validation, 1, 100_000)
        check_between("task.time_limit_seconds", self.time_limit_seconds, 0.01, 3_600)
        if self.solution_key is None and self.answer_key is None:
            raise ValueError("task.solution_key and task.answer_key are both null; one has to name the answer's field.")
        rows = self.rows()
        self.fingerprint, self.test_fingerprint = rows.fingerprint, rows.test_fingerprint

    @property
    def has_embedded_learner(self) -> bool:
        """No: the tiny learner knows the words of its own world only."""
        return False

    @property
    def max_data_size(self) -> int:
        """The training problems that are not set apart."""
        return len(self.rows().train)

    @property
    def max_validation(self) -> int:
        """The validation problems."""
        return len(self.rows().validation)

    @property
    def max_test(self) -> int:
        """The test problems."""
        return len(self.rows().test)

    def rows(self) -> Rows:
        """The problems, read once in a process.

        Raises:
            ValueError: if they cannot be had or read, or are not those that the fingerprints are of.
        """
        source = Source(self.source, tuple(self.subsets), self.revision, self.train_split, self.test_split)
        train, test = locate(source)
        origin = Origin(
            source=self.source,
            train=train,
            test=test,
            problem_key=self.problem_key,
            solution_key=self.solution_key,
            answer_key=self.answer_key,
            num_validation=self.num_validation,
            unreadable=self.unreadable,
        )
        rows = load_rows(origin)
        for key in ("fingerprint", "test_fingerprint"):
            if getattr(self, key) not in ("", getattr(rows, key)):
                raise ValueError(
                    f"the files of task.source={self.source} have the fingerprint {getattr(rows, key)} and not "
                    f"task.{key}={getattr(self, key)}: they are another data set."
                )
        return rows


class DatasetTask:
    """Problems from files, and the verifier as their judge."""

    def __init__(self, config: DatasetConfig) -> None:
        self.config = config
        self.rows = config.rows()
        self.grader = Grader(config.answers, time_limit_seconds=config.time_limit_seconds)

    @cached_property
    def solutions(self) -> dict[str, str]:
        """The data set's own solutions, by the problem's text."""
        return {row.problem.text: row.solution for split in Split for row in self.rows.of(split) if row.solution}

    def problems(self, split: Split, num_problems: int, seed: int = 0) -> list[Problem]:
        """The first `num_problems` of the split in the seed's order.

        Raises:
            ValueError: if there are not so many.
        """
        rows = self.rows.of(split)
        check_between(f"number of {split} problems", num_problems, 0, len(rows))
        order = np.random.default_rng([seed, len(rows)]).permutation(len(rows))
        return [rows[i].problem for i in order[:num_problems]]

    @property
    def has_solutions(self) -> bool:
        """Whether its rows have them."""
        return self.config.solution_key is not None

    def prompt(self, problem: Problem) -> str:
        """The problem in the config's template."""
        return self.config.prompt_template.replace("{problem}", problem.text)

    def solution(self, text: str) -> str:
        """The text as it was written, without the white space at its end."""
        return text.rstrip()

    def steps(self, solution: str) -> list[str]:
        """Lines or sentences, as the config says."""
        return exact_steps(solution, self.config.step_boundary)

    def answer(self, solution: str) -> str | None:
        """The final answer, in the one form that all spellings of a number share, so that votes for it add up."""
        return self.grader.canonical(solution)

    def verdict(self, problem: Problem, solution: str) -> Verdict:
        """The verifier's verdict on the solution's final answer."""
        return self.grader.grade(solution, problem.answer).verdict

    def step_truths(self, problem: Problem, steps: list[str]) -> list[StepTruth]:
        """Nothing: no one knows the truth of these steps."""
        return []

    def trace(self, problem: Problem, generator: np.random.Generator) -> str:
        """The solution that the data set has.

        Raises:
            ValueError: if it has none.
        """
        solution = self.solutions.get(problem.text)
        if solution is None:
            raise ValueError(f"task {self.config.name} has no solution of {problem.text[:60]!r}: a teacher writes it.")
        return self.solution(solution)
