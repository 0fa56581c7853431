"""Prompts that a model goes on from, a token of every row at a time, by a cache in which rows share their prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synthscale.policy.batch import Forward
from synthscale.policy.prefixes import find_chains
from synthscale.policy.shared_prefix import PREFILL_TOKENS, Rows, SharedPrefixCache

Ints = npt.NDArray[np.int64]
SOURCES_SHARE = 0.75  # of the sources still gone on from, under which the others are dropped


class SharedDecoder:
    """Reads the prompts, all but their last tokens, which the rows begin with."""

    def __init__(self, forward: Forward, prompts_ids: Sequence[list[int]], device: torch.device) -> None:
        chains = find_chains(prompts_ids)
        sources = [chain.source[:-1] for chain in chains]
        self.last_tokens: Ints = np.array([ids[-1] for ids in prompts_ids], dtype=np.int64)
        self._forward, self._device = forward, device
        self._length: Ints = np.array([len(ids) - 1 for ids in prompts_ids], dtype=np.int64)
        self._source: Ints = np.empty(len(prompts_ids), dtype=np.int64)
        for number, chain in enumerate(chains):
            self._source[chain.prompts] = number
        self.cache = SharedPrefixCache(len(sources), max(map(len, sources)))
        self._read(sources)

    def set_rows(self, prompts: Ints, max_rows: int, copies: tuple[Ints, Ints] | None = None) -> None:
        """The rows from here on, by the prompts that they go on from; some may be copies of others, (from, to).

        There may be more of them later, but no more than `max_rows`.
        """
        self.cache.max_rows = max_rows
        if copies is not None and len(copies[0]):
            self.cache.copy_rows(*map(self._tensor, copies))
        sources = self._source[prompts]
        live = np.unique(sources)
        if len(live) < SOURCES_SHARE * self.cache.num_sources:
            self.cache.keep_sources(self._tensor(live))
            self._source = np.searchsorted(live, self._source)  # those of other prompts are not asked for again
            sources = self._source[prompts]
        rank, num_ranks = ranks(sources)
        length = self._tensor(self._length[prompts])
        num_prefix = self.cache.num_prefix
        bias = None
        if (self._length[prompts] < num_prefix).any():
            unseen = torch.arange(num_prefix, device=self._device) >= length[:, None]
            bias = torch.zeros(unseen.shape, device=self._device).masked_fill_(unseen, -torch.inf)[:, None, None]
        self.cache.rows = Rows(self._tensor(sources), length, self._tensor(rank), num_ranks, bias)

    def step(self, tokens_R: Tensor) -> Tensor:
        """The logits, [R, V], after each row's next token."""
        rows = self.cache.rows
        assert rows is not None
        positions_R1 = (rows.length_R + self.cache.column)[:, None]
        logits_R1V = self._run(tokens_R[:, None], positions_R1)
        self.cache.column += 1
        return logits_R1V[:, -1]

    def _read(self, sources: Sequence[list[int]]) -> None:
        length = self.cache.num_prefix
        if length == 0:
            return
        size = max(1, PREFILL_TOKENS // length)
        positions_1T = torch.arange(length, device=self._device)[None]
        for start in range(0, len(sources), size):
            part = sources[start : start + size]
            ids_BT = torch.zeros((len(part), length), dtype=torch.long)  # what is behind a source is never seen
            for row, ids in enumerate(part):
                ids_BT[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
            self.cache.reading = slice(start, start + len(part))
            self._run(ids_BT.to(self._device), positions_1T.expand(len(part), -1))

    def _run(self, ids_BT: Tensor, positions_BT: Tensor) -> Tensor:
        return self._forward(
            input_ids=ids_BT,
            position_ids=positions_BT,
            cache=self.cache,
            use_cache=True,
            logits_to_keep=1,
            shared_prefix_cache=self.cache,
        )

    def _tensor(self, numbers: Ints) -> Tensor:
        return torch.from_numpy(numbers).to(self._device)


def ranks(groups: Ints) -> tuple[Ints, int]:
    """Each item's place among those of its group, from 0, and the size of the largest group."""
    order = np.argsort(groups, kind="stable")
    _, sizes = np.unique(groups, return_counts=True)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    rank = np.empty(len(groups), dtype=np.int64)
    rank[order] = np.arange(len(groups)) - starts
    return rank, int(sizes.max())
