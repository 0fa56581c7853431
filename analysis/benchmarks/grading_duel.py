"""Grading answers: our verifier against math-verify, on made-up solutions in the style of GSM8K and of MATH.

Both are called as in `verifier.py`, which counts their errors too: math-verify as its README shows, ours without a
cache of results. Each turn has texts of its own, the same ones for both, so that nothing is known from an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from itertools import cycle

from benchmarks.contenders import Contender, Rewards, opened
from benchmarks.duel import Duel
from benchmarks.made_pairs import MadePair, Recipe, Style

NUM_PAIRS = {Style.GSM8K: 500, Style.MATH: 250}
NUM_LISTS = 8  # of pairs; with more turns than that they come again


@contextmanager
def open_duel(style: Style) -> Iterator[Duel]:
    """Ours with one process for hard answers beside this one, math-verify in this one."""
    lists = [Recipe(style, NUM_PAIRS[style], seed).make() for seed in range(NUM_LISTS)]
    with opened(Contender.OURS) as ours, opened(Contender.README) as theirs:
        yield Duel(
            work=f"grading {NUM_PAIRS[style]:,} {style} solutions",
            unit="answers",
            peer=f"math-verify {version('math-verify')}",
            ours=turns(ours, lists),
            theirs=turns(theirs, lists),
        )


def turns(rewards: Rewards, lists: Sequence[list[MadePair]]) -> Callable[[], float]:
    """A function that grades the next list at each call."""
    waiting = cycle(lists)

    def grade_next() -> float:
        pairs = next(waiting)
        return float(len(rewards([pair.prediction for pair in pairs], [pair.reference for pair in pairs])))

    return grade_next


gsm8k = partial(open_duel, Style.GSM8K)
math = partial(open_duel, Style.MATH)
