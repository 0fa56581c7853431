"""Near duplicates: MinHash (Broder 1997) with locality-sensitive hashing, and the exact similarity of what it finds.

A problem is the set of its shingles, runs of words with every number read as the same word: a copy with other numbers
is a near duplicate. datasketch makes the signatures, with permutations of a fixed seed. They are cut into bands; two
problems that agree in all of a band are compared by the Jaccard similarity of their shingles, so nothing is called a
near duplicate by chance, and one at the threshold is missed with a chance of at most `MISS`.

datasketch's own index keeps a Python set for each band of each problem, which is 4 GB for a million of them; here a
band is a sorted array of hashes, and a problem takes 8 bytes a band and 4 bytes a shingle, 0.5 GB for a million.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from datasketch import MinHash
from datasketch.hashfunc import sha1_hash32
from numpy.typing import NDArray

from synthscale.synthesis.words import masked, runs, words_of

NUM_PERMUTATIONS = 128
MISS = 0.01
PERMUTATION_SEED = 1
_NEWEST = 1 << 14  # members of a band that are kept apart until they are sorted in

Hashes = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Near:
    """The most similar problem that was found."""

    name: str
    similarity: float


class Neighbours:
    """Finds problems that are similar to a new one, among those that were added."""

    def __init__(self, similarity: float, shingle_words: int) -> None:
        self.similarity = similarity
        self.shingle_words = shingle_words
        self._rows = rows_of_a_band(similarity)
        self._bands = [Band() for _ in range(NUM_PERMUTATIONS // self._rows)]
        self._blank = MinHash(NUM_PERMUTATIONS, seed=PERMUTATION_SEED, hashfunc=int, scheme="affine32")
        odd = np.random.default_rng(PERMUTATION_SEED).integers(0, 2**63, self._rows, dtype=np.uint64) * 2 + 1
        self._factors = odd.astype(np.uint64)
        self._shingles: list[bytes] = []
        self._names: list[str] = []

    def nearest(self, text: str) -> Near | None:
        """The most similar one, the earliest of several; None where none reaches the threshold."""
        shingles = self._shingles_of(text)
        found = {member for band, key in self._keys(shingles) for member in band.find(key)}
        similarities = [(self._jaccard(shingles, member), -member) for member in found]
        similarity, member = max(similarities, default=(0.0, 0))
        return Near(self._names[-member], similarity) if similarity >= self.similarity else None

    def add(self, text: str, name: str) -> None:
        """Remember a problem under a name."""
        shingles = self._shingles_of(text)
        for band, key in self._keys(shingles):
            band.add(key, len(self._names))
        self._shingles.append(shingles.tobytes())
        self._names.append(name)

    def _shingles_of(self, text: str) -> Hashes:
        words = masked(words_of(text))
        shingles = runs(words, self.shingle_words) or [" ".join(words)]
        return np.unique(np.array([sha1_hash32(shingle.encode()) for shingle in shingles], dtype=np.uint32))

    def _keys(self, shingles: Hashes) -> list[tuple[Band, int]]:
        signature = self._blank.copy()
        signature.update_batch(shingles.tolist())
        rows = signature.hashvalues[: len(self._bands) * self._rows].reshape(-1, self._rows).astype(np.uint64)
        keys = (rows * self._factors).sum(axis=1, dtype=np.uint64) >> np.uint64(32)  # multiply and shift, modulo 2^64
        return list(zip(self._bands, keys.tolist(), strict=True))

    def _jaccard(self, shingles: Hashes, member: int) -> float:
        other = np.frombuffer(self._shingles[member], dtype=np.uint32)
        shared = len(np.intersect1d(shingles, other, assume_unique=True))
        return shared / (len(shingles) + len(other) - shared)


class Band:
    """Which members have a key: sorted arrays, and a dict of the newest."""

    def __init__(self) -> None:
        self._keys: Hashes = np.empty(0, np.uint32)
        self._members: Hashes = np.empty(0, np.uint32)
        self._newest: dict[int, list[int]] = {}
        self._num_newest = 0

    def find(self, key: int) -> list[int]:
        """The members with this key."""
        first, end = np.searchsorted(self._keys, np.uint32(key)), np.searchsorted(self._keys, np.uint32(key), "right")
        found: list[Any] = self._members[first:end].tolist()
        return found + self._newest.get(key, [])

    def add(self, key: int, member: int) -> None:
        """One more member."""
        self._newest.setdefault(key, []).append(member)
        self._num_newest += 1
        if self._num_newest == _NEWEST:
            self._sort_in()

    def _sort_in(self) -> None:
        pairs = [(key, member) for key, members in self._newest.items() for member in members]
        keys, members = np.array(pairs, np.uint32).T
        keys, members = np.concatenate([self._keys, keys]), np.concatenate([self._members, members])
        order = np.argsort(keys, kind="stable")
        self._keys, self._members = keys[order], members[order]
        self._newest, self._num_newest = {}, 0


def rows_of_a_band(similarity: float) -> int:
    """The most rows of a band with which one at this similarity is missed with a chance of at most `MISS`.

    Bands of r rows miss it with the chance (1 - s^r)^(n / r) (Leskovec, Rajaraman and Ullman, section 3.4).
    """
    rows = range(NUM_PERMUTATIONS, 1, -1)
    return next((r for r in rows if (1 - similarity**r) ** (NUM_PERMUTATIONS // r) <= MISS), 1)
