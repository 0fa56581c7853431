"""A run of `synthscale grade`: lines go to the verifier and come back with a grade, in order, a few at a time."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

from rich.console import Console

from synthscale.evaluation.grade_file import STANDARD, BadLine, GradeError, Keys, Line, Source, open_source, read_lines
from synthscale.evaluation.grade_sink import Sink, graded_line, open_sink, refuse_same_file
from synthscale.evaluation.grade_summary import Tally, is_terminal, print_audit, print_summary, progress_bar, screen
from synthscale.problem.answer import Grader
from synthscale.problem.answer.grade import Grade, Side
from synthscale.problem.answer.policy import AnswerPolicy


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
class Feed:
    """The lines on their way from the file to their grades.

    A bad line ends the stream and is kept, in place of an error: those before it still come back graded.
    """

    source: Source
    settings: Settings
    console: Console
    tally: Tally
    waiting: deque[Line] = field(default_factory=deque)
    stopped_at: BadLine | None = None

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Predictions with their references, as the verifier asks for them."""
        for line in read_lines(self.source.file, self.settings.keys):
            if isinstance(line, Line):
                self.waiting.append(line)
                yield line.prediction, line.reference
            elif self.settings.skip_bad:
                self.tally.num_bad_lines += 1
                text = f"Line {line.number} of {self.source.name} {line.reason}; left out."
                self.console.print(text, soft_wrap=True)
            else:
                self.stopped_at = line
                return

    def graded(self, grader: Grader) -> Iterator[tuple[Line, Grade]]:
        """Each line with its grade.

        Raises:
            GradeError: behind the lines before a bad one.
        """
        at_once = self.source.num_bytes is None and self.settings.jobs == 1  # whoever feeds a pipe may wait for answers
        one_by_one = (grader.grade(*pair) for pair in self.pairs())
        for grade in one_by_one if at_once else grader.grade_stream(self.pairs()):
            yield self.waiting.popleft(), grade
        assert not self.waiting, "the verifier has lost answers"
        if self.stopped_at is not None:
            raise self.source.refusal(self.stopped_at)


def run(settings: Settings) -> int:
    """Grade all lines, show the summary, and return the exit status.

    Raises:
        GradeError: if a file or a line cannot be used.
    """
    console, tally = screen(stderr=True), Tally()
    with open_source(settings.source) as source:
        if settings.out is not None:
            refuse_same_file(source, settings.out)
        if source.num_bytes is not None and not settings.skip_bad:
            source.check(settings.keys)
        seconds = _grade(Feed(source, settings, console, tally))
    if settings.audit:
        print_audit(tally, screen(stderr=settings.out == STANDARD))
        return int(tally.num_failures > 0)
    print_summary(tally, seconds, settings.jobs, console)
    return int(tally.sides[Side.REFERENCE] > 0)


def _grade(feed: Feed) -> float:
    """Grade the lines into the sink, and return the seconds that it took."""
    settings, num_bytes = feed.settings, feed.source.num_bytes
    hidden = settings.out == STANDARD and is_terminal(sys.stdout)  # the lines themselves show how far it is
    with (
        nullcontext() if settings.out is None else open_sink(settings.out) as sink,
        Grader(settings.policy, jobs=settings.jobs, time_limit_seconds=settings.time_limit_seconds) as grader,
        progress_bar(feed.console, num_bytes, hidden=hidden) as bar,
    ):
        start = time.monotonic()
        for line, grade in feed.graded(grader):
            _take(line, grade, feed, sink)
            bar.update(line.end, feed.tally.num_answers)
        _refuse_nothing(feed)
    return time.monotonic() - start


def _take(line: Line, grade: Grade, feed: Feed, sink: Sink | None) -> None:
    """Count a graded line and write it; in an audit, write it if it failed, with its number."""
    settings = feed.settings
    names = ("verdict", "rule", "extracted", "reference", "side")
    content = {name: getattr(grade, name) for name in names}
    if settings.audit:
        feed.tally.add_audited(line, grade)
        content = {"line": line.number, **content}
    else:
        feed.tally.add(line, grade)
    if sink is not None and not (settings.audit and grade.correct):
        sink.write(graded_line(line, settings.keys.grade, content))
        if settings.out == STANDARD and feed.source.num_bytes is None:
            sink.flush()


def _refuse_nothing(feed: Feed) -> None:
    """Raise GradeError if an audit has seen nothing, or nothing but bad lines was there: that would be no success."""
    if feed.tally.num_answers:
        return
    if feed.tally.num_bad_lines:
        raise GradeError(f"None of the lines of {feed.source.name} can be graded.")
    if feed.settings.audit:
        raise GradeError(f"There is no line in {feed.source.name} to audit.")
