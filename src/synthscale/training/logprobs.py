"""Log-probabilities of sequences from one forward pass over the rows that they lie in.

Logits are computed at the places alone whose next token counts: with a large vocabulary those of prompts and padding
would take more memory than the rest of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from synthscale.objective.sft import sequence_logprobs, token_logprobs
from synthscale.training.attention import ATTENTION, packed_attention
from synthscale.training.encoding import EncodedSide
from synthscale.training.layout import Rows, lay_out, pair_item, sequence_item


def rows_logprobs(model: PreTrainedModel, rows: Rows) -> Tensor:
    """log π of each sequence's counted tokens, in nats, [S]."""
    packed: dict[str, Any] = {}
    if rows.packing is not None:
        # a mask that nothing looks at, lest transformers make one
        nothing = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=rows.input_ids_BT.device)
        packed = {"position_ids": rows.position_BT, "attention_mask": nothing, "packing": rows.packing}
    with predicting_at(model, rows.predictor_N), packed_attention(model.config) if packed else nullcontext():
        logits_1NV = model(input_ids=rows.input_ids_BT, use_cache=False, **packed).logits
    return sequence_logprobs(token_logprobs(logits_1NV[0], rows.target_N), rows.counted_SC)


@contextmanager
def predicting_at(model: PreTrainedModel, places_N: Tensor) -> Iterator[None]:
    """In its block the model's logits, [1, N, V], are those at the flat places of its input alone."""
    head: torch.nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    handle = head.register_forward_pre_hook(lambda _, inputs: (inputs[0].flatten(0, 1)[places_N][None], *inputs[1:]))
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def can_pack(model: PreTrainedModel) -> bool:
    """Whether the model attends as it is told: of a pair and a sequence in one row it must say what it does of each.

    Not so a model that is to attend in another way than `sdpa`, that carries a state from token to token, or that finds
    positions by itself.
    """
    if model.config._attn_implementation not in ("sdpa", ATTENTION):
        return False
    first, second, third = (EncodedSide(ids, [True] * 6) for ids in ([1, 2, 3, 4, 5, 6], [1, 2, 3, 6, 5, 4], [2] * 6))
    apart = lay_out([sequence_item(side) for side in (first, second, third)], 0, is_packed=False)
    together = lay_out([pair_item(first, second), sequence_item(third)], 0, is_packed=True)
    was_training = model.training
    model.train(False)
    try:
        apart_S, together_S = (rows_logprobs(model, rows.to(model.device)) for rows in (apart, together))
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError):
        return False
    finally:
        model.train(was_training)
    return bool((together_S - apart_S).norm() <= torch.finfo(model.dtype).eps ** 0.5 * apart_S.norm())
