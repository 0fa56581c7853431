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
from synthscale.policy.attending import attending_by
from synthscale.training.attention import PACKED
from synthscale.training.encoding import EncodedSide
from synthscale.training.layout import Rows, lay_out, pair_item, sequence_item

PROBE = [1, 2, 3, 5, 6, 12, 14, 2, 5]
ALONE = 1e-6  # of the probe's log-probabilities: what other products of matrices may change, and nothing else


def rows_logprobs(model: PreTrainedModel, rows: Rows) -> Tensor:
    """log π of each sequence's counted tokens, in nats, [S]."""
    return sequence_logprobs(target_logprobs(model, rows), rows.counted_SC)


def target_logprobs(model: PreTrainedModel, rows: Rows) -> Tensor:
    """log π of each token that is predicted, in nats, [N]."""
    packed: dict[str, Any] = {}
    if rows.packing is not None:
        # a mask that nothing looks at, lest transformers make one
        nothing = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=rows.input_ids_BT.device)
        packed = {"position_ids": rows.position_BT, "attention_mask": nothing, "packing": rows.packing}
    with predicting_at(model, rows.predictor_N), attending_by(PACKED, model.config) if packed else nullcontext():
        logits_1NV = model(input_ids=rows.input_ids_BT, use_cache=False, **packed).logits
    return token_logprobs(logits_1NV[0], rows.target_N)


@contextmanager
def predicting_at(model: PreTrainedModel, places_N: Tensor) -> Iterator[None]:
    """In its block the model's logits, [1, N, V], are those at the flat places of its input alone."""
    head: torch.nn.Module = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    handle = head.register_forward_pre_hook(lambda _, inputs: (inputs[0].flatten(0, 1)[places_N][None], *inputs[1:]))
    try:
        yield
    finally:
        handle.remove()


def can_pack(model: PreTrainedModel) -> bool:
    """Whether the model attends as it is told: of a pair and a sequence in one row it must say what it does of each.

    Not so a model that is to attend in another way than `sdpa`, that carries a state from token to token, that sees its
    tokens in chunks, or that finds positions by itself. Nor one whose words on a sequence change with those beside it.
    """
    if model.config._attn_implementation not in ("sdpa", PACKED) or not _only_attends(model):
        return False
    chosen, rejected, other = ([*PROBE, 7, 8, 9], [*PROBE, 4, 11], [13, 4, *PROBE[:4]])
    was_training = model.training
    model.train(False)
    try:
        apart_S = _probed(model, chosen, rejected, other, is_packed=False)
        together_S = _probed(model, chosen, rejected, other, is_packed=True)
        beside_S = _probed(model, [*PROBE, 10, 2, 15], rejected, other, is_packed=True)
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError, IndexError):
        return False
    finally:
        model.train(was_training)
    is_same = (together_S - apart_S).norm() <= torch.finfo(model.dtype).eps ** 0.5 * apart_S.norm()
    is_alone = (together_S - beside_S)[1:].norm() <= ALONE * together_S.norm()
    return bool(is_same and is_alone)


def _only_attends(model: PreTrainedModel) -> bool:
    """Whether the config has no layer but attention, to all tokens or through a sliding window."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    is_other = getattr(model, "_is_stateful", False) or getattr(config, "attention_chunk_size", None)
    return kinds <= {"full_attention", "sliding_attention"} and not is_other


@torch.no_grad()
def _probed(
    model: PreTrainedModel, chosen: list[int], rejected: list[int], other: list[int], *, is_packed: bool
) -> Tensor:
    sides = [EncodedSide(ids, [True] * len(ids)) for ids in (chosen, rejected, other)]
    items = [pair_item(*sides[:2])] if is_packed else [sequence_item(side) for side in sides[:2]]
    rows = lay_out([*items, sequence_item(sides[2])], 0, is_packed=is_packed)
    return rows_logprobs(model, rows.to(model.device))
