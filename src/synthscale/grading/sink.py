"""Where the graded lines of `synthscale grade` go: standard output, or a file that is there whole or not at all.

A line goes out byte for byte as it came in, with one more key before its last brace: no number is rounded, no escape
rewritten, no key of the user's replaced.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from synthscale.durable import rename_durably
from synthscale.grading.file import BLANK, STANDARD, GradeError, Line, Source


def graded_line(line: Line, key: str, grade: Mapping[str, object]) -> bytes:
    """The line as it came in, with the grade under one more key.

    A lone surrogate in an answer, which UTF-8 has no bytes for, is written as JSON's escape.
    """
    added = json.dumps({key: grade}, ensure_ascii=False).encode(errors="backslashreplace")
    return line.raw[:-1].rstrip(BLANK) + b", " + added[1:] + b"\n"


class _TerminatedError(BaseException):
    """A signal that ends the process, on its way past all that has to be put away."""


class Sink:
    """An opened output; a refused write is one sentence, except where the reader has left (BrokenPipeError)."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file = file
        self.name = name

    def write(self, line: bytes) -> None:
        """Write a line; it may wait in memory."""
        with _told_as_writing(self.name):
            self.file.write(line)

    def flush(self) -> None:
        """Push the lines on to whoever waits for them."""
        with _told_as_writing(self.name):
            self.file.flush()


@contextmanager
def open_sink(path: str) -> Iterator[Sink]:
    """The file, under its name only when all is well in the end; or standard output for `-`.

    Raises:
        GradeError: if it cannot be written.
    """
    if not path:
        raise GradeError("--out is empty; give a file, or - for standard output.")
    target = Path(os.path.realpath(path))  # through a link, not in place of it
    if path == STANDARD:
        with _standard_output() as sink:
            yield sink
    elif os.path.exists(target) and not os.path.isfile(target):  # /dev/null must not be replaced
        with _opened(target, path) as sink:
            yield sink
    else:
        with _opened_whole(target, path) as sink:
            yield sink


@contextmanager
def _standard_output() -> Iterator[Sink]:
    if sys.stdout is None:
        raise GradeError("Standard output is closed; name a file with --out.")
    sink = Sink(sys.stdout.buffer, "standard output")
    try:
        yield sink
        sink.flush()
    except GradeError as error:
        if isinstance(error.__cause__, OSError):  # or Python would try once more at its exit, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            sink.flush()
        raise


@contextmanager
def _opened(target: Path, name: str) -> Iterator[Sink]:
    with _told_as_writing(name):
        file = target.open("wb")
    try:
        sink = Sink(file, name)
        yield sink
        sink.flush()
    finally:
        with suppress(OSError):  # it would try once more to write what could not be written
            file.close()


@contextmanager
def _opened_whole(target: Path, name: str) -> Iterator[Sink]:
    """A file beside the target, renamed to it in the end and removed after any error."""
    temporary = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        with _told_as_writing(name):
            _make_folder(target.parent)
        with _removed_if_terminated(temporary), _opened(temporary, name) as sink:
            yield sink
        with _told_as_writing(name):
            rename_durably(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(0, f"{folder} is not a folder, or leads through a file") from None


@contextmanager
def _removed_if_terminated(temporary: Path) -> Iterator[None]:
    """Tidy up when a queue or a closed terminal ends the process: that runs no `finally` by itself."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _TerminatedError(number)

    in_main_thread = threading.current_thread() is threading.main_thread()  # signals are for no other
    signals = (signal.SIGTERM, signal.SIGHUP) if in_main_thread else ()
    ours = [number for number in signals if signal.getsignal(number) is signal.SIG_DFL]  # nohup ignores SIGHUP
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    except _TerminatedError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        signal.signal(error.args[0], signal.SIG_DFL)
        os.kill(os.getpid(), error.args[0])
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _told_as_writing(name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise GradeError(f"Cannot write {name}: {error.strerror}.") from error


def refuse_same_file(source: Source, path: str) -> None:
    """Raise GradeError if the graded lines would go over the file that they are read from, or behind its end."""
    with suppress(OSError, ValueError, AttributeError):  # no file there yet, or no real file behind a stream
        written = os.fstat(sys.stdout.fileno()) if path == STANDARD else os.stat(path)
        read = os.fstat(source.file.fileno())
        if stat.S_ISREG(read.st_mode) and os.path.samestat(read, written):
            raise GradeError(f"The graded lines would overwrite {source.name}; name another file with --out.")
