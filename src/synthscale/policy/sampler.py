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
from synthscale.policy.policy import end_ids, max_length
from synthscale.policy.prompter import Prompt, Prompter
from synthscale.policy.stop import Stop

SHRINK_SHARE = 0.75  # of the rows still going, under which the ended ones are taken out of the batch


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a policy wrote after a prompt."""

    text: str
    num_tokens: int  # that were drawn: the end-of-sequence token counted, and those of a stop text
    finished: bool  # ended by itself or at a stop text, not cut at the limit


@dataclass(frozen=True, slots=True)
class Decoded:
    """Rows of drawn tokens."""

    tokens_RT: Tensor
    num_tokens_R: Tensor  # of each row that were drawn
    finished_R: Tensor  # whether it ended before the limit, or with it


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

    def __init__(
        self,
        model: PreTrainedModel,
        prompter: Prompter,
        *,
        max_new_tokens: int,
        max_batch_rows: int,
        stop: Sequence[str] = (),
    ) -> None:
        self.model = model
        self.prompter = prompter
        self.tokenizer = prompter.tokenizer
        self.max_new_tokens = max_new_tokens
        self.max_batch_rows = max_batch_rows
        self.stop = Stop(self.tokenizer, stop)
        self.end_ids = end_ids(model, self.tokenizer)
        self.max_length = max_length(model)

    @classmethod
    def build(cls, config: SamplerConfig, model: PreTrainedModel, prompter: Prompter) -> Sampler:
        """A sampler with the config's limits."""
        return cls(
            model,
            prompter,
            max_new_tokens=config.max_new_tokens,
            max_batch_rows=config.max_batch_rows,
            stop=config.stop,
        )

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
        longest = max(map(len, prompts_ids), default=0)
        if self.max_length is not None and longest >= self.max_length:
            raise ValueError(
                f"the longest prompt has {longest} tokens, and the model takes {self.max_length} with the solution: "
                "choose another model, or leave such problems out."
            )
        num_done = 0
        kept = shards.load() if shards is not None else {}
        for batch_index, batch in enumerate(self._batches(prompts_ids, num_samples)):
            continuations = kept.get(batch_index)
            if continuations is None:
                # the batch's own seed: a run that starts in the middle draws what the whole run would have drawn
                generator = torch.Generator(self.model.device).manual_seed(seed * 1_000_003 + batch_index)
                input_ids = torch.tensor([prompts_ids[i] for i in batch], device=self.model.device)
                decoded = self._decode(input_ids, num_samples, temperature, generator)
                continuations = list(self._continuations(decoded))
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
    def _decode(
        self, input_ids_BT: Tensor, num_samples: int, temperature: float, generator: torch.Generator
    ) -> Decoded:
        """All continuations, B · num_samples rows of at most max_new_tokens, padded after the end."""
        num_rows, length, device = len(input_ids_BT) * num_samples, input_ids_BT.shape[1], input_ids_BT.device
        room = self.max_new_tokens if self.max_length is None else self.max_length - length
        num_new = min(self.max_new_tokens, room)  # where the model ends, the solution is cut too
        cache = allocated_cache(self.model.config.num_hidden_layers, length + num_new)
        logits = self._logits(input_ids_BT, cache).repeat_interleave(num_samples, dim=0)
        cache.batch_repeat_interleave(num_samples)
        tokens = torch.full((num_rows, num_new), self.tokenizer.pad_token_id, device=device)
        num_tokens = torch.zeros(num_rows, dtype=torch.long, device=device)
        finished = torch.zeros(num_rows, dtype=torch.bool, device=device)
        rows = torch.arange(num_rows, device=device)  # where in `tokens` each row of the batch stands
        for position in range(num_new):
            chosen = choose(logits, temperature, generator)
            going = rows[~finished[rows]]
            tokens[going, position] = chosen[~finished[rows]]
            num_tokens[going] = position + 1
            finished[going] = self._ends(tokens[going, : position + 1])
            ended = finished[rows]
            num_going = int((~ended).sum())
            if num_going == 0 or position + 1 == num_new:
                break
            if num_going < SHRINK_SHARE * len(rows):
                kept = torch.nonzero(~ended).squeeze(1)
                cache.batch_select_indices(kept)
                rows, chosen = rows[kept], chosen[kept]
            logits = self._logits(chosen[:, None], cache)
        return Decoded(tokens, num_tokens, finished)

    def _ends(self, tokens_RT: Tensor) -> Tensor:
        """Whether each row ends with the token that was drawn last, [R]."""
        is_end = torch.isin(tokens_RT[:, -1], torch.tensor(self.end_ids, device=tokens_RT.device))
        if self.stop.texts:
            is_end |= torch.tensor(self.stop.ends(tokens_RT.tolist()), device=is_end.device)
        return is_end

    def _logits(self, input_ids_BT: Tensor, cache: object) -> Tensor:
        output = self.model(input_ids=input_ids_BT, past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits_BV: Tensor = output.logits[:, -1].float()
        return logits_BV

    def _continuations(self, decoded: Decoded) -> Iterator[Continuation]:
        drawn = (decoded.tokens_RT.tolist(), decoded.num_tokens_R.tolist(), decoded.finished_R.tolist())
        rows = [row[:num_tokens] for row, num_tokens, _ in zip(*drawn, strict=True)]
        written = [row[:-1] if row[-1] in self.end_ids else row for row in rows]
        texts = self.tokenizer.batch_decode(written, skip_special_tokens=False)
        for row, text, finished in zip(rows, texts, drawn[2], strict=True):
            yield Continuation(self.stop.cut(text), len(row), finished)


def choose(logits_BV: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One token a row, [B]: the likeliest at temperature 0, else a draw from softmax(logits / temperature)."""
    if temperature == 0:
        return logits_BV.argmax(dim=-1)
    probabilities = torch.softmax(logits_BV / temperature, dim=-1)
    return torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
