"""Drawn batches kept on disk while a stage samples, so that it goes on where a killed process left it."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from synthscale.durable import rename_durably
from synthscale.policy.sampler import Continuation
from synthscale.session import Session
from synthscale.table import read_table, write_table

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """One continuation in a shard."""

    batch_index: int
    seconds: float  # that the batch took
    text: str
    num_tokens: int
    finished: bool


class ShardFolder:
    """The `Shards` of one call of a sampler, in a folder of its own; batches drawn since the last save share a file."""

    def __init__(self, folder: Path, session: Session) -> None:
        self.seconds = 0.0  # that the batches took which were loaded
        self.num_tokens = 0  # of the batches that were not
        self._folder = folder
        self._session = session
        self._rows: list[DrawnRow] = []
        self._since = time.perf_counter()

    def load(self) -> dict[int, list[Continuation]]:
        """All kept batches; a shard is whole or not there, since it got its name last, unless the disk damaged it."""
        batches: dict[int, list[Continuation]] = {}
        seconds: dict[int, float] = {}
        for path in sorted(self._folder.glob("[0-9]*.parquet")):
            try:
                rows = read_table(path, DrawnRow)
            except ValueError:
                log.warning("%s cannot be read, so its batches are drawn again.", path)
                continue
            for row in rows:
                batches.setdefault(row.batch_index, []).append(Continuation(row.text, row.num_tokens, row.finished))
                seconds[row.batch_index] = row.seconds
        self.seconds = sum(seconds.values())
        self._since = time.perf_counter()
        return batches

    def keep(self, batch_index: int, continuations: list[Continuation]) -> None:
        """Take the batch, and write all since the last shard if a save is due."""
        now = time.perf_counter()
        self._rows += [DrawnRow(batch_index, now - self._since, **asdict(c)) for c in continuations]
        self._since = now
        self.num_tokens += sum(c.num_tokens for c in continuations)
        if self._session.is_save_due():
            self._write()
            self._session.saved()

    def finish(self) -> None:
        """Write what no save was due for: its stage may go on with other prompts, and never come back to these."""
        if self._rows:
            self._write()

    def _write(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._rows[-1].batch_index:08d}.parquet"
        write_table(path.with_name(f".{path.name}"), DrawnRow, self._rows)
        rename_durably(path.with_name(f".{path.name}"), path)
        self._rows = []
