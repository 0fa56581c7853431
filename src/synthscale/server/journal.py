"""Every answer on disk as it comes, so that nothing which was paid for and received is asked for again.

One JSON line each, appended and flushed: after kill -9 at most the line that was being written is torn, and is cut off
by the next process. Lines are written for a request that is sent (where a budget needs it), for one that was refused or
never reached the server, and for one that was answered; what was sent and has no end may have been paid for.

In memory are the places of the answers alone, so that a journal may grow to the answers of millions of requests.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from synthscale.server.request import Choice
from synthscale.session import JOURNAL_SUFFIX

log = logging.getLogger(__name__)
SECONDS_BETWEEN_SYNCS = 1.0  # what a power cut may cost; a kill costs nothing


class Place(NamedTuple):
    """Where an answer stands in the file, and which of its request's samples it holds."""

    offset: int  # in bytes
    start: int
    num_samples: int


class Journal:
    """The answers of one artifact, in a file that the study's store keeps when the stage fails.

    Args:
        on_answer: told the figures of each answer that is there already.

    Attributes:
        unended: what each request may cost at most that was sent and has no end, by its number.
    """

    def __init__(self, path: Path, on_answer: Callable[[Mapping[str, float]], None] = lambda figures: None) -> None:
        if path.suffix != JOURNAL_SUFFIX:
            raise AssertionError(f"{path} must end in {JOURNAL_SUFFIX}, so that a failed stage leaves it in place")
        self.path = path
        self.unended: dict[int, float] = {}
        self._places: dict[bytes, tuple[Place, ...]] = {}
        self._next = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self._read(on_answer)
        self._file = path.open("a+b")
        self._end = self._file.seek(0, os.SEEK_END)
        self._synced_at, self._dirty = time.monotonic(), False

    def indices(self, key: str, fingerprint: str) -> set[int]:
        """Which samples of a request are there."""
        places = self._places.get(digest(key, fingerprint), ())
        return {i for place in places for i in range(place.start, place.start + place.num_samples)}

    def samples(self, key: str, fingerprint: str) -> dict[int, Choice]:
        """The samples of a request that are there, by their index; of two with one index the first."""
        found: dict[int, Choice] = {}
        for place in self._places.get(digest(key, fingerprint), ()):
            self._file.seek(place.offset)
            for i, sample in enumerate(json.loads(self._file.readline())["samples"], place.start):
                found.setdefault(i, Choice(*sample))
        return found

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
        offset = self._end
        self._append(record)
        self._take(record, offset)

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
        line = json.dumps(record).encode() + b"\n"
        self._file.write(line)
        self._file.flush()
        self._end += len(line)
        self._dirty = True

    def _take(self, record: dict[str, Any], offset: int) -> None:
        """Note the place of an answer, which the line at the offset holds.

        Raises:
            ValueError, KeyError, TypeError: if it is none.
        """
        for text, finished, num_tokens in record["samples"]:
            if (type(text), type(finished), type(num_tokens)) != (str, bool, int):
                raise TypeError("no sample")
        name, place = digest(record["key"], record["request"]), Place(offset, record["start"], len(record["samples"]))
        if record["number"] is not None:
            self.unended.pop(record["number"], None)
        self._places[name] = (*self._places.get(name, ()), place)

    def _read(self, on_answer: Callable[[Mapping[str, float]], None]) -> None:
        """Take all whole lines, and cut a torn one off."""
        whole = 0
        with self.path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                offset, whole = whole, whole + len(line)
                try:
                    record = json.loads(line)
                    if record["kind"] == "sent":
                        self.unended[record["number"]] = record["at_most"]
                        self._next = max(self._next, record["number"])
                    elif record["kind"] == "refused":
                        self.unended.pop(record["number"], None)
                    else:
                        self._take(record, offset)
                        on_answer({name: value for name, value in record.items() if isinstance(value, int | float)})
                except (ValueError, KeyError, TypeError):
                    log.warning("%s has a line that cannot be read; what it held is asked for again.", self.path)
            file.truncate(whole)


def digest(key: str, fingerprint: str) -> bytes:
    """What a request is known by in memory."""
    return hashlib.blake2b(f"{key}\n{fingerprint}".encode(), digest_size=16).digest()
