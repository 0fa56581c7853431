"""The preference loss of DPO (Rafailov et al. 2023, equation 7); per-step DPO is the same loss on step pairs."""

from __future__ import annotations

import torch
from torch import Tensor


def dpo_margins(
    chosen_logprobs_B: Tensor,
    rejected_logprobs_B: Tensor,
    reference_chosen_logprobs_B: Tensor,
    reference_rejected_logprobs_B: Tensor,
    only_side: str | None = None,
) -> Tensor:
    """log π(y+|x)/π_ref(y+|x) − log π(y−|x)/π_ref(y−|x) in nats, [B]: the implicit reward margin over β.

    only_side: "chosen" keeps the first of the two terms, "rejected" the second, so that one side alone teaches.
    """
    chosen = chosen_logprobs_B - reference_chosen_logprobs_B
    rejected = rejected_logprobs_B - reference_rejected_logprobs_B
    if only_side is None:
        return chosen - rejected
    return chosen if only_side == "chosen" else -rejected


def dpo_loss(margins_B: Tensor, beta: float, num_pairs: int | None = None) -> Tensor:
    """Mean of −log σ(β · margin): log 2 where policy and reference agree.

    Args:
        margins_B: from `dpo_margins`, [B].
        beta: strength of the pull to the reference policy, above 0.
        num_pairs: that the mean is over, where `margins_B` are a part of them.
    """
    return -torch.nn.functional.logsigmoid(beta * margins_B).sum() / (num_pairs or len(margins_B))
