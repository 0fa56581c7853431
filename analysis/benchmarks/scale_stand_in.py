"""A stand-in for a policy: scripted continuations, so that the way of the data is measured and not decoding.

Its samples are the teacher's traces, whole or without the first step, with the right final value or a wrong one, in
turn. Its rollouts guess a final value.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from synthscale.policy.prompter import Prompt
from synthscale.policy.sampler import Continuation
from synthscale.stage.rows import SolutionRow
from synthscale.table import iterate_table

NUM_VALUES = 7  # of the default world


class StandIn:
    """A `PolicySampler` that decodes nothing; it must be asked for the problems in the order of the traces."""

    device = "none"
    seconds = 0.0

    def __init__(self, traces: Path) -> None:
        self._traces = iterate_table(traces, SolutionRow)

    def sample(
        self, prompts: Sequence[Prompt], num_samples: int, *, temperature: float, seed: int, keep: Path
    ) -> list[list[Continuation]]:
        """See `PolicySampler.sample`."""
        return [
            [guess(prompt, i) if prompt.prefix else variant(trace, i) for i in range(num_samples)]
            for prompt, trace in ((p, "" if p.prefix else next(self._traces).solution) for p in prompts)
        ]


def variant(trace: str, i: int) -> Continuation:
    """The trace, right where i is even; from i = 2 on without its first step."""
    text = trace.partition("\n")[2] if i >= 2 else trace
    if i % 2:
        text = f"{text[:-1]}{(int(text[-1]) + 1) % NUM_VALUES}"
    return Continuation(text, len(text.split()) + 1, finished=True)


def guess(prompt: Prompt, i: int) -> Continuation:
    """A last step that ends in any value, so that one rollout in seven is right."""
    value = zlib.crc32(f"{prompt.text}{prompt.prefix}{i}".encode()) % NUM_VALUES
    return Continuation(f"p0 {i} + {value} = {value} | {value}", 9, finished=True)


@contextmanager
def standing_in(traces: Path) -> Iterator[None]:
    """In this block every stage that samples is given the stand-in."""

    @contextmanager
    def open_stand_in(*args: Any) -> Iterator[StandIn]:
        yield StandIn(traces)

    with mock.patch("synthscale.policy.open_sampler.open_sampler", open_stand_in):
        yield
