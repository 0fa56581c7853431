"""A file in parts of some lines: each read, graded and counted by itself, here or in processes, and handed on in order.

Reading a line and writing it with its grade takes longer than grading most of them, so with several jobs a process does
all of it, and this one only carries bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from synthscale.grading.file import BadLine, Keys, Line, RawPart, raw_parts, read_part
from synthscale.grading.sink import graded_line
from synthscale.grading.summary import Tally
from synthscale.problem.answer import Grader
from synthscale.problem.answer.grade import Grade
from synthscale.problem.answer.policy import AnswerPolicy

MAX_PART_LINES = 128  # so that the bar moves, though every line may take as long as the limit lets it
MAX_PART_BYTES = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the command line asks for; `out` is None where nothing but the summary is wanted."""

    source: str
    out: str | None
    keys: Keys
    policy: AnswerPolicy
    jobs: int
    time_limit_seconds: float
    skip_bad: bool

    @property
    def audit(self) -> bool:
        """Whether the references are graded against themselves."""
        return self.keys.prediction is None


@dataclass(slots=True)
class Part:
    """Some lines, graded: what is to be written, what was counted, the bad ones, and the one that ends the run."""

    end: int
    output: bytes = b""
    tally: Tally = field(default_factory=Tally)
    left_out: list[BadLine] = field(default_factory=list)
    stopped_at: BadLine | None = None


def parts_of(file: BinaryIO, *, one_by_one: bool) -> Iterator[RawPart]:
    """The file's lines, some at a time; `one_by_one` where whoever writes them may wait for the answer."""
    return raw_parts(file, 1 if one_by_one else MAX_PART_LINES, MAX_PART_BYTES)


def first_bad_line(part: RawPart, keys: Keys) -> BadLine | None:
    """The first line that cannot be graded."""
    return next((line for line in read_part(part, keys) if isinstance(line, BadLine)), None)


def grade_part(part: RawPart, settings: Settings, grader: Grader) -> Part:
    """Grade the lines up to a bad one, or all others with `skip_bad`."""
    graded = Part(part.end)
    lines: list[Line] = []
    for line in read_part(part, settings.keys):
        if isinstance(line, Line):
            lines.append(line)
        elif settings.skip_bad:
            graded.left_out.append(line)
        else:
            graded.stopped_at = line
            break
    graded.tally.num_bad_lines = len(graded.left_out)
    grades = grader.grade_batch([line.prediction for line in lines], [line.reference for line in lines])
    graded.output = b"".join(
        write(line, grade, settings, graded.tally) for line, grade in zip(lines, grades, strict=True)
    )
    return graded


def write(line: Line, grade: Grade, settings: Settings, tally: Tally) -> bytes:
    """Count a graded line and return what is to be written; in an audit, of those that fail, with their number."""
    content = {
        "verdict": grade.verdict,
        "rule": grade.rule,
        "extracted": grade.extracted,
        "reference": grade.reference,
        "side": grade.side,
    }
    if settings.audit:
        tally.add_audited(line, grade)
        return b"" if grade.correct else graded_line(line, settings.keys.grade, {"line": line.number, **content})
    tally.add(line, grade)
    return graded_line(line, settings.keys.grade, content) if settings.out is not None else b""


_graders: dict[str, Grader] = {}  # of a process, by its settings


def grade_part_alone(part: RawPart, settings: Settings) -> Part:
    """`grade_part` with the grader of the process that it runs in."""
    name = repr(settings)
    if name not in _graders:
        _graders[name] = Grader(settings.policy, time_limit_seconds=settings.time_limit_seconds)
    return grade_part(part, settings, _graders[name])
