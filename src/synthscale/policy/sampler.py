"""Draws continuations from a policy in this process.

Prompts of one length are decoded together, so there is no padding; a prompt is read once for all its samples; rows that
have ended leave the batch; the cache is allocated once a batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from synthscale.policy.cache import allocated_cache
from synthscale.policy.config import SamplerConfig
from synthscale.policy.prompter import Prompt, Prompter

SHRINK_SHARE = 0.75  # of the rows still going, under which the ended ones are taken out of the batch


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a policy wrote after a prompt."""

    text: str
    num_tokens: int  # the end-of-sequence token counted
    finished: bool  # ended by itself, not cut at the limit


class Shards(Protocol):
    """Keeps the batches that are drawn, so that a process that follows a killed one draws the others only."""

    def load(self) -> Mapping[int, list[Continuation]]:
        """The kept continuations, by the number of their batch."""
        ...

    def keep(self, batch_index: int, continuations: list[Continuation]) -> None:
        """Keep a batch."""
        ...


class Sampler:
    """Samples continuations of prompts from one policy; the same seed gives the same continuations on a CPU."""

    def __init__(self, model: PreTrainedModel, prompter: Prompter, *, max_new_tokens: int, max_batch_rows: int) -> None:
        self.model = model
        self.prompter = prompter
        self.tokenizer = prompter.tokenizer
        self.max_new_tokens = max_new_tokens
        self.max_batch_rows = max_batch_rows

    @classmethod
    def build(cls, config: SamplerConfig, model: PreTrainedModel, prompter: Prompter) -> Sampler:
        """A sampler with the config's limits."""
        return cls(model, prompter, max_new_tokens=config.max_new_tokens, max_batch_rows=config.max_batch_rows)

    def sample(
        self,
        prompts: Sequence[Prompt],
        num_samples: int,
        *,
        temperature: float,
        seed: int,
        advance: Callable[[int, int], None] = lambda done, total: None,
        shards: Shards | None = None,
    ) -> list[list[Continuation]]:
        """Continuations of each prompt, `num_samples` of them, in the prompts' order.

        A temperature of 0 is greedy decoding. `advance` is called with (prompts done, prompts in all). The
        `shards` must be of these very prompts, this policy and this seed.
        """
        results: list[list[Continuation]] = [[] for _ in prompts]
        prompts_ids = [self.prompter.ids(prompt) for prompt in prompts]
        num_done = 0
        kept = shards.load() if shards is not None else {}
        for batch_index, batch in enumerate(self._batches(prompts_ids, num_samples)):
            continuations = kept.get(batch_index)
            if continuations is None:
                # the batch's own seed: a run that starts in the middle draws what the whole run would have drawn
                generator = torch.Generator(self.model.device).manual_seed(seed * 1_000_003 + batch_index)
                input_ids = torch.tensor([prompts_ids[i] for i in batch], device=self.model.device)
                tokens = self._decode(input_ids, num_samples, temperature, generator)
                continuations = list(self._continuations(tokens))
                if shards is not None:
                    shards.keep(batch_index, continuations)
            for row, continuation in enumerate(continuations):
                results[batch[row // num_samples]].append(continuation)
            num_done += len(batch)
            advance(num_done, len(prompts))
        return results

    def _batches(self, prompts_ids: list[list[int]], num_samples: int) -> Iterator[list[int]]:
        """Indices of prompts of one length, at most `max_batch_rows` samples together."""
        by_length: dict[int, list[int]] = defaultdict(list)
        for i, ids in enumerate(prompts_ids):
            by_length[len(ids)].append(i)
        for length in sorted(by_length):
            indices, size = by_length[length], max(1, self.max_batch_rows // num_samples)
            yield from (indices[start : start + size] for start in range(0, len(indices), size))

    @torch.inference_mode()
    def _decode(self, input_ids_BT: Tensor, num_samples: int, temperature: float, generator: torch.Generator) -> Tensor:
        """Token ids of all continuations, [B · num_samples, max_new_tokens], padded after the end."""
        num_rows, length = len(input_ids_BT) * num_samples, input_ids_BT.shape[1]
        cache = allocated_cache(self.model.config.num_hidden_layers, length + self.max_new_tokens)
        logits = self._logits(input_ids_BT, cache).repeat_interleave(num_samples, dim=0)
        cache.batch_repeat_interleave(num_samples)
        eos = self.tokenizer.eos_token_id
        tokens = torch.full((num_rows, self.max_new_tokens), self.tokenizer.pad_token_id, device=input_ids_BT.device)
        rows = torch.arange(num_rows, device=input_ids_BT.device)  # where in `tokens` each row of the batch stands
        ended = torch.zeros(num_rows, dtype=torch.bool, device=input_ids_BT.device)
        for position in range(self.max_new_tokens):
            chosen = choose(logits, temperature, generator)
            tokens[rows[~ended], position] = chosen[~ended]
            ended = ended | (chosen == eos)
            num_going = int((~ended).sum())
            if num_going == 0 or position + 1 == self.max_new_tokens:
                break
            if num_going < SHRINK_SHARE * len(rows):
                going = torch.nonzero(~ended).squeeze(1)
                cache.batch_select_indices(going)
                rows, chosen, ended = rows[going], chosen[going], ended[going]
            logits = self._logits(chosen[:, None], cache)
        return tokens

    def _logits(self, input_ids_BT: Tensor, cache: object) -> Tensor:
        output = self.model(input_ids=input_ids_BT, past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits_BV: Tensor = output.logits[:, -1].float()
        return logits_BV

    def _continuations(self, tokens_RT: Tensor) -> Iterator[Continuation]:
        eos = self.tokenizer.eos_token_id
        rows = [row[: row.index(eos)] if eos in row else row for row in tokens_RT.tolist()]
        texts = self.tokenizer.batch_decode(rows, skip_special_tokens=False)
        for ids, text in zip(rows, texts, strict=True):
            finished = len(ids) < tokens_RT.shape[1]
            yield Continuation(text, len(ids) + finished, finished)


def choose(logits_BV: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One token a row, [B]: the likeliest at temperature 0, else a draw from softmax(logits / temperature)."""
    if temperature == 0:
        return logits_BV.argmax(dim=-1)
    probabilities = torch.softmax(logits_BV / temperature, dim=-1)
    return torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
