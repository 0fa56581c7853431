"""Whether a model's rows can share their prompts: what its config says, and then a look at its logits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from synthscale.policy.attending import attending_by
from synthscale.policy.batch import Forward
from synthscale.policy.policy import max_length
from synthscale.policy.shared_decoder import SharedDecoder
from synthscale.policy.shared_prefix import SHARED_PREFIX

TOLERANCES = {torch.bfloat16: 0.1, torch.float16: 0.02}  # of a logit, over the largest of them
TOLERANCE = 1e-3
NUM_STEPS = 3
PROMPT_OF_ROW = (0, 1, 2, 0)  # of the probe; the last row branches off the first after a token


def why_not_shared(model: PreTrainedModel, forward: Forward) -> str | None:
    """What stands in the way, as the end of a sentence; None if nothing does.

    Where ranks hold parts of the model, all must call this, and `forward` must give all of them the same logits.
    """
    reason = _by_config(model)
    if reason is not None:
        return reason
    prompts_ids, texts_ids = _probe(model)
    if not prompts_ids:
        return "it has too few positions"
    try:
        with attending_by(SHARED_PREFIX, model.config):
            shared = torch.cat(list(_shared_logits(model, forward, prompts_ids, texts_ids)))
    except Exception as error:  # whatever code of other people makes of attention that is not its own
        return f"its attention or its cache is not the plain one ({type(error).__name__}: {error})".partition("\n")[0]
    plain = _plain_logits(model, forward, prompts_ids, texts_ids)
    difference = float((shared - plain).abs().max() / plain.abs().max().clamp(min=1))
    if difference <= TOLERANCES.get(model.dtype, TOLERANCE):
        return None
    return f"with a cache in which rows share their prompts, its logits are off by {difference:.2g} of the largest"


def _by_config(model: PreTrainedModel) -> str | None:
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    if model.config.is_encoder_decoder or getattr(model, "_is_stateful", False):
        return "it is no decoder with attention alone"
    if not getattr(model, "_supports_attention_backend", False):
        return "its attention cannot be replaced"
    if kinds is not None and set(kinds) != {"full_attention"}:
        return f"its layers are {', '.join(sorted(set(kinds)))}"
    if kinds is None and getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return "its attention has a sliding window"
    return None


def _probe(model: PreTrainedModel) -> tuple[list[list[int]], list[list[int]]]:
    """Prompts, the second of which begins the first; and for rows of theirs what comes next."""
    room = min(9, max_length(model) or 9) - NUM_STEPS
    if room < 2:
        return [], []
    vocabulary = model.config.get_text_config().vocab_size
    ids = [(7 * i + 3) % vocabulary for i in range(40)]
    prompts_ids = [ids[:room], ids[: room // 2], ids[20 : 20 + room - 1]]
    return prompts_ids, [ids[10 * i : 10 * i + NUM_STEPS] for i in (1, 2, 0, 3)]


def _shared_logits(
    model: PreTrainedModel, forward: Forward, prompts_ids: list[list[int]], texts_ids: list[list[int]]
) -> Iterator[Tensor]:
    """Row by row, before each of the texts' tokens."""
    decoder = SharedDecoder(forward, prompts_ids, model.device)
    decoder.set_rows(np.arange(3), 4)
    inputs = decoder.last_tokens
    for step in range(NUM_STEPS):
        if step == 1:
            decoder.set_rows(np.array(PROMPT_OF_ROW), 4, (np.array([0]), np.array([3])))
        yield decoder.step(torch.from_numpy(inputs).to(model.device)).float()
        inputs = np.array([ids[step] for ids in texts_ids], dtype=np.int64)


def _plain_logits(
    model: PreTrainedModel, forward: Forward, prompts_ids: list[list[int]], texts_ids: list[list[int]]
) -> Tensor:
    """The same by one plain forward pass, in which nothing sees what is behind it."""
    rows = [[*prompts_ids[i], *texts_ids[r]] for r, i in enumerate(PROMPT_OF_ROW)]
    longest = max(map(len, rows))
    ids_RT = torch.tensor([row + row[:1] * (longest - len(row)) for row in rows], device=model.device)
    logits_RTV = forward(input_ids=ids_RT, attention_mask=torch.ones_like(ids_RT), use_cache=False).float()
    lengths = [len(prompts_ids[i]) - 1 for i in PROMPT_OF_ROW]
    steps = [[logits_RTV[r, lengths[r] + step] for r in range(4 if step else 3)] for step in range(NUM_STEPS)]
    return torch.stack([logits for step in steps for logits in step])
