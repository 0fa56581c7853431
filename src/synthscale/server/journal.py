"""Every answer on disk as it comes, so that nothing which was paid for and received is asked for again.

One JSON line each, appended and flushed: after kill -9 at most the line that was being written is torn, and is cut off
by the next process. Lines are written for a request that is sent (where a budget needs it), for one that was refused or
never reached the server, and for one that was answered; what was sent and has no end may have been paid for.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from synthscale.server.request import Choice
from synthscale.session import JOURNAL_SUFFIX

log = logging.getLogger(__name__)
SECONDS_BETWEEN_SYNCS = 1.0  # what a power cut may cost; a kill costs nothing


class Journal:
    """The answers of one artifact, in a file that the study's store keeps when the stage fails.

    Attributes:
        unended: what each request may cost at most that was sent and has no end, by its number.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != JOURNAL_SUFFIX:
            raise AssertionError(f"{path} must end in {JOURNAL_SUFFIX}, so that a failed stage leaves it in place")
        self.path = path
        self.unended: dict[int, float] = {}
        self._samples: dict[tuple[str, str], dict[int, Choice]] = {}
        self._next = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self.answers = list(self._read()) if path.exists() else []
        self._file = path.open("ab")
        self._synced_at, self._dirty = time.monotonic(), False

    def samples(self, key: str, fingerprint: str) -> dict[int, Choice]:
        """The samples of a request that are there, by their index."""
        return self._samples.get((key, fingerprint), {})

    def sent(self, at_most: float) -> int:
        """Note that a request goes out which may cost so much; its number."""
        self._next += 1
        self.unended[self._next] = at_most
        self._append({"kind": "sent", "number": self._next, "at_most": at_most})
        return self._next

    def refused(self, number: int | None) -> None:
        """Note that it costs nothing."""
        if number is not None and self.unended.pop(number, None) is not None:
            self._append({"kind": "refused", "number": number})

    def answered(
        self,
        number: int | None,
        key: str,
        fingerprint: str,
        start: int,
        choices: list[Choice],
        figures: Mapping[str, float],
    ) -> None:
        """Keep an answer: the samples from `start` on, and its figures."""
        samples = [[choice.text, choice.finished, choice.num_tokens] for choice in choices]
        names = {"key": key, "request": fingerprint, "start": start}
        record = {"kind": "answered", "number": number, **names, **figures, "samples": samples}
        self._append(record)
        self._take(record)

    def sync(self, *, now: bool = False) -> None:
        """Flush to the disk what was written, if the last time was a second ago or `now`."""
        if self._dirty and (now or time.monotonic() - self._synced_at >= SECONDS_BETWEEN_SYNCS):
            os.fsync(self._file.fileno())
            self._synced_at, self._dirty = time.monotonic(), False

    def close(self) -> None:
        """Flush and close."""
        if not self._file.closed:
            self.sync(now=True)
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        self._dirty = True

    def _take(self, record: dict[str, Any]) -> None:
        """Put an answer's samples in their places; the first of two with one index stays."""
        if record["number"] is not None:
            self.unended.pop(record["number"], None)
        samples = self._samples.setdefault((record["key"], record["request"]), {})
        for i, (text, finished, num_tokens) in enumerate(record["samples"], record["start"]):
            samples.setdefault(i, Choice(text, finished, num_tokens))

    def _read(self) -> Iterator[dict[str, float]]:
        """Take all whole lines, cut a torn one off, and give the figures of the answers."""
        whole = 0
        with self.path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                try:
                    record = json.loads(line)
                    if record["kind"] == "sent":
                        self.unended[record["number"]] = record["at_most"]
                        self._next = max(self._next, record["number"])
                    elif record["kind"] == "refused":
                        self.unended.pop(record["number"], None)
                    else:
                        self._take(record)
                        yield {name: value for name, value in record.items() if isinstance(value, int | float)}
                except (ValueError, KeyError, TypeError):
                    log.warning("%s has a line that cannot be read; what it held is asked for again.", self.path)
            file.truncate(whole)
