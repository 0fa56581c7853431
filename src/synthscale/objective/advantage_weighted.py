"""The weights of advantage-weighted RL (Setlur et al. 2024, arXiv 2406.14532, Theorem 6.1).

The theorem: where the two sides of a step pair share their prefix, both next steps are drawn from pi_sft, and one is
preferred by Bradley and Terry's σ(A(y+) − A(y−)), per-step DPO with pi_sft as the reference has the optimum of

    max_π  E_{x, y ~ pi_sft}  Σ_i  log π(y_i | x, y_1:i−1) · exp(A_i / β),

which is π(y_i | x, y_1:i−1) ∝ pi_sft(y_i | x, y_1:i−1) · exp(A_i / β), with the same β in both. So `sft_loss` of the
weighted log-probabilities is the loss: with all A = 0 it is the SFT loss.
"""

from __future__ import annotations

import math

from torch import Tensor


def weighted_logprobs(logprobs_N: Tensor, advantages_N: Tensor, beta: float, max_weight: float = math.inf) -> Tensor:
    """exp(A / β) · log π of each token, in nats, [N].

    Args:
        logprobs_N: of tokens, in nats.
        advantages_N: of the step that each token belongs to, in [−1, 1]: a difference of two chances of success.
        beta: strength of the pull to pi_sft, above 0; the smaller, the more the better steps count.
        max_weight: that exp(A / β) is cut off at, 1 or more; above the theorem's weights it changes nothing.
    """
    return logprobs_N * (advantages_N / beta).clamp(max=math.log(max_weight)).exp()
