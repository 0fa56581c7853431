"""Draws continuations from a policy in this process.

Prompts are batched by length, whatever theirs are; each is read once for all its samples, and so are prompts that begin
one another; samples that have drawn the same tokens are decoded as one; those that have ended leave the batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from transformers import Cache, PreTrainedModel

from synthscale.policy.attending import attending_by
from synthscale.policy.batch import Batch, Decoded, Endings
from synthscale.policy.by_generate import decode_by_generate
from synthscale.policy.config import SamplerConfig
from synthscale.policy.distinct_rows import decode_distinct
from synthscale.policy.fixed_rows import decode_fixed
from synthscale.policy.policy import cache_argument, end_ids, max_length
from synthscale.policy.prefixes import find_chains, in_batches
from synthscale.policy.prompter import Prompt, Prompter
from synthscale.policy.shared_prefix import SHARED_PREFIX
from synthscale.policy.sharing import why_not_shared
from synthscale.policy.stop import Stop

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a policy wrote after a prompt."""

    text: str
    num_tokens: int  # that were drawn: the end-of-sequence token counted, and those of a stop text
    finished: bool  # ended by itself or at a stop text, not cut at the limit


class Shards(Protocol):
    """Keeps the batches that are drawn, so that a process that follows a killed one draws the others only."""

    def load(self) -> Mapping[int, list[Continuation]]:
        """The kept continuations, by the number of their batch."""
        ...

    def keep(self, batch_index: int, continuations: list[Continuation]) -> None:
        """Keep a batch."""
        ...


class Sampler:
    """Samples continuations of prompts from one policy; the same seed gives the same continuations on a CPU.

    A model whose attention or cache is not the plain one is decoded by transformers' `generate`, which takes longer,
    and a warning says so.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        prompter: Prompter,
        *,
        max_new_tokens: int,
        max_batch_rows: int,
        stop: Sequence[str] = (),
        fixed_rows: bool | None = None,
    ) -> None:
        """With `fixed_rows` samples never share a row: as on a GPU; by default that is where the model is."""
        self.model = model
        self.prompter = prompter
        self.tokenizer = prompter.tokenizer
        self.max_new_tokens = max_new_tokens
        self.max_batch_rows = max_batch_rows
        self.stop = Stop(self.tokenizer, stop)
        self.end_ids = end_ids(model, self.tokenizer)
        self.max_length = max_length(model)
        self.fixed_rows = fixed_rows
        self._cache_argument = cache_argument(model)
        self._decoding: Callable[[Batch], Decoded] | None = None

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
        for batch_index, batch in enumerate(in_batches(find_chains(prompts_ids), self.max_batch_rows // num_samples)):
            continuations = kept.get(batch_index)
            if continuations is None:
                # the batch's own seed: a run that starts in the middle draws what the whole run would have drawn
                generator = torch.Generator(self.model.device).manual_seed(seed * 1_000_003 + batch_index)
                decoded = self._decode([prompts_ids[i] for i in batch], num_samples, temperature, generator)
                continuations = list(self._continuations(decoded))
                if shards is not None:
                    shards.keep(batch_index, continuations)
            for row, continuation in enumerate(continuations):
                results[batch[row // num_samples]].append(continuation)
            num_done += len(batch)
            advance(num_done, len(prompts))
        return results

    def _decode(
        self, prompts_ids: list[list[int]], num_samples: int, temperature: float, generator: torch.Generator
    ) -> Decoded:
        """All continuations; sample n is of prompt n // num_samples."""
        repeats = 1 if temperature else num_samples  # greedy samples of one prompt are all alike
        limits = [min(self.max_new_tokens, self._room(ids)) for ids in prompts_ids]
        pad_id = int(self.tokenizer.pad_token_id)  # load_policy sees to it that there is one
        batch = Batch(prompts_ids, limits, num_samples // repeats, temperature, generator, pad_id)
        with self._no_grad():
            if self._decoding is None:
                self._decoding = self._find_decoding()
            decoded = self._decoding(batch)
        return Decoded(
            [row for row in decoded.tokens for _ in range(repeats)],
            [finished for finished in decoded.finished for _ in range(repeats)],
        )

    def _room(self, prompt_ids: list[int]) -> int:
        """Where the model ends, the solution is cut too."""
        return self.max_new_tokens if self.max_length is None else self.max_length - len(prompt_ids)

    def _find_decoding(self) -> Callable[[Batch], Decoded]:
        endings = Endings(self.end_ids, self.stop)
        reason = why_not_shared(self.model, self._forward)
        if reason is not None:
            name = self.model.config._name_or_path or type(self.model).__name__
            log.warning("%s is decoded by transformers' generate, which takes longer: %s.", name, reason)
            return lambda batch: decode_by_generate(self.model, self._agreed, batch, endings)
        on_gpu = self.model.device.type != "cpu"
        decode = decode_fixed if (on_gpu if self.fixed_rows is None else self.fixed_rows) else decode_distinct

        def decode_shared(batch: Batch) -> Decoded:
            with attending_by(SHARED_PREFIX, self.model.config):
                return decode(self._forward, batch, endings)

        return decode_shared

    def _forward(self, cache: Cache | None = None, **inputs: object) -> Tensor:
        """The model's logits, [B, T, V]."""
        if cache is not None:
            inputs[self._cache_argument] = cache
        return self._agreed(self.model(**inputs).logits)

    def _agreed(self, logits: Tensor) -> Tensor:
        """The logits by which tokens are chosen: the model's own."""
        return logits

    def _no_grad(self) -> AbstractContextManager[object]:
        return torch.inference_mode()

    def _continuations(self, decoded: Decoded) -> Iterator[Continuation]:
        written = [row[:-1] if row[-1] in self.end_ids else row for row in decoded.tokens]
        texts = self.tokenizer.batch_decode(written, skip_special_tokens=False)
        for row, text, finished in zip(decoded.tokens, texts, decoded.finished, strict=True):
            yield Continuation(self.stop.cut(text), len(row), finished)
