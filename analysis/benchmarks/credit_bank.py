"""Thousands of rollouts from every prefix of a run's negatives, at the cost of dozens: the bank that searches draw on.

Rollouts that have written the same so far are one row with a count; at every token a count is dealt out over the
vocabulary by one multinomial draw. The counts of what is written in the end are distributed exactly as those of as many
independent rollouts, and a policy that is nearly sure of itself leaves few rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DynamicCache, PreTrainedModel

from synthscale.policy.config import PolicyConfig
from synthscale.policy.policy import cache_argument, end_ids, load_policy
from synthscale.policy.prompter import Prompt, Prompter

PROMPTS_AT_ONCE = 256

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CountedRow:
    """So many rollouts from a prefix wrote the same."""

    prompt: int  # which of the prompts
    text: str
    finished: bool
    count: int


def counted_rollouts(
    policy: Path, prompts: Sequence[Prompt], num_rollouts: int, *, max_new_tokens: int, seed: int
) -> Iterator[CountedRow]:
    """What `num_rollouts` independent rollouts of each prompt write at temperature 1, alike ones counted together."""
    model, tokenizer = load_policy(policy, PolicyConfig(), device="cpu")
    prompter, generator = Prompter(tokenizer, PolicyConfig()), np.random.default_rng(seed)
    by_length: dict[int, list[int]] = defaultdict(list)
    all_ids = [prompter.ids(prompt) for prompt in prompts]
    for i, ids in enumerate(all_ids):
        by_length[len(ids)].append(i)
    ends = np.array(end_ids(model, tokenizer))
    for length in sorted(by_length):
        for start in range(0, len(by_length[length]), PROMPTS_AT_ONCE):
            batch = by_length[length][start : start + PROMPTS_AT_ONCE]
            tokens = np.array([all_ids[i] for i in batch])
            for row, count, finished in _grow(model, tokens, num_rollouts, max_new_tokens, ends, generator):
                text = str(tokenizer.decode(row[1], skip_special_tokens=False))
                yield CountedRow(batch[row[0]], text, finished, count)


@torch.inference_mode()
def _grow(
    model: PreTrainedModel, prompts_BT: Ints, num: int, max_new: int, ends: Ints, generator: np.random.Generator
) -> Iterator[tuple[tuple[int, list[int]], int, bool]]:
    """(Which prompt, what was written), how often, and whether it ended."""
    cache, name = DynamicCache(), cache_argument(model)
    owners, counts = np.arange(len(prompts_BT)), np.full(len(prompts_BT), num)
    written_RT, inputs = np.empty((len(prompts_BT), 0), dtype=np.int64), prompts_BT
    for position in range(max_new):
        logits = model(**{name: cache}, input_ids=torch.tensor(inputs), use_cache=True, logits_to_keep=1).logits
        chances_RV = torch.softmax(logits[:, -1].double(), dim=-1).numpy()
        dealt_RV = generator.multinomial(counts, chances_RV / chances_RV.sum(axis=1, keepdims=True))
        parents, chosen = np.nonzero(dealt_RV)
        counts, owners = dealt_RV[parents, chosen], owners[parents]
        written_RT = np.concatenate([written_RT[parents], chosen[:, None]], axis=1)
        ended, last = np.isin(chosen, ends), position + 1 == max_new
        for i in np.flatnonzero(ended | last):
            row = written_RT[i, :-1] if ended[i] else written_RT[i]
            yield (int(owners[i]), row.tolist()), int(counts[i]), bool(ended[i])
        going = np.flatnonzero(~ended)
        if last or not len(going):
            return
        cache.batch_select_indices(torch.tensor(parents[going]))
        counts, owners, written_RT, inputs = counts[going], owners[going], written_RT[going], chosen[going, None]
