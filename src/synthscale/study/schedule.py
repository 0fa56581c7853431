"""Which stage to start next: among those whose inputs are there, the one with the most work hanging on it.

That is list scheduling by the longest remaining path: large points first, so that the study does not end with one core
waiting for the longest chain. Only the ratios of the costs matter, and only roughly.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from synthscale.stage.stage import Node
from synthscale.study.outcome import Failure
from synthscale.study.plan import Plan

SECONDS_A_PROBLEM: Mapping[str, float] = {"synthesize": 0.001, "compose": 0.001, "sample": 0.015, "credit": 0.04}
SECONDS_A_STAGE: Mapping[str, float] = {"evaluate": 4.0}
SECONDS_AN_UPDATE = 0.08
"""Rough costs on one core, from the shares measured at N = 128 (21 % SFT, 5 % sampling, 14 % prefix values)."""


class Schedule:
    """The stages still to make, in the order of their work, with what has failed and what that blocks."""

    def __init__(self, plan: Plan) -> None:
        self.nodes = {planned.node.key: planned.node for planned in plan.todo}
        self.failures: dict[str, Failure] = {}  # of the key that failed and of all that it blocks
        self._missing = {
            key: {c.key for c in node.inputs.values()} & set(self.nodes) for key, node in self.nodes.items()
        }
        self._dependents: dict[str, list[str]] = {key: [] for key in self.nodes}
        for key, missing in self._missing.items():
            for child in missing:
                self._dependents[child].append(key)
        self._work = self._remaining_work(plan)
        self._ready: list[tuple[float, str]] = []
        for key, missing in self._missing.items():
            if not missing:
                self._push(key)

    def pop(self) -> Node | None:
        """The next stage to start, or None while none is ready."""
        return self.nodes[heapq.heappop(self._ready)[1]] if self._ready else None

    def put_back(self, node: Node) -> None:
        """Make a started stage ready again."""
        self._push(node.key)

    def finish(self, node: Node) -> None:
        """Note that the artifact is there; what waited for it alone becomes ready."""
        for key in self._dependents[node.key]:
            self._missing[key].discard(node.key)
            if not self._missing[key] and key not in self.failures:
                self._push(key)

    def fail(self, node: Node, failure: Failure) -> None:
        """Note the failure, for the stage and for all that needs it; the first cause stays."""
        stack = [node.key]
        while stack:
            key = stack.pop()
            if key not in self.failures:
                self.failures[key] = failure
                stack.extend(self._dependents[key])

    def _push(self, key: str) -> None:
        heapq.heappush(self._ready, (-self._work[key], key))

    def _remaining_work(self, plan: Plan) -> dict[str, float]:
        work: dict[str, float] = {}
        for key in reversed(self.nodes):  # what needs a stage comes after it
            own = estimated_seconds(self.nodes[key], plan.data_size(key))
            work[key] = own + max((work[dependent] for dependent in self._dependents[key]), default=0.0)
        return work


def estimated_seconds(node: Node, data_size: int) -> float:
    """About what the stage takes, to set it in order; training by its updates, the rest by problems."""
    training = SECONDS_AN_UPDATE * getattr(node.config, "num_updates", 0)
    return training + SECONDS_A_STAGE.get(node.stage, 0.0) + SECONDS_A_PROBLEM.get(node.stage, 0.0) * data_size
