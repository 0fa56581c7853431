"""Continuations for more prompts than memory has room for: drawn chunk by chunk, kept chunk by chunk.

A chunk ends with the problem by which it has so many continuations, whatever was asked to stop and when, so the chunks
of a stage that goes on are those of the one that was killed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from synthscale.session import Session, checkpoints_of

if TYPE_CHECKING:
    from synthscale.policy.open_sampler import PolicySampler
    from synthscale.policy.prompter import Prompt
    from synthscale.policy.sampler import Continuation

NUM_DRAWS_AT_ONCE = 2**19  # continuations of a chunk, all in memory together: some 200 bytes each, and their text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A problem's prompts, the problem's place among all, and what the stage wants back with their continuations."""

    item: T
    place: int
    prompts: list[Prompt]


@dataclass(frozen=True, slots=True)
class Drawing:
    """How continuations are drawn, and of how many problems in all."""

    num_each: int
    temperature: float
    seed: int
    num_problems: int

    def run(
        self, sampler: PolicySampler, asked: Iterable[Asked[T]], out: Path, session: Session
    ) -> Iterator[tuple[T, list[list[Continuation]]]]:
        """Every item with the continuations of each of its prompts, in the items' order.

        Raises:
            Stopped: if the session was asked to stop; what was drawn so far is kept in the checkpoints of `out`.
        """
        num_done = 0
        chunks = in_chunks(asked, lambda one: len(one.prompts) * self.num_each, NUM_DRAWS_AT_ONCE)
        for number, chunk in enumerate(chunks):
            end = chunk[-1].place + 1
            with session.part(num_done, end, self.num_problems):
                drawn = sampler.sample(
                    [prompt for one in chunk for prompt in one.prompts],
                    self.num_each,
                    temperature=self.temperature,
                    seed=chunk_seed(self.seed, number),
                    keep=checkpoints_of(out) / f"{number:05d}",
                )
            num_done = end
            yield from deal_out(chunk, drawn)


def deal_out(
    chunk: Sequence[Asked[T]], drawn: Sequence[list[Continuation]]
) -> Iterator[tuple[T, list[list[Continuation]]]]:
    """Each item with its prompts' continuations."""
    start = 0
    for one in chunk:
        yield one.item, list(drawn[start : start + len(one.prompts)])
        start += len(one.prompts)


def in_chunks(items: Iterable[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """The items in their order, in chunks that end with the item by which their sizes add up to `limit` or more."""
    chunk: list[T] = []
    total = 0
    for item in items:
        chunk.append(item)
        total += size(item)
        if total >= limit:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk


def round_seed(seed: int, chunk: int, number: int) -> int:
    """The seed of one of several rounds of draws for the same chunk, below 2^40."""
    return int.from_bytes(hashlib.sha256(f"{seed} {chunk} {number}".encode()).digest()[:5])


def chunk_seed(seed: int, chunk: int) -> int:
    """The seed that a chunk's continuations are drawn with: the stage's own for the first, then others below 2^40.

    (A sampler may multiply a seed by a million and add the number of a batch; 64 bits hold that.)
    """
    return seed if chunk == 0 else int.from_bytes(hashlib.sha256(f"{seed} {chunk}".encode()).digest()[:5])
