"""What a server was asked for and what it cost, over all processes that worked on the artifact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from synthscale.server.config import ServerConfig


@dataclass(slots=True)
class Meter:
    """Counts answered requests and their tokens."""

    prompt_price: float | None = None  # per million tokens
    completion_price: float | None = None
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0
    seconds: float = 0.0  # that asking took

    @classmethod
    def of(cls, config: ServerConfig) -> Meter:
        """A meter with the config's prices."""
        return cls(config.price_per_million_prompt_tokens, config.price_per_million_completion_tokens)

    def add(self, figures: Mapping[str, float]) -> None:
        """Count one answer."""
        self.requests += 1
        self.prompt_tokens += int(figures["prompt_tokens"])
        self.completion_tokens += int(figures["completion_tokens"])
        self.retries += int(figures["retries"])
        self.seconds += figures["seconds"]

    def price(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """What so many tokens cost, in the prices' currency; None without prices."""
        if self.prompt_price is None or self.completion_price is None:
            return None
        return (prompt_tokens * self.prompt_price + completion_tokens * self.completion_price) / 1e6

    @property
    def cost(self) -> float | None:
        """What all answers cost."""
        return self.price(self.prompt_tokens, self.completion_tokens)

    def measures(self) -> dict[str, float | int | str | None]:
        """The figures for a stage's measures."""
        return {
            "num_requests": self.requests,
            "num_prompt_tokens": self.prompt_tokens,
            "num_completion_tokens": self.completion_tokens,
            "num_retries": self.retries,
            "request_seconds": self.seconds,
            "cost": self.cost,
        }
