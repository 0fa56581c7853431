"""The reference policy's log-probabilities of the pairs: computed once, by all ranks together, and kept in a file.

The file says what it was computed from: the hashes of the policy's weights and of the tokens, and the precision. One
that was computed from anything else is computed anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from transformers import PreTrainedModel

from synthscale.durable import write_durably
from synthscale.training.config import Precision
from synthscale.training.data import SumOverRanks
from synthscale.training.encoding import EncodedExample
from synthscale.training.layout import items_of, lay_out
from synthscale.training.logprobs import can_pack, rows_logprobs
from synthscale.training.precision import computing
from synthscale.training.tokens import pairs_of

log = logging.getLogger(__name__)

Origin = dict[str, str]
"""What log-probabilities were computed from."""


@torch.inference_mode()
def reference_logprobs(
    model: PreTrainedModel,
    examples: Sequence[EncodedExample],
    pad_id: int,
    batch_size: int,
    precision: Precision = Precision.full,
    *,
    rank: int = 0,
    num_ranks: int = 1,
) -> Tensor:
    """log π_ref in nats of each pair's (chosen, rejected), [P, 2], from a frozen reference policy.

    `batch_size` is in sequences. Of several ranks each computes its own stretch of the pairs, and has zeros elsewhere.
    """
    pairs, is_packed = pairs_of(examples), can_pack(model)
    model.train(False)
    logprobs_P2 = torch.zeros(len(pairs), 2)
    own = iter(range(len(pairs) * rank // num_ranks, len(pairs) * (rank + 1) // num_ranks))
    while batch := list(islice(own, max(1, batch_size // 2))):
        items = [item for i in batch for item in items_of(pairs[i], is_packed=is_packed)]
        rows = lay_out(items, pad_id, is_packed=is_packed).to(model.device)
        with computing(precision, model.device.type):
            logprobs_P2[batch] = rows_logprobs(model, rows).reshape(-1, 2).to(logprobs_P2)
    return logprobs_P2


def keep_references(
    path: Path,
    model: PreTrainedModel,
    examples: Sequence[EncodedExample],
    digest: str,
    pad_id: int,
    batch_size: int,
    precision: Precision,
    sum_over_ranks: SumOverRanks,
    *,
    rank: int = 0,
    num_ranks: int = 1,
) -> Tensor:
    """The reference's log-probabilities of the pairs, [P, 2]: those in the file, or computed and put there.

    All ranks must call this. `digest` is the hash of the examples.
    """
    origin = {"policy": weights_digest(model), "tokens": digest, "precision": precision.value}
    logprobs_P2 = read_references(path, origin, len(pairs_of(examples)))
    if int(sum_over_ranks(torch.tensor(0.0 if logprobs_P2 is None else 1.0))) == num_ranks:
        assert logprobs_P2 is not None
        return logprobs_P2
    share_P2 = reference_logprobs(model, examples, pad_id, batch_size, precision, rank=rank, num_ranks=num_ranks)
    logprobs_P2 = sum_over_ranks(share_P2)
    if rank == 0:
        write_durably(path, save({"logprobs": logprobs_P2.contiguous()}, {"origin": json.dumps(origin)}))
    return logprobs_P2


def read_references(path: Path, origin: Origin, num_pairs: int) -> Tensor | None:
    """What the file holds; None, and a line in the log, where it is damaged or computed from something else."""
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            kept = dict(json.loads((file.metadata() or {}).get("origin", "{}")))
            logprobs_P2: Tensor = file.get_tensor("logprobs")
        if logprobs_P2.shape != (num_pairs, 2) or not logprobs_P2.isfinite().all():
            raise ValueError(f"it does not hold two finite numbers for each of {num_pairs} pairs")
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        log.warning("%s cannot be read, so it is computed anew (%s).", path, str(error).partition("\n")[0])
        return None
    others = [name for name in origin if kept.get(name) != origin[name]]
    if others:
        log.warning("%s was computed from other %s, so it is computed anew.", path, " and ".join(others))
        return None
    return logprobs_P2


def weights_digest(model: PreTrainedModel) -> str:
    """A hash of all weights, their names, forms and numbers."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        digest.update(weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
