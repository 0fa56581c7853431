"""Encoded examples in files that are mapped into memory, so that a training set may be larger than the memory.

`ids.i32` holds the tokens of all sequences one behind the other, `places.bin` where each example's are and which of
them count: those of one stretch, be it a solution or the one token at which two sides part. `advantages.f32` holds the
advantage of each token's step, 0 where an example has none, and is empty where none of them has any.
"""

from __future__ import annotations

import hashlib
import shutil
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from synthscale.durable import rename_durably, sync_tree
from synthscale.training.encoding import EncodedExample, EncodedSide

IDS, PLACES, ADVANTAGES = "ids.i32", "places.bin", "advantages.f32"
PLACE = np.dtype(
    [
        ("start", "<i8"),  # of the example's tokens in `ids.i32`: the chosen side's, then the rejected one's
        ("length", "<i4", 2),  # of both sides; a positive has no tokens in the second
        ("counted_from", "<i4", 2),
        ("counted_to", "<i4", 2),
    ]
)
EXAMPLES_PER_WRITE = 8192


class Tokens(Sequence[EncodedExample]):
    """The examples of a folder that `write_tokens` has written, or some of them."""

    def __init__(self, folder: Path) -> None:
        self._ids = _mapped(folder / IDS, np.dtype("<i4"))
        self._places = _mapped(folder / PLACES, PLACE)
        self._advantages = _mapped(folder / ADVANTAGES, np.dtype("<f4"))

    @property
    def is_pair(self) -> NDArray[np.bool_]:
        """Whether each example is a pair."""
        return np.asarray(self._places["length"][:, 1] > 0)

    @property
    def longest(self) -> int:
        """Tokens of the longest side."""
        return int(self._places["length"].max(initial=0))

    def digest(self) -> str:
        """A hash of all tokens, of which of them count, and of their steps' advantages, if any have some."""
        digest = hashlib.sha256()
        for values in (self._ids, self._places, *([self._advantages] if len(self._advantages) else [])):
            digest.update(f"{len(values)}\n".encode())
            digest.update(values.view(np.uint8).data)
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> EncodedExample: ...
    @overload
    def __getitem__(self, index: slice) -> list[EncodedExample]: ...
    def __getitem__(self, index: int | slice) -> EncodedExample | list[EncodedExample]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = self._places[index]
        start, sides = int(place["start"]), []
        for length, first, end in zip(*(place[name].tolist() for name in PLACE.names[1:]), strict=True):  # type: ignore[index]
            if length:
                counted = [False] * first + [True] * (end - first) + [False] * (length - end)
                advantages = self._advantages[start : start + length].tolist() or None
                sides.append(EncodedSide(self._ids[start : start + length].tolist(), counted, advantages))
            start += length
        return EncodedExample(tuple(sides))


class Chosen(Sequence[EncodedExample]):
    """Some of the examples, by index."""

    def __init__(self, examples: Sequence[EncodedExample], indices: NDArray[np.int64]) -> None:
        self._examples, self._indices = examples, indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> EncodedExample: ...
    @overload
    def __getitem__(self, index: slice) -> list[EncodedExample]: ...
    def __getitem__(self, index: int | slice) -> EncodedExample | list[EncodedExample]:
        if isinstance(index, slice):
            return [self._examples[int(i)] for i in self._indices[index]]
        return self._examples[int(self._indices[index])]


def positives_of(examples: Sequence[EncodedExample]) -> Chosen:
    """The positives in their order."""
    return Chosen(examples, np.flatnonzero(~pair_mask(examples)))


def pairs_of(examples: Sequence[EncodedExample]) -> Chosen:
    """The pairs in their order."""
    return Chosen(examples, np.flatnonzero(pair_mask(examples)))


def pair_mask(examples: Sequence[EncodedExample]) -> NDArray[np.bool_]:
    """Whether each example is a pair."""
    if isinstance(examples, Tokens):
        return examples.is_pair
    return np.fromiter((example.is_pair for example in examples), dtype=bool, count=len(examples))


def keep_tokens(folder: Path, encode: Callable[[], Iterable[EncodedExample]]) -> Tokens:
    """The examples that an earlier process has put into the folder, or else what `encode` gives, put there now."""
    if not folder.exists():
        temporary = folder.with_name(f".{folder.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        write_tokens(temporary, encode())
        sync_tree(temporary)
        rename_durably(temporary, folder)
    return Tokens(folder)


def write_tokens(folder: Path, examples: Iterable[EncodedExample]) -> None:
    """Write examples into a new folder, in a stream.

    Raises:
        ValueError: if the counted tokens of a side do not stand together.
    """
    folder.mkdir(parents=True)
    stream, end = iter(examples), 0
    with (
        (folder / IDS).open("wb") as ids_file,
        (folder / PLACES).open("wb") as places_file,
        (folder / ADVANTAGES).open("wb") as advantages_file,
    ):
        while batch := list(islice(stream, EXAMPLES_PER_WRITE)):
            ids, places = array("i"), np.empty(len(batch), PLACE)
            for i, example in enumerate(batch):
                places[i] = (end + len(ids), *zip(*_stretches(example), strict=True))
                for side in example.sides:
                    if side.advantages is not None:  # what is not written before them reads as zeros
                        advantages_file.seek(4 * (end + len(ids)))
                        advantages_file.write(np.asarray(side.advantages, dtype="<f4").tobytes())
                    ids.extend(side.ids)
            end += len(ids)
            ids_file.write(np.asarray(ids, dtype="<i4").tobytes())
            places_file.write(places.tobytes())
        if advantages_file.tell():
            advantages_file.truncate(4 * end)


def _stretches(example: EncodedExample) -> list[tuple[int, int, int]]:
    """Of both sides the length, and where the counted tokens begin and end; zeros for a side that is not there."""
    found = []
    for side in example.sides:
        first = side.counted.index(True) if True in side.counted else 0
        end = first + side.num_counted
        if not all(side.counted[first:end]):
            raise ValueError("the counted tokens of a sequence do not stand together, so they cannot be kept.")
        found.append((len(side.ids), first, end))
    return [*found, (0, 0, 0)][:2]


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.memmap(path, dtype, mode="r") if path.exists() and path.stat().st_size else np.empty(0, dtype)
