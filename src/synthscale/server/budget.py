"""Keeps what is spent under `max_cost`: a request starts only if it fits in at its most."""

from __future__ import annotations

from synthscale.server.config import ServerConfig
from synthscale.server.journal import Journal
from synthscale.server.meter import Meter
from synthscale.server.request import Request


class Budget:
    """Reserves the most that a request can cost, in the journal, before it goes out.

    What was sent and has no end (its process was killed, its connection was lost) may have been charged, and stays
    reserved. A server that charges for more completion tokens than `max_tokens` breaks the bound.
    """

    def __init__(self, config: ServerConfig, meter: Meter, journal: Journal, place: str) -> None:
        self._place = place
        self._max_cost = config.max_cost
        self._meter = meter
        self._journal = journal

    def bound(self, request: Request, num_samples: int) -> float:
        """The most that so many samples of the request can cost."""
        return self._meter.price(request.max_prompt_tokens(), request.max_tokens * num_samples) or 0.0

    def fits(self, request: Request, num_samples: int) -> bool:
        """Whether the request can start now."""
        return self._max_cost is None or self._spent() + self.bound(request, num_samples) <= self._max_cost

    def reserve(self, request: Request, num_samples: int) -> int | None:
        """Note that it starts; the number of its reservation, None where there is no limit."""
        return None if self._max_cost is None else self._journal.sent(self.bound(request, num_samples))

    def exhausted(self, request: Request, num_samples: int) -> str:
        """The sentence on what was spent and how to go on."""
        meter, lost = self._meter, sum(self._journal.unended.values())
        unanswered = f", and up to {lost:.4g} for requests whose answers never came" if lost else ""
        key = f"{self._place}.max_cost"
        return (
            f"{meter.cost:.4g} was spent of {key}={self._max_cost:g}, for {meter.requests:,} answers with "
            f"{meter.prompt_tokens:,} prompt and {meter.completion_tokens:,} completion tokens{unanswered}; the next "
            f"request may cost {self.bound(request, num_samples):.4g}. Raise {key} and run again: it goes on from "
            "there and pays for nothing twice."
        )

    def _spent(self) -> float:
        return (self._meter.cost or 0.0) + sum(self._journal.unended.values())
