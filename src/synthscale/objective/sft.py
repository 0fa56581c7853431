"""The supervised loss: next-token cross-entropy on solutions, prompts masked."""

from __future__ import annotations

import torch
from torch import Tensor


def token_logprobs(logits_BTV: Tensor, input_ids_BT: Tensor) -> Tensor:
    """log π(token t | tokens before t) in nats, [B, T]; position 0, which nothing precedes, is 0."""
    logprobs = torch.log_softmax(logits_BTV[:, :-1].float(), dim=-1)
    chosen = logprobs.gather(2, input_ids_BT[:, 1:, None]).squeeze(2)
    return torch.nn.functional.pad(chosen, (1, 0))


def sequence_logprobs(logits_BTV: Tensor, input_ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Sum of log-probabilities in nats over the tokens that the mask keeps, [B]."""
    return (token_logprobs(logits_BTV, input_ids_BT) * mask_BT).sum(dim=1)


def sft_loss(logprobs_B: Tensor, num_tokens_B: Tensor) -> Tensor:
    """Mean negative log-likelihood a token over the batch: −Σ_b log π(y_b | x_b) / Σ_b |y_b|.

    Args:
        logprobs_B: log π(y | x) of each solution, in nats, [B].
        num_tokens_B: tokens of each solution, [B], at least 1 in all; or of all that the mean is over, [], where
            `logprobs_B` are of a part of them.
    """
    return -logprobs_B.sum() / num_tokens_B.sum()
