"""A run of `synthscale grade`: the file's parts go to the verifier and come back graded, in order."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from functools import partial

from rich.console import Console

from synthscale.grading.file import STANDARD, GradeError, Source, open_source
from synthscale.grading.parts import Part, Settings, first_bad_line, grade_part, grade_part_alone, parts_of
from synthscale.grading.processes import Processes
from synthscale.grading.sink import open_sink, refuse_same_file
from synthscale.grading.summary import Tally, is_terminal, print_audit, print_summary, progress_bar, screen
from synthscale.problem.answer import Grader
from synthscale.problem.answer.grade import Side


def run(settings: Settings) -> int:
    """Grade all lines, show the summary, and return the exit status.

    Raises:
        GradeError: if a file or a line cannot be used.
    """
    console, tally = screen(stderr=True), Tally()
    with open_source(settings.source) as source, Processes(settings.jobs) as processes:
        if settings.out is not None:
            refuse_same_file(source, settings.out)
        if source.num_bytes is not None and not settings.skip_bad:
            check(source, settings, processes)
        seconds = _grade(source, settings, console, tally, processes)
    if settings.audit:
        print_audit(tally, screen(stderr=settings.out == STANDARD))
        return int(tally.num_failures > 0)
    print_summary(tally, seconds, settings.jobs, console)
    return int(tally.sides[Side.REFERENCE] > 0)


def check(source: Source, settings: Settings, processes: Processes) -> None:
    """Go over a regular file once, before hours are spent on one that ends in a bad line.

    Raises:
        GradeError: at the first line that cannot be graded.
    """
    find = partial(first_bad_line, keys=settings.keys)
    parts = parts_of(source.file, one_by_one=False)
    for bad_line in map(find, parts) if settings.jobs == 1 else processes.map(find, parts):
        if bad_line is not None:
            raise source.refusal(bad_line)
    source.file.seek(0)


def _grade(source: Source, settings: Settings, console: Console, tally: Tally, processes: Processes) -> float:
    """Grade the parts into the sink, and return the seconds that it took."""
    is_pipe = source.num_bytes is None
    hidden = settings.out == STANDARD and is_terminal(sys.stdout)  # the lines themselves show how far it is
    with ExitStack() as stack:
        sink = stack.enter_context(nullcontext() if settings.out is None else open_sink(settings.out))
        bar = stack.enter_context(progress_bar(console, source.num_bytes, hidden=hidden))
        start = time.monotonic()
        parts = parts_of(source.file, one_by_one=is_pipe and settings.jobs == 1)
        if settings.jobs == 1:
            grader = stack.enter_context(Grader(settings.policy, time_limit_seconds=settings.time_limit_seconds))
            graded: Iterator[Part] = map(partial(grade_part, settings=settings, grader=grader), parts)
        else:
            graded = processes.map(partial(grade_part_alone, settings=settings), parts)
        for part in graded:
            tally.merge(part.tally)
            for line in part.left_out:
                console.print(f"Line {line.number} of {source.name} {line.reason}; left out.", soft_wrap=True)
            if sink is not None:
                sink.write(part.output)
                if settings.out == STANDARD and is_pipe:
                    sink.flush()  # whoever feeds us through a pipe may wait for the answer
            bar.update(part.end, tally.num_answers)
            if part.stopped_at is not None:
                raise source.refusal(part.stopped_at)
        _refuse_nothing(source, settings, tally)
    return time.monotonic() - start


def _refuse_nothing(source: Source, settings: Settings, tally: Tally) -> None:
    """Raise GradeError if an audit has seen nothing, or nothing but bad lines was there: that would be no success."""
    if tally.num_answers:
        return
    if tally.num_bad_lines:
        raise GradeError(f"None of the lines of {source.name} can be graded.")
    if settings.audit:
        raise GradeError(f"There is no line in {source.name} to audit.")
