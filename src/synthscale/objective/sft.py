"""The supervised loss: next-token cross-entropy on solutions, prompts masked."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def token_logprobs(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """log π of each target, in nats, [N], in single precision at least."""
    return -functional.cross_entropy(logits_NV.float(), targets_N, reduction="none")


def sequence_logprobs(logprobs_N: Tensor, counted_SC: Tensor) -> Tensor:
    """Sums of log-probabilities in nats over the tokens that count for each sequence, [S].

    Args:
        logprobs_N: of tokens, from `token_logprobs`.
        counted_SC: which of the N count for each sequence, in the order of the sum; N is none of them.
    """
    return functional.pad(logprobs_N, (0, 1))[counted_SC].sum(dim=1)


def sft_loss(logprobs_B: Tensor, num_tokens_B: Tensor) -> Tensor:
    """Mean negative log-likelihood a token over the batch: −Σ_b log π(y_b | x_b) / Σ_b |y_b|.

    Args:
        logprobs_B: log π(y | x) of each solution, in nats, [B].
        num_tokens_B: tokens of each solution, [B], at least 1 in all; or of all that the mean is over, [], where
            `logprobs_B` are of a part of them.
    """
    return -logprobs_B.sum() / num_tokens_B.sum()
