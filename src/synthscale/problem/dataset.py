"""Tasks whose problems are written down in files: gsm8k, math, and a user's own, graded by the verifier.

A folder holds `train.jsonl` and `test.jsonl`, one problem a line. Validation problems are set apart from the training
file by a hash of the problem, whatever the seed and size; test problems come from the test file alone.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from synthscale.problem.answer import AnswerPolicy, Grader
from synthscale.problem.answer.extract import extract
from synthscale.problem.problem import ONLY_HOW, Problem, Split, StepTruth, TaskConfig, Verdict, check_between
from synthscale.problem.steps import StepBoundary, exact_steps

MARKED = frozenset({"hash", "box", "phrase"})  # rules by which a solution has a reference: by no guess at its prose
FILES = {Split.TRAIN: "train.jsonl", Split.TEST: "test.jsonl"}


class Unreadable(Enum):
    """What becomes of a problem whose reference answer the verifier cannot read: it could never be solved."""

    refuse = "refuse"  # nothing starts
    drop = "drop"  # it is left out, of the test problems too


@dataclass(kw_only=True, slots=True)
class DatasetConfig(TaskConfig):
    """Where the problems are, what the fields of a line are called, and the verifier's conventions."""

    source: str = field(metadata=ONLY_HOW)  # a folder with train.jsonl and test.jsonl
    problem_key: str = "problem"
    solution_key: str | None = "solution"  # null where there are none
    answer_key: str | None = None  # null: the final answer of the solution
    prompt_template: str = "{problem}\n"  # how a problem is put to a policy; `{problem}` is its text
    step_boundary: StepBoundary = StepBoundary.line_or_sentence
    num_validation: int = 500  # set apart from the training problems
    unreadable: Unreadable = Unreadable.refuse
    answers: AnswerPolicy = field(default_factory=AnswerPolicy)
    time_limit_seconds: float = 5.0  # for one comparison of two answers
    fingerprint: str = ""  # of the files' bytes; filled in, so that other content is another data set

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(f"task.name must be a word in lower case, but is {self.name}.")
        if self.prompt_template.count("{problem}") != 1:
            raise ValueError(
                f"task.prompt_template must hold {{problem}} once, where the problem's text goes, but is "
                f"{self.prompt_template!r}."
            )
        check_between("task.num_validation", self.num_validation, 1, 100_000)
        check_between("task.time_limit_seconds", self.time_limit_seconds, 0.01, 3_600)
        if self.solution_key is None and self.answer_key is None:
            raise ValueError("task.solution_key and task.answer_key are both null; one has to name the answer's field.")
        found = fingerprint(self.source)
        if self.fingerprint not in ("", found):
            raise ValueError(
                f"the files in task.source={self.source} have the fingerprint {found} and not "
                f"task.fingerprint={self.fingerprint}: they are another data set."
            )
        self.fingerprint = found

    @property
    def has_embedded_learner(self) -> bool:
        """No: the tiny learner knows the words of its own world only."""
        return False

    @property
    def max_data_size(self) -> int:
        """The training problems that are not set apart."""
        return len(load_rows(self.frozen()).train)

    @property
    def max_validation(self) -> int:
        """The validation problems."""
        return len(load_rows(self.frozen()).validation)

    @property
    def max_test(self) -> int:
        """The test problems."""
        return len(load_rows(self.frozen()).test)

    def frozen(self) -> Origin:
        """What the rows depend on."""
        keys = (self.problem_key, self.solution_key, self.answer_key)
        return Origin(self.source, self.fingerprint, *keys, self.num_validation, self.unreadable)


@dataclass(frozen=True, slots=True)
class Origin:
    """Files and how they are read; two configs with the same one share the rows that are in memory."""

    source: str
    fingerprint: str
    problem_key: str
    solution_key: str | None
    answer_key: str | None
    num_validation: int
    unreadable: Unreadable


@dataclass(frozen=True, slots=True)
class Row:
    """A problem and the solution that the data set has for it."""

    problem: Problem
    solution: str | None


@dataclass(frozen=True, slots=True)
class Rows:
    """A data set's problems, each once, in the order of a hash."""

    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]

    def of(self, split: Split) -> tuple[Row, ...]:
        """The rows of one split."""
        return {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}[split]


class DatasetTask:
    """Problems from files, and the verifier as their judge."""

    def __init__(self, config: DatasetConfig) -> None:
        self.config = config
        self.rows = load_rows(config.frozen())
        self.grader = Grader(config.answers, time_limit_seconds=config.time_limit_seconds)
        self.solutions = {
            row.problem.problem_id: row.solution for split in Split for row in self.rows.of(split) if row.solution
        }

    def problems(self, split: Split, num_problems: int, seed: int = 0) -> list[Problem]:
        """The first `num_problems` of the split in the seed's order.

        Raises:
            ValueError: if there are not so many.
        """
        rows = self.rows.of(split)
        check_between(f"number of {split} problems", num_problems, 0, len(rows))
        order = np.random.default_rng([seed, len(rows)]).permutation(len(rows))
        return [rows[i].problem for i in order[:num_problems]]

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
        solution = self.solutions.get(problem.problem_id)
        if solution is None:
            raise ValueError(f"task {self.config.name} has no solution of {problem.text[:60]!r}: a teacher writes it.")
        return self.solution(solution)


@lru_cache(maxsize=1_000)
def fingerprint(source: str) -> str:
    """Sixteen hex digits of the files' bytes.

    Raises:
        ValueError: if a file is missing.
    """
    digest = hashlib.sha256()
    for name in FILES.values():
        path = Path(source) / name
        if not path.is_file():
            raise ValueError(
                f"task.source={source} has no {name}; it has to be a folder with train.jsonl and test.jsonl."
            )
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=8)
def load_rows(origin: Origin) -> Rows:
    """Read both files; a problem that stands in the test file is no training problem.

    Raises:
        ValueError: for a line that lacks a field, or whose reference answer cannot be read, with its number.
    """
    test = read_file(origin, FILES[Split.TEST])
    known = {as_asked(row.problem.text) for row in test}
    rest = [row for row in read_file(origin, FILES[Split.TRAIN]) if as_asked(row.problem.text) not in known]
    num_validation = min(origin.num_validation, len(rest) // 2)
    if not test or not num_validation:
        raise ValueError(f"task.source={origin.source} has {len(test)} test and {len(rest)} other problems: too few.")
    return Rows(tuple(rest[num_validation:]), tuple(rest[:num_validation]), tuple(test))


def read_file(origin: Origin, name: str) -> list[Row]:
    """The file's rows, each problem once, in the order of a hash of its text."""
    path = Path(origin.source) / name
    rows: dict[str, Row] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"line {number} of {path}"
            row = read_row(origin, line, where) if line.strip() else None
            if row is None:
                continue
            first = rows.setdefault(as_asked(row.problem.text), row)
            if first.problem.answer != row.problem.answer and origin.unreadable is Unreadable.refuse:
                raise ValueError(
                    f"{where} asks what an earlier line asks and answers {row.problem.answer!r} instead of "
                    f"{first.problem.answer!r}; mend it, or keep the first of such lines with task.unreadable=drop."
                )
    return sorted(rows.values(), key=lambda row: hashlib.sha256(b"order" + row.problem.problem_id.encode()).digest())


def read_row(origin: Origin, line: bytes, where: str) -> Row | None:
    """One line's row; None where its reference cannot be read and it is to be dropped."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"{where} is no JSON.") from None
    if not isinstance(record, dict):
        raise ValueError(f"{where} is no JSON object.")
    text = text_of(record, origin.problem_key, where)
    if not text.strip():
        raise ValueError(f"{where} has an empty text under {origin.problem_key!r}.")
    solution = None if origin.solution_key is None else text_of(record, origin.solution_key, where)
    reference = solution if origin.answer_key is None else text_of(record, origin.answer_key, where)
    answer, rule = extract(reference or "")
    if answer is not None and (rule in MARKED or origin.answer_key is not None):
        return Row(Problem(text, answer), solution)
    if origin.unreadable is Unreadable.drop:
        return None
    raise ValueError(
        f"{where} has a reference answer that the verifier cannot read: {(reference or '')[-80:]!r}; mend it, or leave "
        f"such problems out with task.unreadable=drop."
    )


def as_asked(text: str) -> str:
    """A problem's text as one key for all ways of setting it: white space, case and compatible characters aside."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def text_of(record: dict[str, Any], key: str, where: str) -> str:
    """The field's text; a number as JSON writes it.

    Raises:
        ValueError: if the field is missing or holds something else.
    """
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        fields = ", ".join(sorted(record)) or "none"
        raise ValueError(f"{where} has no text under {key!r}; its fields are {fields}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} has {value} under {key!r}.")
    try:
        return value.encode().decode() if isinstance(value, str) else json.dumps(value)
    except UnicodeEncodeError:
        raise ValueError(f"{where} has half a character under {key!r}.") from None
