"""What `synthscale grade` tells a reader: counts of verdicts with intervals, an audit's failures, how far it is."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from synthscale.evaluation.metrics import wilson_interval
from synthscale.grading.file import Line, shortened
from synthscale.problem.answer.grade import Grade, Side
from synthscale.problem.problem import Verdict

MAX_FAILURES_SHOWN = 50
MAX_RULES_SHOWN = 8
MAX_LINE_NUMBERS_SHOWN = 5
SECONDS_BEFORE_BAR = 3.0
_SECONDS_BETWEEN_UPDATES = 0.1


@dataclass(slots=True)
class Tally:
    """Counts of what was graded, and the first line numbers of what the user should look at."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    sides: Counter[Side] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    unread_references: list[int] = field(default_factory=list)
    failures: list[tuple[Line, Grade]] = field(default_factory=list)
    num_bad_lines: int = 0

    def add(self, line: Line, grade: Grade) -> None:
        """Count one more answer."""
        self.verdicts[grade.verdict] += 1
        self.rules[grade.rule] += 1
        if grade.side is not None:
            self.sides[grade.side] += 1
        if grade.side is Side.REFERENCE and len(self.unread_references) < MAX_LINE_NUMBERS_SHOWN:
            self.unread_references.append(line.number)

    def add_audited(self, line: Line, grade: Grade) -> None:
        """Count one more reference; the first that fail are kept to be shown."""
        self.add(line, grade)
        if not grade.correct and len(self.failures) < MAX_FAILURES_SHOWN:
            self.failures.append((line, grade))

    def merge(self, other: Tally) -> None:
        """Count what another has counted, of later lines."""
        self.verdicts += other.verdicts
        self.sides += other.sides
        self.rules += other.rules
        self.num_bad_lines += other.num_bad_lines
        self.unread_references = (self.unread_references + other.unread_references)[:MAX_LINE_NUMBERS_SHOWN]
        self.failures = (self.failures + other.failures)[:MAX_FAILURES_SHOWN]

    @property
    def num_answers(self) -> int:
        """All that was graded."""
        return self.verdicts.total()

    @property
    def num_failures(self) -> int:
        """All that is not correct."""
        return self.num_answers - self.verdicts[Verdict.CORRECT]


def screen(*, stderr: bool) -> Console:
    """A console as wide as its terminal, 120 columns elsewhere; brackets in answers are text."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if is_terminal(stream) else 120
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at the stream; a closed one is None."""
    return stream is not None and stream.isatty()


def print_summary(tally: Tally, seconds: float, jobs: int, console: Console) -> None:
    """The counts of a finished run."""
    console.print(_verdict_table(tally))
    if tally.rules:
        rules = ", ".join(f"{rule} ({count:,})" for rule, count in tally.rules.most_common(MAX_RULES_SHOWN))
        rest = len(tally.rules) - MAX_RULES_SHOWN
        console.print(f"Decided by {rules}{f', {rest} more rules' if rest > 0 else ''}.")
    if num_unread := tally.sides[Side.REFERENCE]:
        numbers = ", ".join(map(str, tally.unread_references)) + (", …" if num_unread > MAX_LINE_NUMBERS_SHOWN else "")
        console.print(f"{_counted(num_unread, 'reference')} could not be read: line{'s'[: num_unread - 1]} {numbers}.")
    if tally.num_bad_lines:
        console.print(f"{_counted(tally.num_bad_lines, 'bad line')} left out.")
    pace = f", {tally.num_answers / seconds:,.0f} a second" if seconds > 0 and tally.num_answers else ""
    console.print(f"{_counted(tally.num_answers, 'answer')} in {seconds:,.1f} s{pace}, {_counted(jobs, 'job')}.")


def _verdict_table(tally: Tally) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column("verdict")
    for heading in ("answers", "share", "95 % interval"):
        table.add_column(heading, justify="right")
    for verdict in Verdict:
        count = tally.verdicts[verdict]
        table.add_row(verdict.value, f"{count:,}", *_share(count, tally.num_answers))
        for side in Side if verdict is Verdict.UNPARSEABLE and count else ():
            table.add_row(f"  {side.value}", f"{tally.sides[side]:,}")
    return table


def _share(count: int, total: int) -> tuple[str, str]:
    if not total:
        return "", ""
    low, high = wilson_interval(count, total)
    return f"{count / total:.1%}", f"{low:.1%} – {high:.1%}"


def print_audit(tally: Tally, console: Console) -> None:
    """The references that are not equal to themselves, the first of them, and how many they are."""
    if tally.failures:
        table = Table(box=box.SIMPLE)
        table.add_column("line", justify="right")
        for heading in ("reference", "verdict", "rule"):
            table.add_column(heading, overflow="fold")
        for line, grade in tally.failures:
            table.add_row(str(line.number), shortened(line.reference, 100), grade.verdict.value, grade.rule)
        console.print(table)
    if tally.num_bad_lines:
        console.print(f"{_counted(tally.num_bad_lines, 'bad line')} left out.")
    failed = f"{tally.num_failures:,} not equal to themselves" if tally.num_failures else "all equal to themselves"
    more = f" (the first {len(tally.failures)} are shown)" if tally.num_failures > len(tally.failures) else ""
    console.print(f"{_counted(tally.num_answers, 'reference')}, {failed}{more}.")


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Bar:
    """How far a run is, by the bytes of the file that are graded; cheap enough to be told of every line."""

    def __init__(self, progress: Progress, num_bytes: int | None) -> None:
        self.progress = progress
        self.task = progress.add_task("grading", total=num_bytes, answers="")
        self.next_update = 0.0

    def update(self, end: int, num_answers: int) -> None:
        """Show this many bytes and answers, some times a second."""
        if (now := time.monotonic()) >= self.next_update:
            self.next_update = now + _SECONDS_BETWEEN_UPDATES
            self.progress.update(self.task, completed=end, answers=f"{num_answers:,} answers")


@contextmanager
def progress_bar(console: Console, num_bytes: int | None, *, hidden: bool) -> Iterator[Bar]:
    """A bar that appears after some seconds, though no answer may be there yet, and leaves no trace.

    There is none where the console is no terminal, or if `hidden`.
    """
    times = (TimeElapsedColumn(),) if num_bytes is None else (TimeElapsedColumn(), TimeRemainingColumn())
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[answers]}"), *times)
    progress = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    timer = threading.Timer(SECONDS_BEFORE_BAR, progress.start)
    timer.daemon = True
    if hidden or not console.is_terminal:
        yield Bar(progress, num_bytes)
        return
    timer.start()
    try:
        yield Bar(progress, num_bytes)
    finally:
        timer.cancel()
        timer.join()
        progress.stop()
