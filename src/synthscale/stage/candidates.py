"""What compose may choose from: on disk, with nothing in memory but how many each problem has."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from synthscale.mixture.example import Example
from synthscale.table import TableWriter


class Candidates:
    """Examples of one kind, problem after problem; the first choice of each problem first."""

    def __init__(self, writer: TableWriter) -> None:
        self.counts = array("q")  # of each problem
        self._writer = writer

    def offer(self, examples: Sequence[Example]) -> None:
        """Add the next problem's."""
        self.counts.append(len(examples))
        self._writer.write(examples)

    @property
    def num(self) -> int:
        """How many there are."""
        return self._writer.num_rows


@contextmanager
def open_candidates(path: Path, without: Collection[str] = ()) -> Iterator[Candidates]:
    """Candidates in a new `.arrow` file, without some columns; it is whole when the block is left."""
    with TableWriter(path, Example, without) as writer:
        yield Candidates(writer)
