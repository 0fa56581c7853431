"""What is asked of a server, and what it answers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


class ServerFailed(ValueError):
    """A server, or its operator, does not answer what was asked; one sentence, and never the key in it."""


class OutOfBudget(ServerFailed):
    """The next request might cost more than is left of `max_cost`."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """Samples of one prompt."""

    key: str  # names the request in its journal: the same key always asks the same
    prompt: str | tuple[Message, ...]  # a raw completion, or a chat
    num_samples: int
    temperature: float
    max_tokens: int  # of one sample
    seed: int
    stop: tuple[str, ...] = ()

    def fingerprint(self, identity: str) -> str:
        """Sixteen hex digits of all that a sample depends on; not their number, so that more can be asked for later."""
        prompt = self.prompt if isinstance(self.prompt, str) else [[m.role, m.content] for m in self.prompt]
        asked = [identity, prompt, self.temperature, self.max_tokens, self.seed, list(self.stop)]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]

    def max_prompt_tokens(self) -> int:
        """A bound on its tokens: no tokenizer makes more of a text than it has bytes; a turn's frame has a few."""
        if isinstance(self.prompt, str):
            return len(self.prompt.encode()) + 1
        return 16 + sum(len(message.content.encode()) + 16 for message in self.prompt)


@dataclass(frozen=True, slots=True)
class Choice:
    """One sample."""

    text: str
    finished: bool  # ended by itself or at a stop text; not cut at the limit, nor by a filter
    num_tokens: int


def seed_at(seed: int, start: int) -> int:
    """The seed that is sent for the samples from `start` on, in 31 bits, which every server takes.

    It is hashed since servers count up from it (vLLM gives sample i of a request the seed + i), so that two
    neighbouring seeds would bring the same samples twice.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{start}".encode()).digest()[:4]) >> 1
