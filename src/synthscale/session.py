"""What a stage's process gives it beside its inputs: whom to tell how far it is, and when to save so that it can go on.

A stage that takes long keeps in `checkpoints` what it needs to go on after its process was killed: the folder lies in
the artifact that is being made, outlives the process, and is gone when the artifact is done. A stage saves when
`is_save_due` says so, and calls `saved` afterwards, which ends the process there if somebody asked it to stop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

CHECKPOINTS = "checkpoints"
JOURNAL_SUFFIX = ".journal"  # of files in there that outlive a failure too: answers that were paid for
SECONDS_BETWEEN_CHECKPOINTS = 300.0


class Stopped(BaseException):
    """The stage has saved its state and leaves, as its process was asked to; no failure of the stage."""


class Advance(Protocol):
    """Called as a stage goes along; the study layer draws the bar, with the note beside it."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """So much is done of the total; the note says at what speed, for example."""
        ...


def quiet(done: int, total: int, note: str = "") -> None:
    """An `Advance` for callers that show nothing."""


class Session:
    """One stage after the other in one process, or in one process of several that train together.

    `rank` 0 of `num_ranks` holds the lock and writes; the others take part in what ranks do together. `token` names
    this start of the ranks, so that no rank mistakes an earlier start's folder for this one's.
    """

    def __init__(
        self,
        advance: Advance = quiet,
        *,
        checkpoint_seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
        rank: int = 0,
        num_ranks: int = 1,
        token: str = "",
    ) -> None:
        self.advance = advance
        self.checkpoint_seconds = checkpoint_seconds
        self.rank, self.num_ranks, self.token = rank, num_ranks, token
        self._stop = threading.Event()
        self._saved_at = time.monotonic()

    def begin(self) -> None:
        """Start the clock of a stage."""
        self._saved_at = time.monotonic()

    @contextmanager
    def part(self, start: int, end: int, total: int) -> Iterator[None]:
        """In its block all that `advance` is told of counts as the work from `start` to `end` of `total`."""
        whole = self.advance

        num_all = total

        def advance(done: int, total: int, note: str = "") -> None:
            whole(start + (end - start) * done // max(total, 1), num_all, note)

        self.advance = advance
        try:
            yield
        finally:
            self.advance = whole

    def request_stop(self) -> None:
        """Ask the stage to save and leave at its next chance; a signal handler may call this."""
        self._stop.set()

    @property
    def is_stop_requested(self) -> bool:
        """Whether the stage was asked to leave; for one that must end what it began before it can save."""
        return self._stop.is_set()

    def is_save_due(self) -> bool:
        """Whether the stage should save now: some time has passed since it last did, or it was asked to stop."""
        return self._stop.is_set() or time.monotonic() - self._saved_at >= self.checkpoint_seconds

    def saved(self) -> None:
        """Note that the stage has saved.

        Raises:
            Stopped: if it was asked to stop.
        """
        self._saved_at = time.monotonic()
        if self._stop.is_set():
            raise Stopped


def checkpoints_of(out: Path) -> Path:
    """Where a stage that writes its files into `out` keeps what it needs to go on."""
    return out / CHECKPOINTS
