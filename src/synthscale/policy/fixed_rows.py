"""Decoding with a row for every sample, in which the host waits for the device once in so many tokens only.

Rows that have ended go on for a while with nothing to say, and then leave. It suits a GPU.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from synthscale.policy.batch import Batch, Decoded, Endings, Forward
from synthscale.policy.draws import draw_tokens
from synthscale.policy.shared_decoder import SharedDecoder

CHECK_TOKENS = 16  # after which the host looks which rows have ended
ROWS_SHARE = 0.75  # of the rows still going, under which the others leave


def decode_fixed(forward: Forward, batch: Batch, endings: Endings) -> Decoded:
    """All samples of a batch, by a model on any device."""
    device = batch.generator.device
    prompt_R = np.repeat(np.arange(len(batch.prompts_ids)), batch.num_samples)
    limits = np.array(batch.limits)[prompt_R]
    num_rows, num_steps = len(prompt_R), int(limits.max())
    decoder = SharedDecoder(forward, batch.prompts_ids, device)
    decoder.set_rows(prompt_R, num_rows)
    end_ids = torch.tensor(endings.end_ids, device=device)
    limit_N = torch.from_numpy(limits).to(device)
    tokens_NT = torch.full((num_rows, num_steps), batch.pad_id, device=device)
    ended_N = torch.zeros(num_rows, dtype=torch.bool, device=device)
    rows = torch.arange(num_rows, device=device)  # the samples that the rows stand for
    inputs_R = torch.from_numpy(decoder.last_tokens[prompt_R]).to(device)
    for step in range(num_steps):
        logits_RV = decoder.step(inputs_R)
        uniforms_N = batch.uniforms()
        uniforms_R1 = None if uniforms_N is None else uniforms_N[rows, None]
        inputs_R = draw_tokens(logits_RV, uniforms_R1, batch.temperature)[:, 0]
        inputs_R = torch.where(ended_N[rows], batch.pad_id, inputs_R)
        tokens_NT[rows, step] = inputs_R
        ended_N[rows] |= torch.isin(inputs_R, end_ids) | (limit_N[rows] <= step + 1)
        if (step + 1) % CHECK_TOKENS == 0 and step + 1 < num_steps:
            if endings.stop.texts:
                ended_N |= _holds_text(endings, tokens_NT[:, : step + 1])
            going = torch.nonzero(~ended_N[rows]).squeeze(1)  # the host waits here
            if len(going) == 0:
                break
            if len(going) < ROWS_SHARE * len(rows):
                from_rows = going.cpu().numpy()
                rows, inputs_R, prompt_R = rows[going], inputs_R[going], prompt_R[from_rows]
                decoder.set_rows(prompt_R, len(rows), (from_rows, np.arange(len(from_rows))))
    drawn = [endings.cut(row[:limit]) for row, limit in zip(tokens_NT.tolist(), limits.tolist(), strict=True)]
    return Decoded([row for row, _ in drawn], [finished for _, finished in drawn])


def _holds_text(endings: Endings, tokens_NT: Tensor) -> Tensor:
    found = [endings.stop.first_end(row) is not None for row in tokens_NT.tolist()]
    return torch.tensor(found, device=tokens_NT.device)
