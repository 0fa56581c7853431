"""Decoding by transformers' own `generate`, for models whose attention or cache is not the plain one."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
)

from synthscale.policy.batch import Agree, Batch, Decoded, Endings


def decode_by_generate(model: PreTrainedModel, agree: Agree, batch: Batch, endings: Endings) -> Decoded:
    """All samples of a batch.

    Prompts of one length at a time: padding is not masked by every model that has no plain attention. torch's global
    generator, which `generate` draws from, is put back as it was.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, ids in enumerate(batch.prompts_ids):
        by_length[len(ids)].append(index)
    device = batch.generator.device
    decoded: list[list[tuple[list[int], bool]]] = [[] for _ in batch.prompts_ids]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(batch.generator.initial_seed())
        for length in sorted(by_length):
            indices = by_length[length]
            rows = _generated(model, agree, batch, endings, indices)
            for n, row in enumerate(rows):
                index = indices[n // batch.num_samples]
                decoded[index].append(endings.cut(row))
    return Decoded(
        [row for samples in decoded for row, _ in samples], [finished for samples in decoded for _, finished in samples]
    )


def _generated(
    model: PreTrainedModel, agree: Agree, batch: Batch, endings: Endings, indices: list[int]
) -> list[list[int]]:
    """What is written after prompts of one length, padded behind the end; the samples of one prompt side by side."""
    input_ids = torch.tensor([batch.prompts_ids[i] for i in indices], device=batch.generator.device)
    chance: dict[str, Any] = {"temperature": batch.temperature, "top_k": 0, "top_p": 1.0} if batch.temperature else {}
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=batch.temperature > 0,
        num_beams=1,
        num_return_sequences=batch.num_samples,
        max_new_tokens=batch.limits[indices[0]],
        repetition_penalty=1.0,
        eos_token_id=endings.end_ids,
        pad_token_id=batch.pad_id,
        **chance,
    )
    length = input_ids.shape[1]
    output = model.generate(  # type: ignore[operator]
        input_ids,
        attention_mask=torch.ones_like(input_ids),
        generation_config=config,
        logits_processor=LogitsProcessorList([_Agreeing(agree)]),
        stopping_criteria=StoppingCriteriaList([_AtTexts(endings, length)] if endings.stop.texts else []),
    )
    rows: list[list[int]] = output[:, length:].tolist()
    return rows


class _Agreeing(LogitsProcessor):
    """Lets ranks agree on the logits."""

    def __init__(self, agree: Agree) -> None:
        self._agree = agree

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return self._agree(scores)


class _AtTexts(StoppingCriteria):
    """Ends a row when it holds a stop text."""

    def __init__(self, endings: Endings, num_prompt: int) -> None:
        self._endings, self._num_prompt = endings, num_prompt

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: Any) -> Tensor:
        ends = self._endings.stop.ends(input_ids[:, self._num_prompt :].tolist())
        return torch.tensor(ends, device=input_ids.device)
