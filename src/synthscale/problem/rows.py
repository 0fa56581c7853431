"""A data set's rows: read and checked, each problem once, in three splits that do not meet.

Validation problems are set apart from the training ones by a hash of the problem, whatever the seed and size; test
problems come from the test split alone, and a problem that stands there is no training problem.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from synthscale.problem.answer.extract import extract
from synthscale.problem.problem import Problem, Split
from synthscale.problem.records import read_records, text_of
from synthscale.problem.sources import SourceFile, digest_of

MARKED = frozenset({"hash", "box", "phrase"})  # rules by which a solution has a reference: by no guess at its prose


class Unreadable(Enum):
    """What becomes of a problem whose reference answer the verifier cannot read: it could never be solved."""

    refuse = "refuse"  # nothing starts
    drop = "drop"  # it is left out, of the test problems too


@dataclass(frozen=True, slots=True)
class Origin:
    """Files and how they are read; two configs with the same one share the rows that are in memory."""

    source: str
    train: tuple[SourceFile, ...]
    test: tuple[SourceFile, ...]
    problem_key: str
    solution_key: str | None
    answer_key: str | None
    num_validation: int
    unreadable: Unreadable

    @property
    def keys(self) -> list[str]:
        """The fields that are read."""
        return [key for key in (self.problem_key, self.solution_key, self.answer_key) if key is not None]


@dataclass(frozen=True, slots=True)
class Row:
    """A problem and the solution that the data set has for it."""

    problem: Problem
    solution: str | None


@dataclass(frozen=True, slots=True)
class Rows:
    """A data set's problems, each once, in the order of a hash; and two fingerprints, of sixteen hex digits.

    That of what is not a test problem is of the training files' bytes and of which of their problems stand in the test
    files; so another test file that leaves the training problems alone leaves it alone, too.
    """

    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    test: tuple[Row, ...]
    fingerprint: str
    test_fingerprint: str

    def of(self, split: Split) -> tuple[Row, ...]:
        """The rows of one split."""
        return {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}[split]


@lru_cache(maxsize=4)
def load_rows(origin: Origin) -> Rows:
    """Read both splits; a problem that stands in the test split is no training problem.

    About 0.9 GB a million problems of GSM8K's length.

    Raises:
        ValueError: for a line that lacks a field, or whose reference answer cannot be read, with its number.
    """
    test, train = read_split(origin, origin.test), read_split(origin, origin.train)
    leaked = sorted(train.keys() & test.keys())
    for key in leaked:
        del train[key]
    rest = in_order(train.values())
    num_validation = min(origin.num_validation, len(rest) // 2)
    if not test or not num_validation:
        leak = f" ({len(leaked)} training problems stand in the test split and are left out)" if leaked else ""
        raise ValueError(
            f"task.source={origin.source} has {len(test)} test and {len(rest)} other problems{leak}; it takes at "
            "least 1 and 2."
        )
    return Rows(
        train=tuple(rest[num_validation:]),
        validation=tuple(rest[:num_validation]),
        test=tuple(in_order(test.values())),
        fingerprint=hashlib.sha256(b"".join([digest_of(origin.train), *leaked])).hexdigest()[:16],
        test_fingerprint=digest_of(origin.test).hex()[:16],
    )


def read_split(origin: Origin, files: Iterable[SourceFile]) -> dict[bytes, Row]:
    """The rows by what they ask, each problem once: the first of those that ask the same.

    Raises:
        ValueError: as `load_rows`, and where two rows ask the same and have different answers.
    """
    rows: dict[bytes, Row] = {}
    for file in files:
        for where, record in read_records(file.path, origin.keys):
            row = read_row(origin, record, where)
            if row is None:
                continue
            first = rows.setdefault(question_key(row.problem.text), row)
            if first.problem.answer != row.problem.answer and origin.unreadable is Unreadable.refuse:
                raise ValueError(
                    f"{where} asks what an earlier line asks and answers {row.problem.answer!r} instead of "
                    f"{first.problem.answer!r}; mend it, or keep the first of such lines with task.unreadable=drop."
                )
    return rows


def in_order(rows: Iterable[Row]) -> list[Row]:
    """The rows in the order of a hash of their texts, whatever their order in the files."""
    return sorted(rows, key=lambda row: hashlib.sha256(b"order" + row.problem.problem_id.encode()).digest())


def read_row(origin: Origin, record: dict[str, Any], where: str) -> Row | None:
    """One record's row; None where its reference cannot be read and it is to be dropped."""
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


def question_key(text: str) -> bytes:
    """Sixteen bytes for `as_asked`, which would double the memory of a large data set."""
    return hashlib.blake2b(as_asked(text).encode(), digest_size=16).digest()
