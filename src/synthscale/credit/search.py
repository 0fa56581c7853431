"""The search for the pits of one problem's negatives: each rollout goes where it is expected to tell most of them.

The solutions of a problem are one trie, since many begin alike: every sample and every rollout counts for every
negative that it began like. A round asks for the rollouts of which the undecided negatives would learn most, no more
than one for each of them: the best prefix serves all negatives that pass through it, then the best for those that are
left. A negative is decided when one pit has the `confidence`; after `max_rollouts` rounds it is asked for no more.

Nothing chooses between scanning and bisection: on a solution of which nothing is known the best prefix lies near the
middle, which on a short one is near its beginning too; where the samples tell much, it is after the first open step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from synthscale.credit.change_point import Tally, information, posterior

Steps = tuple[str, ...]
"""Steps of a solution, or the first of them, without the white space around each."""


def stripped(steps: Sequence[str]) -> Steps:
    """The steps without the white space around them, by which solutions are compared."""
    return tuple(step.strip() for step in steps)


class FoundPit(NamedTuple):
    """The likeliest pit of a negative."""

    step: int  # from 1
    chance: float
    seen_alive: bool  # whether anything that left the solution before this step was right


@dataclass(slots=True)
class Chain:
    """One negative: its steps, and what is known of its nodes 0 … L − 1."""

    steps: Steps
    tallies: list[Tally] = field(init=False)
    visits: list[int] = field(init=False)  # samples and rollouts that came to each node, wherever they left
    num_rounds: int = 0  # in which a rollout was asked for on its behalf

    @property
    def num_left_later(self) -> int:
        """Samples and rollouts that left after the first step or later."""
        return sum(tally.num_right + tally.num_wrong for tally in self.tallies[1:])

    def __post_init__(self) -> None:
        self.tallies = [Tally() for _ in self.steps]
        self.visits = [0] * len(self.steps)

    def count(self, steps: Steps, right: bool, start: int) -> None:
        """Take in a sample, or a rollout from the first `start` of these steps."""
        node = common_length(self.steps, steps)
        for i in range(start, min(node + 1, len(self.steps))):
            self.visits[i] += 1
        if node < len(self.steps):
            self.tallies[node].num_right += right
            self.tallies[node].num_wrong += not right


def chains_of(negatives: Sequence[Steps], samples: Sequence[tuple[Steps, bool]]) -> list[Chain]:
    """The negatives of one problem with what its samples, all of them, tell: they are rollouts from node 0."""
    chains = [Chain(steps) for steps in negatives]
    for steps, right in samples:
        for chain in chains:
            chain.count(steps, right, 0)
    return chains


class Search:
    """Rounds of rollouts for the negatives of one problem, until each is decided or has had its rounds."""

    def __init__(self, chains: Sequence[Chain], *, alive_mean: float, confidence: float, max_rollouts: int) -> None:
        self.chains = chains
        self._alive_mean, self._confidence, self._max_rollouts = alive_mean, confidence, max_rollouts
        self._chances = [posterior(chain.tallies, alive_mean) for chain in chains]

    def asks(self) -> list[Steps]:
        """The prefixes, of 1 … L − 1 steps, of the next round's rollouts; none when the search has ended."""
        waiting = {
            i: self._gains(i)
            for i, chain in enumerate(self.chains)
            if not self.is_decided(i) and chain.num_rounds < self._max_rollouts
        }
        asked: list[Steps] = []
        while waiting:
            gains: dict[Steps, float] = {}
            for i, of_nodes in waiting.items():
                for node in range(1, len(of_nodes)):
                    prefix = self.chains[i].steps[:node]
                    gains[prefix] = gains.get(prefix, 0.0) + of_nodes[node]
            best = max(gains, key=gains.__getitem__)
            asked.append(best)
            for i in [i for i in waiting if self.chains[i].steps[: len(best)] == best]:
                self.chains[i].num_rounds += 1
                del waiting[i]
        return asked

    def count(self, prefix: Steps, steps: Steps, right: bool) -> None:
        """Take in a rollout from the prefix, the first of these steps."""
        for i, chain in enumerate(self.chains):
            if chain.steps[: len(prefix)] == prefix:
                chain.count(steps, right, len(prefix))
                self._chances[i] = posterior(chain.tallies, self._alive_mean)

    def is_decided(self, i: int) -> bool:
        """Whether one pit of the i-th negative is clear."""
        return max(self._chances[i]) >= self._confidence

    def pit(self, i: int) -> FoundPit:
        """The likeliest pit of the i-th negative, the first of equals."""
        step = 1 + max(range(len(self._chances[i])), key=self._chances[i].__getitem__)
        seen = any(tally.num_right for tally in self.chains[i].tallies[:step])
        return FoundPit(step, self._chances[i][step - 1], seen)

    def _gains(self, i: int) -> list[float]:
        """What a rollout from each node is expected to tell: it leaves there, or goes on and leaves later."""
        chain = self.chains[i]
        told = information(chain.tallies, self._chances[i], self._alive_mean)
        gains = [*told, 0.0]
        for node in reversed(range(len(told))):
            num_left = chain.tallies[node].num_right + chain.tallies[node].num_wrong
            leaves = (1 + num_left) / (2 + chain.visits[node])
            gains[node] = leaves * told[node] + (1 - leaves) * gains[node + 1]
        return gains[:-1]


def common_length(one: Steps, other: Steps) -> int:
    """How many steps two solutions begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
