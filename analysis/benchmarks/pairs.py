"""Labelled pairs of a prediction and a reference, read from tab-separated tables.

A table has the columns `category label prediction reference policy note`; lines that begin with # are comments, and ⏎
inside a text stands for a line break. An empty `policy` means the default conventions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

COLUMNS = ("category", "label", "prediction", "reference", "policy", "note")
LINE_BREAK = "⏎"


class Label(StrEnum):
    """What two careful readers of the conventions say of a pair."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNPARSEABLE_PREDICTION = "unparseable_prediction"
    UNPARSEABLE_REFERENCE = "unparseable_reference"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts, whether the first is right by the second, and under which conventions."""

    category: str
    label: Label
    prediction: str
    reference: str
    policy: str = ""
    note: str = ""

    @property
    def is_correct(self) -> bool:
        """Whether a verifier should reward the prediction."""
        return self.label is Label.CORRECT


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of one table, in its order; ValueError with the line's number where the table is malformed."""
    lines = [(number, line) for number, line in _lines(path) if line and not line.startswith("#")]
    if not lines or tuple(lines[0][1].split("\t")) != COLUMNS:
        raise ValueError(f"{path} should begin with the header {' '.join(COLUMNS)}.")
    return [_pair(path, number, line) for number, line in lines[1:]]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines as \\n ends them: the texts may hold other characters that `splitlines` would split at."""
    return enumerate(path.read_text(encoding="utf-8").split("\n"), start=1)


def _pair(path: Path, number: int, line: str) -> Pair:
    cells = line.split("\t")
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{path}:{number} has {len(cells)} columns, not {len(COLUMNS)}.")
    category, label, prediction, reference, policy, note = cells
    try:
        named = Label(label)
    except ValueError as error:
        raise ValueError(f"{path}:{number}: {error}") from error
    prediction, reference = (text.replace(LINE_BREAK, "\n") for text in (prediction, reference))
    return Pair(category, named, prediction, reference, policy, note)
