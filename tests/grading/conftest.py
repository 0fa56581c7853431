"""Files and standard input to grade, and a verifier whose verdicts are foreseen."""

from __future__ import annotations

import io
import sys

import pytest

from graded_lines import as_line
from synthscale.grading import run as grade_run
from synthscale.problem.answer.grade import Grade, Side
from synthscale.problem.problem import Verdict


class Foreseen:
    """Stands in for the verifier: a verdict's name gets that verdict, and the reference `unread` cannot be read."""

    def __init__(self, policy, *, time_limit_seconds):
        self.settings = (policy, time_limit_seconds)
        type(self).last = self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def grade_batch(self, predictions, references) -> list[Grade]:
        return [self.grade(*pair) for pair in zip(predictions, references, strict=True)]

    def grade(self, prediction, reference) -> Grade:
        if reference == "unread":
            return Grade(Verdict.UNPARSEABLE, "none", prediction, None, Side.REFERENCE)
        if prediction == "unparseable":
            return Grade(Verdict.UNPARSEABLE, "none", None, reference, Side.PREDICTION)
        verdict = Verdict(prediction) if prediction in list(Verdict) else Verdict.CORRECT
        return Grade(verdict, "plain: exact", prediction, reference)


@pytest.fixture
def foreseen(monkeypatch) -> type[Foreseen]:
    monkeypatch.setattr(grade_run, "Grader", Foreseen)
    return Foreseen


@pytest.fixture
def write(tmp_path):
    """Write lines (texts, or pairs to be made lines) to a file, and return its name."""

    def write(*lines: str | tuple[str, str], name: str = "in.jsonl") -> str:
        texts = [line if isinstance(line, str) else as_line(*line) for line in lines]
        (tmp_path / name).write_text("".join(text + "\n" for text in texts))
        return str(tmp_path / name)

    return write


@pytest.fixture
def standard_input(monkeypatch):
    def feed(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return feed
