"""Prompts that begin one another: of those only the longest has to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chain:
    """Prompts that are each the beginning of the longest among them, as the prefixes of one solution are."""

    source: list[int]  # the longest one's tokens
    prompts: list[int]  # indices


def find_chains(prompts_ids: Sequence[list[int]]) -> list[Chain]:
    """Every prompt in one chain; short chains first, so that neighbours are about as long.

    In lexicographic order a prompt that begins others stands right before them, so it begins the next one's source.
    """
    chains: list[Chain] = []
    for index in sorted(range(len(prompts_ids)), key=lambda i: prompts_ids[i], reverse=True):
        ids = prompts_ids[index]
        if not chains or chains[-1].source[: len(ids)] != ids:
            chains.append(Chain(ids, []))
        chains[-1].prompts.append(index)
    return sorted((Chain(c.source, sorted(c.prompts)) for c in chains), key=lambda c: (len(c.source), c.prompts[0]))


def in_batches(chains: Sequence[Chain], max_prompts: int) -> Iterator[list[int]]:
    """The prompts' indices, chain by chain, at most so many together; a chain is split only if it is longer."""
    max_prompts = max(1, max_prompts)
    batch: list[int] = []
    for chain in chains:
        if batch and len(batch) + len(chain.prompts) > max_prompts:
            yield batch
            batch = []
        batch += chain.prompts
        while len(batch) > max_prompts:
            yield batch[:max_prompts]
            batch = batch[max_prompts:]
    if batch:
        yield batch
