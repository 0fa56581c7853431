"""Ours against a peer: both do the same work, turn by turn in one process, and the ratio of their rates is what counts.

Neighbours on a machine come and go; two turns that follow each other meet the same ones. So each round gives a ratio of
its own, and what is published is the median of the rounds with the lowest and the highest.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Duel:
    """Two ways to do one piece of work. `ours` and `theirs` do it once and return how many units of it they did."""

    work: str  # one line, as in the table: what is done, on what
    unit: str  # of the work, as in "tokens"
    peer: str  # what a user would take instead, with its version
    ours: Callable[[], float]
    theirs: Callable[[], float]
    bar: float | None = None  # the ratio that was asked for
    max_rounds: int | None = None  # where a round takes a minute or more; then no round is spent on warming up


@dataclass(frozen=True, slots=True)
class Turn:
    """One piece of work."""

    amount: float
    seconds: float

    @property
    def rate(self) -> float:
        """Units a second."""
        return self.amount / self.seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """A duel's rounds, without one in which both warm up."""

    name: str
    work: str
    unit: str
    peer: str
    bar: float | None
    num_threads: int
    ours: list[Turn]
    theirs: list[Turn]

    @property
    def ratios(self) -> list[float]:
        """Our rate over theirs, round by round."""
        return [ours.rate / theirs.rate for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median round's."""
        return statistics.median(self.ratios)


OpenDuel = Callable[[], AbstractContextManager[Duel]]


def fight(name: str, num_rounds: int, num_threads: int = 1) -> Outcome:
    """Run the duel `module:function` of this package, an `OpenDuel`, in a fresh process of so many threads."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_set_up, initargs=(num_threads,)) as executor:
        return executor.submit(_fight_here, name, num_rounds, num_threads).result()


def _set_up(num_threads: int) -> None:
    """Before torch is imported."""
    os.environ["OMP_NUM_THREADS"] = str(num_threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["TQDM_DISABLE"] = os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"


def _fight_here(name: str, num_rounds: int, num_threads: int) -> Outcome:
    module, _, function = name.partition(":")
    opened: OpenDuel = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    with opened() as duel:
        num_to_warm_up = 1 if duel.max_rounds is None else 0
        num_rounds = min(num_rounds, duel.max_rounds or num_rounds) + num_to_warm_up
        rounds = [(_turn(duel.ours), _turn(duel.theirs)) for _ in range(num_rounds)][num_to_warm_up:]
        ours, theirs = ([one[side] for one in rounds] for side in (0, 1))
        return Outcome(name, duel.work, duel.unit, duel.peer, duel.bar, num_threads, ours, theirs)


def _turn(work: Callable[[], float]) -> Turn:
    started = time.perf_counter()
    amount = work()
    return Turn(amount, time.perf_counter() - started)
