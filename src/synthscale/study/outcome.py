"""What became of a point: its record, or the failure that kept it from one."""

from __future__ import annotations

import os
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from synthscale.durable import write_durably
from synthscale.server.request import ServerFailed
from synthscale.study.error import UserError
from synthscale.study.recipe import Point
from synthscale.study.record import Record


@dataclass(frozen=True, slots=True)
class Raised:
    """What a stage raised, as text, so that it crosses processes whatever the exception holds."""

    message: str  # the last line: what to read first
    trace: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The stage that failed, for all the points that needed it."""

    stage: str
    key: str
    message: str
    log: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """A point with its record, with its failure, or with neither where it was asked for up to an earlier stage only."""

    point: Point
    record: Record | None = None
    failure: Failure | None = None


class StudyFailed(UserError):
    """Some stage failed; the process that this was raised in has shown the message with its summary."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.pid = os.getpid()  # kept when it is pickled: a job of Hydra's own launchers fails in another process


def caught(error: BaseException) -> Raised:
    """An exception as text; a sentence that is meant for the user stands alone, others say their type."""
    trace = "".join(traceback.format_exception(error))
    message = (
        str(error)
        if isinstance(error, UserError | ServerFailed)
        else traceback.format_exception_only(error)[-1].strip()
    )
    return Raised(message.splitlines()[-1] if message else type(error).__name__, trace)


def without_own_type(line: str) -> str:
    """A traceback's last line without the type where it is one of ours, whose message is a sentence for the user."""
    return re.sub(r"^synthscale\w*(\.\w+)+: ", "", line)


def error_path(study: Path, key: str) -> Path:
    """Where a failed stage's traceback is kept, until the stage succeeds."""
    return study / "errors" / f"{key}.txt"


def keep_failure(stage: str, key: str, raised: Raised, study: Path) -> Failure:
    """Write the traceback and return the failure that names it; without room on the disk it is named all the same."""
    log = error_path(study, key)
    try:
        write_durably(log, raised.trace.encode())
    except OSError:
        return Failure(stage, key, f"{raised.message} (its log could not be written)", log)
    return Failure(stage, key, raised.message, log)
