"""What the tests of the verifier share: the table of labelled pairs, and graders that share a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from synthscale.problem.answer import AnswerPolicy, Grade, Grader
from synthscale.problem.answer.workers import Workers

TABLE = Path(__file__).with_name("pairs.tsv")
COLUMNS = ["category", "label", "prediction", "reference", "policy", "note"]


class Row(NamedTuple):
    """Two texts and what two careful readers say of them."""

    category: str
    label: str
    prediction: str
    reference: str
    policy: str
    note: str


def read_rows() -> list[Row]:
    """The rows of the table, ⏎ turned into line breaks; by \\n alone, for the texts hold other line ends."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").split("\n") if line and not line.startswith("#")]
    header, *cells = [line.replace("⏎", "\n").split("\t") for line in lines]
    assert header == COLUMNS, f"{TABLE.name} has other columns: {header}"
    return [Row(*row) for row in cells]


def policy_of(text: str) -> AnswerPolicy:
    """The policy of `key=value key=value`; an empty text is the default."""
    values = dict(pair.split("=") for pair in text.split())
    tolerance = {key: float(values[key]) for key in ("relative_tolerance",) if key in values}
    return AnswerPolicy.from_plain({**values, **tolerance})


def label_of(grade: Grade) -> str:
    """A grade in the words of the table."""
    return f"{grade.verdict.value}_{grade.side.value}" if grade.side else grade.verdict.value


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "category" in metafunc.fixturenames:
        metafunc.parametrize("category", sorted({row.category for row in read_rows()}))


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """The labelled pairs."""
    return read_rows()


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """One process for all graders that need none of their own: a question carries its policy with it."""
    workers = Workers(1)
    yield workers
    workers.close()


@pytest.fixture(scope="session")
def grader_of(workers: Workers) -> Callable[[AnswerPolicy], Grader]:
    """Makes a grader for a policy, with the common worker."""

    def make(policy: AnswerPolicy) -> Grader:
        grader = Grader(policy)
        grader.workers = workers
        return grader

    return make


@pytest.fixture(scope="session")
def labels(grader_of: Callable[[AnswerPolicy], Grader]) -> Callable[..., list[str]]:
    """Gives the labels that the verifier puts on texts, in their order."""
    grader = cache(lambda policy: grader_of(policy_of(policy)))

    def get(predictions: list[str], references: list[str], policy: str = "") -> list[str]:
        return [label_of(grade) for grade in grader(policy).grade_batch(predictions, references)]

    return get
