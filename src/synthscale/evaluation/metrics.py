"""Accuracy with a Wilson interval, unbiased pass@k, maj@k with shared ties."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z_95 = 1.959963984540054  # the normal's 97.5th percentile


def wilson_interval(num_correct: int, num_problems: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927).

    Raises:
        ValueError: if there are no problems.
    """
    if num_problems < 1:
        raise ValueError("an accuracy needs at least one problem.")
    share, n = num_correct / num_problems, num_problems
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def pass_at_k(num_samples: int, num_correct: int, k: int) -> float:
    """The chance that any of k samples is right, unbiased: 1 − C(n−c, k)/C(n, k) (Chen et al. 2021).

    Raises:
        ValueError: if there are fewer than k samples.
    """
    if not 1 <= k <= num_samples:
        raise ValueError(f"pass@{k} needs at least {k} samples a problem, not {num_samples}.")
    return 1.0 - math.comb(num_samples - num_correct, k) / math.comb(num_samples, k)


def maj_at_k(answers: Sequence[str | None], reference: str, k: int) -> float:
    """Whether the most frequent of the first k answers is right; a tie is shared among those that tie.

    An answer of None (unparseable) has no vote; without any vote the score is 0.
    """
    if not 1 <= k <= len(answers):
        raise ValueError(f"maj@{k} needs at least {k} samples a problem, not {len(answers)}.")
    votes: dict[str, int] = {}
    for answer in answers[:k]:
        if answer is not None:
            votes[answer] = votes.get(answer, 0) + 1
    leaders = [answer for answer, count in votes.items() if count == max(votes.values())]
    return 1 / len(leaders) if reference in leaders else 0.0
