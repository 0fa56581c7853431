"""Log-probabilities of sequences from one forward pass over the rows that they lie in.

Logits are computed at the places alone whose next token counts: with a large vocabulary those of prompts and padding
would take more memory than the rest of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from transformers import PreTrainedModel

from synthscale.objective.sft import sequence_logprobs, token_logprobs
from synthscale.training.encoding import EncodedSide
from synthscale.training.layout import Rows, lay_out, may_see, pair_item, sequence_item

AttentionMask = Tensor | dict[str, Tensor]


def rows_logprobs(model: PreTrainedModel, rows: Rows) -> Tensor:
    """log π of each sequence's counted tokens, in nats, [S]."""
    masked = {}
    if rows.item_BT is not None:
        masked = {"attention_mask": attention_mask(model, rows), "position_ids": rows.position_BT}
    with predicting_at(model, rows.predictor_N):
        logits_1NV = model(input_ids=rows.input_ids_BT, use_cache=False, **masked).logits
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


def attention_mask(model: PreTrainedModel, rows: Rows) -> AttentionMask:
    """What the model takes to attend as `may_see` has it: one mask [B, 1, T, T], or one for each kind of layer."""
    assert rows.item_BT is not None and rows.branch_BT is not None and rows.position_BT is not None
    kinds, window = set(getattr(model.config, "layer_types", None) or ()), sliding_window(model)
    if window is not None and window > int(rows.input_ids_BT.shape[1]):
        window = None
    places = rows.item_BT, rows.branch_BT, rows.position_BT
    if window is None or "full_attention" not in kinds:
        return _as_taken(model, may_see(*places, window))
    return {
        "full_attention": _as_taken(model, may_see(*places)),
        "sliding_attention": _as_taken(model, may_see(*places, window)),
    }


def sliding_window(model: PreTrainedModel) -> int | None:
    """The tokens that layers with a sliding window see; None where there is no such layer."""
    kinds = getattr(model.config, "layer_types", None)
    if kinds and "sliding_attention" not in kinds:
        return None
    window = getattr(model.config, "sliding_window", None)
    return int(window) if window and getattr(model.config, "use_sliding_window", True) else None


def _as_taken(model: PreTrainedModel, seen_BTT: Tensor) -> Tensor:
    """Eager attention adds a mask to its scores."""
    if model.config._attn_implementation != "eager":
        return seen_BTT[:, None]
    return torch.zeros_like(seen_BTT, dtype=model.dtype).masked_fill(~seen_BTT, torch.finfo(model.dtype).min)[:, None]


@torch.no_grad()
def can_pack(model: PreTrainedModel) -> bool:
    """Whether the model attends as it is told: of an example of each kind in one row it must say what it does of each.

    Not so with flash_attention_2, which takes no such mask; with a model that carries a state from token to token, or
    finds positions by itself; or with layers that choose what they see in another way than by a sliding window.
    """
    kinds = set(getattr(model.config, "layer_types", None) or ())
    if model.config._attn_implementation not in ("sdpa", "eager") or not kinds <= {
        "full_attention",
        "sliding_attention",
    }:
        return False
    first, second, third = (EncodedSide(ids, [True] * 6) for ids in ([1, 2, 3, 4, 5, 6], [1, 2, 3, 6, 5, 4], [2] * 6))
    was_training, device = model.training, model.device
    model.train(False)
    try:
        apart = rows_logprobs(
            model, lay_out([sequence_item(s) for s in (first, second, third)], 0, is_packed=False).to(device)
        )
        together = rows_logprobs(
            model, lay_out([pair_item(first, second), sequence_item(third)], 0, is_packed=True).to(device)
        )
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError):
        return False
    finally:
        model.train(was_training)
    return bool((together - apart).norm() <= torch.finfo(model.dtype).eps ** 0.5 * apart.norm())
