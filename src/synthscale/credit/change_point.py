"""Where along one wrong solution the chance of success was lost, as a belief that rollouts sharpen.

The solution's prefixes are nodes 0 … L: the problem alone, after one step, …, the whole. Its pit c is the step with
which the policy loses the answer: nodes before c are alive, nodes from c on are dead. A rollout or a sample of the
problem follows the solution for some steps, leaves it at its last common node, and is right or wrong. It counts there
and nowhere else, so that no outcome counts twice: a right one shows that all nodes up to there are alive, a wrong one
speaks against this node alone. How often a node's rollouts are right is Beta distributed, near 0 where it is dead (a
policy may recover); all pits are equally likely before anything is seen.

The solution itself and its duplicates never leave it, so they say nothing of its nodes: none of them has to be left
out, and a problem's other samples, independent draws of the policy, are not biased by the choice of a wrong one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

STRENGTH = 4.0  # how many rollouts' worth the Beta distributions are
DEAD_MEAN = 0.01
SHRINKAGE = 2.0


@dataclass(slots=True)
class Tally:
    """Rollouts that left a solution at one node."""

    num_right: int = 0
    num_wrong: int = 0


def posterior(tallies: Sequence[Tally], alive_mean: float) -> list[float]:
    """The chance of each pit c = 1 … L, given the tallies of nodes 0 … L − 1."""
    logs = log_likelihoods(tallies, alive_mean)
    highest = max(logs)
    weights = [math.exp(value - highest) for value in logs]
    return [weight / sum(weights) for weight in weights]


def log_likelihoods(tallies: Sequence[Tally], alive_mean: float) -> list[float]:
    """The log probability of the tallies under each pit c = 1 … L."""
    alive = [log_chance(tally.num_right, tally.num_wrong, alive_mean) for tally in tallies]
    dead = [log_chance(tally.num_right, tally.num_wrong, DEAD_MEAN) for tally in tallies]
    logs = [alive[0] + sum(dead[1:])]
    for node in range(1, len(tallies)):
        logs.append(logs[-1] + alive[node] - dead[node])
    return logs


@lru_cache(maxsize=2**16)
def log_chance(num_right: int, num_wrong: int, mean: float) -> float:
    """The log probability of these outcomes in their order, where their chance is Beta distributed (beta-binomial)."""
    a, b = mean * STRENGTH, (1 - mean) * STRENGTH
    drawn = math.lgamma(a + num_right) + math.lgamma(b + num_wrong) - math.lgamma(a + b + num_right + num_wrong)
    return drawn - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)


def information(tallies: Sequence[Tally], chances: Sequence[float], alive_mean: float) -> list[float]:
    """What one more outcome at each node 0 … L − 1 is expected to tell of the pit: mutual information, in nats."""
    told, chance_dead = [], 0.0
    for node, tally in enumerate(tallies):
        alive, dead = mean_after(tally, alive_mean), mean_after(tally, DEAD_MEAN)
        mixed = (1 - chance_dead) * alive + chance_dead * dead
        told.append(entropy(mixed) - (1 - chance_dead) * entropy(alive) - chance_dead * entropy(dead))
        chance_dead = min(1.0, chance_dead + chances[node])
    return told


def mean_after(tally: Tally, mean: float) -> float:
    """A node's expected chance once its tally is known."""
    return (mean * STRENGTH + tally.num_right) / (STRENGTH + tally.num_right + tally.num_wrong)


def entropy(chance: float) -> float:
    """Of a yes or no, in nats."""
    return -sum(p * math.log(p) for p in (chance, 1 - chance) if p > 0)


def expected_alive(num_right: int, num_samples: int, share_right: float) -> float:
    """How often rollouts from a right prefix of this problem are expected to be right, from its own samples.

    It is the geometric mean of Q_0, the chance before any step, and of 1, the chance after all: as if half of the way
    were done. Q_0 is shrunk towards the share of right samples among all problems by `SHRINKAGE` samples' worth, so
    that a problem without a right sample has a chance too (empirical Bayes).
    """
    q_0 = (num_right + SHRINKAGE * share_right) / (num_samples + SHRINKAGE)
    return min(max(math.sqrt(q_0), 2 * DEAD_MEAN), 1 - DEAD_MEAN)
