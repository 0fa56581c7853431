"""Decoding in which samples of one prompt are one row for as long as they have drawn the same tokens.

The model's answer to what they share is computed once; each sample draws from it by itself, and where samples part the
row branches. So the draws are as independent as ever, and a policy that is sure of most tokens costs a few rows a
prompt. Rows are dealt out anew on the host after every token, which suits a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from synthscale.policy.batch import Batch, Decoded, Endings, Forward
from synthscale.policy.draws import draw_tokens
from synthscale.policy.shared_decoder import Ints, SharedDecoder, ranks


def decode_distinct(forward: Forward, batch: Batch, endings: Endings) -> Decoded:
    """All samples of a batch, by a model on a CPU."""
    prompts, prompt_N = _distinct(batch)
    limit_N = np.repeat(np.array(batch.limits), batch.num_samples)
    num_samples, num_steps = len(prompt_N), int(limit_N.max())
    decoder = SharedDecoder(forward, prompts, batch.generator.device)
    tokens_NT = np.zeros((num_samples, num_steps), dtype=np.int64)
    num_tokens_N, finished_N = np.zeros(num_samples, dtype=np.int64), np.zeros(num_samples, dtype=bool)
    going, row_of_going = np.arange(num_samples), prompt_N  # samples, and where among the rows each stands
    prompt_R, input_R = np.arange(len(prompts)), decoder.last_tokens
    places, shortest = Places.among(row_of_going), int(limit_N.min())
    copies = None
    is_new = True
    for step in range(num_steps):
        if is_new:
            decoder.set_rows(prompt_R, len(going), copies)
        logits_RV = decoder.step(torch.from_numpy(input_R))
        drawn = _drawn(logits_RV, batch, going, places)
        tokens_NT[going, step] = drawn
        num_tokens_N[going] = step + 1
        input_R = drawn[places.first_R]
        may_end = endings.stop.texts or step + 1 >= shortest or np.isin(input_R, endings.end_ids).any()
        if not may_end and np.array_equal(input_R[row_of_going], drawn):  # the samples of each row drew alike
            is_new = False
            continue
        # what samples of one row drew alike is a child of that row
        vocabulary = logits_RV.shape[-1]
        children, first, child_of_going = np.unique(
            row_of_going * vocabulary + drawn, return_index=True, return_inverse=True
        )
        parent_C, token_C = children // vocabulary, children % vocabulary
        ends_C = np.isin(token_C, endings.end_ids)
        if endings.stop.texts:
            ends_C |= endings.stop.ends(tokens_NT[going[first], : step + 1].tolist())
        finished_N[going] = ends_C[child_of_going]
        goes_on = ~ends_C[child_of_going] & (limit_N[going] > step + 1)
        if not goes_on.any():
            break
        kept_C = np.zeros(len(children), dtype=bool)
        kept_C[child_of_going[goes_on]] = True
        slot_C = np.full(len(children), -1)
        slot_C[kept_C] = slots(parent_C[kept_C])
        order = np.argsort(slot_C[kept_C])
        parent_R, input_R = parent_C[kept_C][order], token_C[kept_C][order]
        moved = np.flatnonzero(parent_R != np.arange(len(parent_R)))
        is_new = len(parent_R) != len(prompt_R) or len(moved) > 0
        copies, prompt_R = (parent_R[moved], moved), prompt_R[parent_R]
        going, row_of_going = going[goes_on], slot_C[child_of_going[goes_on]]
        places, shortest = Places.among(row_of_going), int(limit_N[going].min())
    tokens = [row[:num] for row, num in zip(tokens_NT.tolist(), num_tokens_N.tolist(), strict=True)]
    return Decoded(tokens, finished_N.tolist())


@dataclass(frozen=True, slots=True)
class Places:
    """Where each sample that goes on stands: its row, and its place among the samples of that row."""

    row_N: Ints
    rank_N: Ints
    num_ranks: int
    first_R: Ints  # the first sample of each row

    @classmethod
    def among(cls, row_N: Ints) -> Places:
        """The places of samples that stand in these rows; no row is empty."""
        rank_N, num_ranks = ranks(row_N)
        is_first = rank_N == 0
        first_R = np.empty(int(is_first.sum()), dtype=np.int64)
        first_R[row_N[is_first]] = np.flatnonzero(is_first)
        return cls(row_N, rank_N, num_ranks, first_R)


def slots(parents: Ints) -> Ints:
    """Rows 0 … C−1 for C children, by their parents' rows in ascending order: as many as can be stay where they are."""
    num = len(parents)
    is_first = np.diff(parents, prepend=-1) != 0
    stays = is_first & (parents < num)
    free = np.ones(num, dtype=bool)
    free[parents[stays]] = False
    rows = parents.copy()
    rows[~stays] = np.flatnonzero(free)
    return rows


def _distinct(batch: Batch) -> tuple[list[list[int]], Ints]:
    """The distinct prompts, and each sample's among them."""
    numbers: dict[tuple[int, ...], int] = {}
    prompt_P = [numbers.setdefault(tuple(ids), len(numbers)) for ids in batch.prompts_ids]
    return [list(ids) for ids in numbers], np.repeat(np.array(prompt_P, dtype=np.int64), batch.num_samples)


def _drawn(logits_RV: Tensor, batch: Batch, going: Ints, places: Places) -> Ints:
    """A token for each sample that goes on, from the logits of its row."""
    uniforms_N = batch.uniforms()
    if uniforms_N is None:
        tokens: Ints = draw_tokens(logits_RV, None, batch.temperature)[:, 0].numpy()
        return tokens[places.row_N]
    uniforms_RK = np.zeros((len(logits_RV), places.num_ranks), dtype=np.float32)
    uniforms_RK[places.row_N, places.rank_N] = uniforms_N.numpy()[going]
    tokens = draw_tokens(logits_RV, torch.from_numpy(uniforms_RK), batch.temperature).numpy()
    return tokens[places.row_N, places.rank_N]
