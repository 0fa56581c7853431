"""The searches that are compared: all prefixes alike, a scan and a bisection that stop early, and the adaptive one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.credit_cases import Case
from synthscale.credit.change_point import expected_alive
from synthscale.credit.pit import PitRule, find_pit, prefix_value
from synthscale.credit.search import Search, Steps, chains_of

BEST_OF = {PitRule.lowest_value: 5, PitRule.largest_drop: 1}  # as conf/credit has them


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found for the negatives of one case, and what it paid."""

    steps: list[int | None]
    num_rollouts: int


class Draws:
    """Rollouts of one case from its bank, independent of one another."""

    def __init__(self, case: Case, generator: np.random.Generator) -> None:
        self.num = 0
        self._case, self._generator = case, generator
        self._cumulative = {prefix: branch.counts.cumsum() for prefix, branch in case.bank.items()}

    def draw(self, prefix: Steps) -> tuple[Steps, bool]:
        """One rollout: its steps, and whether it is right."""
        self.num += 1
        cumulative, branch = self._cumulative[prefix], self._case.bank[prefix]
        i = int(np.searchsorted(cumulative, self._generator.integers(cumulative[-1]), side="right"))
        return branch.steps[i], branch.right[i]


Searcher = Callable[[Case, Draws, PitRule, float], Found]
"""The pits of a case by a rule; the last argument is the share of right samples of the whole run."""


def exhaustive(num_rollouts: int) -> Searcher:
    """As many rollouts from every distinct prefix."""

    def search(case: Case, draws: Draws, rule: PitRule, share_right: float) -> Found:
        best_of = min(BEST_OF[rule], num_rollouts)
        num_right = {prefix: sum(draws.draw(prefix)[1] for _ in range(num_rollouts)) for prefix in case.bank}
        first = prefix_value(len(case.samples), sum(right for _, right in case.samples), best_of)
        found = [
            find_pit(
                [first, *(prefix_value(num_rollouts, num_right[s[:i]], best_of) for i in range(1, len(s))), 0.0], rule
            )
            for s in case.negatives
        ]
        return Found(found, draws.num)

    return search


def early_stop(num_rollouts: int, *, bisect: bool) -> Searcher:
    """A prefix is alive at its first right rollout, and dead after so many wrong ones; the pit is the first dead one.

    The scan goes from the beginning on; the bisection halves what is open. Prefixes are shared, samples are not used
    but for whether the problem was ever solved.
    """

    def search(case: Case, draws: Draws, rule: PitRule, share_right: float) -> Found:
        alive: dict[Steps, bool] = {(): case.share_right > 0}

        def test(prefix: Steps) -> bool:
            if prefix not in alive:
                alive[prefix] = any(draws.draw(prefix)[1] for _ in range(num_rollouts))
            return alive[prefix]

        found: list[int | None] = []
        for steps in case.negatives:
            low, high = 0, len(steps)  # taken as alive and as dead
            while high - low > 1:
                middle = (low + high) // 2 if bisect else low + 1
                if test(steps[:middle]):
                    low = middle
                else:
                    high = middle
            seen = rule is PitRule.lowest_value or any(alive.get(steps[:i], False) for i in range(high))
            found.append(high if seen else None)
        return Found(found, draws.num)

    return search


def adaptive(confidence: float, max_rollouts: int, *, with_samples: bool = True) -> Searcher:
    """The search of the credit stage; without the samples they tell it the problem's Q_0 alone."""

    def search(case: Case, draws: Draws, rule: PitRule, share_right: float) -> Found:
        num_right = sum(right for _, right in case.samples)
        running = Search(
            chains_of(case.negatives, case.samples if with_samples else []),
            alive_mean=expected_alive(num_right, len(case.samples), share_right),
            confidence=confidence,
            max_rollouts=max_rollouts,
        )
        while asked := running.asks():
            for prefix in asked:
                running.count(prefix, *draws.draw(prefix))
        pits = [running.pit(i) for i in range(len(case.negatives))]
        any_pit = rule is PitRule.lowest_value or (not with_samples and num_right > 0)
        is_seen = [any_pit or pit.seen_alive for pit in pits]
        return Found([pit.step if seen else None for pit, seen in zip(pits, is_seen, strict=True)], draws.num)

    return search


def true_pits(case: Case, rule: PitRule) -> list[int | None]:
    """The pits by the rule from true values, under BoK with as many rollouts as the bank has."""

    def value(prefix: Steps) -> float:
        branch = case.bank[prefix]
        total = int(branch.counts.sum())
        return prefix_value(total, round(branch.value * total), min(BEST_OF[rule], total))

    first = prefix_value(
        len(case.samples), sum(right for _, right in case.samples), min(BEST_OF[rule], len(case.samples))
    )
    return [find_pit([first, *(value(s[:i]) for i in range(1, len(s))), 0.0], rule) for s in case.negatives]


def searchers(*, quick: bool = False) -> Sequence[tuple[str, str, Searcher]]:
    """(Family, setting, search) of all that are compared."""
    if quick:
        return [("exhaustive", "K=5", exhaustive(5)), ("adaptive", "max=4", adaptive(0.7, 4))]
    return [
        *(("exhaustive", f"K={k}", exhaustive(k)) for k in (1, 2, 3, 5, 10, 20)),
        *(("scan, early stop", f"K={k}", early_stop(k, bisect=False)) for k in (2, 3, 5, 10)),
        *(("bisection, early stop", f"K={k}", early_stop(k, bisect=True)) for k in (2, 3, 5, 10)),
        *(("adaptive", f"max={m}", adaptive(0.7, m)) for m in (0, 1, 2, 3, 4, 8, 16)),
        *(("adaptive, confidence 0.6", f"max={m}", adaptive(0.6, m)) for m in (2, 4, 8, 16)),
        *(("adaptive, confidence 0.9", f"max={m}", adaptive(0.9, m)) for m in (2, 4, 8, 16)),
        *(("adaptive, without samples", f"max={m}", adaptive(0.7, m, with_samples=False)) for m in (2, 4, 8, 16)),
    ]
