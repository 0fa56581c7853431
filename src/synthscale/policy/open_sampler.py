"""One way to a policy's samples for every stage, whoever decodes: this process, or a server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from synthscale.policy.config import Device, PolicyConfig, SamplerConfig, SamplerKind
from synthscale.session import Session

if TYPE_CHECKING:
    from synthscale.policy.prompter import Prompt
    from synthscale.policy.sampler import Continuation, Sampler


class PolicySampler(Protocol):
    """Draws from one policy, and keeps what is drawn so that a process that follows a killed one goes on."""

    device: str  # where it is decoded, for the records
    seconds: float  # that drawing took, in earlier processes too

    def sample(
        self, prompts: Sequence[Prompt], num_samples: int, *, temperature: float, seed: int, keep: Path
    ) -> list[list[Continuation]]:
        """Continuations of each prompt, in the prompts' order; a temperature of 0 is greedy decoding.

        What is drawn is kept under the path `keep`, which must be of these very prompts, this policy and this seed.

        Raises:
            Stopped: if the session was asked to stop; what was drawn so far is kept.
        """
        ...


@contextmanager
def open_sampler(
    config: SamplerConfig, policy: PolicyConfig, folder: Path, device: Device, session: Session
) -> Iterator[PolicySampler]:
    """A sampler of the policy in the folder; a server that was started for it is stopped at the end."""
    if config.kind is SamplerKind.server:
        from synthscale.policy.server_sampler import open_server_sampler

        with open_server_sampler(config, policy, folder, session) as sampler:
            yield sampler
        return
    from synthscale.policy.device import pick_device
    from synthscale.policy.policy import load_policy
    from synthscale.policy.prompter import Prompter
    from synthscale.policy.sampler import Sampler

    model, tokenizer = load_policy(folder, policy, device=pick_device(device))
    yield InProcessSampler(Sampler.build(config, model, Prompter(tokenizer, policy)), session)


class InProcessSampler:
    """A `PolicySampler` that decodes here."""

    def __init__(self, sampler: Sampler, session: Session) -> None:
        self.device: str = sampler.model.device.type
        self.seconds = 0.0
        self._sampler = sampler
        self._session = session

    def sample(
        self, prompts: Sequence[Prompt], num_samples: int, *, temperature: float, seed: int, keep: Path
    ) -> list[list[Continuation]]:
        """See `PolicySampler.sample`."""
        from synthscale.policy.shards import ShardFolder

        started, shards = time.perf_counter(), ShardFolder(keep, self._session)

        def advance(done: int, total: int) -> None:
            rate = shards.num_tokens / max(1e-3, time.perf_counter() - started)
            self._session.advance(done, total, f"{rate:,.0f} tok/s" if rate else "")

        drawn = self._sampler.sample(
            prompts,
            num_samples,
            temperature=temperature,
            seed=seed,
            advance=advance,
            shards=shards,
        )
        shards.finish()
        self.seconds += time.perf_counter() - started + shards.seconds
        return drawn
