"""Samples of a policy from an OpenAI-compatible server: one that is there, or one started for the checkpoint.

Prompts go out as raw completions, so that a rollout goes on from a prefix as a sample does from a prompt. What differs
from decoding in process:
- A server tokenises prompt and prefix together, and leaves special tokens out of the text.
- Draws differ, and are reproducible only as far as the server's are. vLLM keeps a seed to its request; `transformers
  serve` (5.23) sets torch's global seed when a request arrives, so that requests under way together disturb one
  another: with `num_concurrent=1` it repeats itself. At temperature 0 the tokens agree with those drawn in process.
- `transformers serve` ignores `n`, leaves a stop text in the answer, which is cut off here, and calls a solution cut
  ("length") that ends with the very last token it may have.
- A server at a `url` takes what the protocol has no word for (top_k, repetition penalty) from the model's
  `generation_config.json`; one that we start is given neutral values, see `served.py`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from transformers import AutoTokenizer

from synthscale.policy.config import PolicyConfig, SamplerConfig
from synthscale.policy.prompter import Prompt, Prompter
from synthscale.policy.sampler import Continuation
from synthscale.policy.served import write_served
from synthscale.policy.stop import Stop
from synthscale.server.client import Choice, Client, Request
from synthscale.server.process import serve
from synthscale.session import JOURNAL_SUFFIX, Session

log = logging.getLogger(__name__)
NUM_PROMPTS_TO_JUDGE = 20  # from so many on, samples that are all alike are no chance


@contextmanager
def open_server_sampler(
    config: SamplerConfig, policy: PolicyConfig, folder: Path, session: Session
) -> Iterator[ServerSampler]:
    """A sampler of the policy in the folder; a server that was started for it is stopped at the end."""
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    with ExitStack() as stack:
        yield ServerSampler(config, Prompter(tokenizer, policy), folder, session, stack)


class ServerSampler:
    """A `PolicySampler` that asks a server, which it starts when something is missing in its journal."""

    def __init__(
        self, config: SamplerConfig, prompter: Prompter, folder: Path, session: Session, stack: ExitStack
    ) -> None:
        self.device = "server"
        self.seconds = 0.0
        self._config, self._prompter, self._folder = config, prompter, folder.absolute()
        self._session, self._stack = session, stack
        self._url = config.server.url
        self._served: Path | None = None

    def sample(
        self, prompts: Sequence[Prompt], num_samples: int, *, temperature: float, seed: int, keep: Path
    ) -> list[list[Continuation]]:
        """See `PolicySampler.sample`."""
        keep.mkdir(parents=True, exist_ok=True)
        tokenizer, config = self._prompter.tokenizer, self._config
        requests = [
            Request(
                key=str(i),
                prompt=self._prompter.text(prompt),
                num_samples=num_samples,
                temperature=temperature,
                max_tokens=config.max_new_tokens,
                seed=prompt_seed(seed, i),
                stop=tuple(config.stop),
            )
            for i, prompt in enumerate(prompts)
        ]
        with Client(
            config.server,
            url=lambda: self._running(keep),
            model=self._model(keep),
            journal=keep / f"answers{JOURNAL_SUFFIX}",
            session=self._session,
            identity=self._folder.parent.name,  # the policy's key; the folder's path may change
            place="sampler.server",
            count_tokens=lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]),
        ) as client:
            drawn = client.ask(requests)
            self.seconds += client.meter.seconds
        warn_if_greedy(drawn, temperature)
        stop = Stop(tokenizer, config.stop)
        return [[as_continuation(choice, stop) for choice in choices] for choices in drawn]

    def _model(self, keep: Path) -> str:
        """What the server is asked for: the config's name, or else the folder that it serves."""
        if self._config.server.model is not None:
            return self._config.server.model
        return str(self._folder if self._config.server.url else self._served_folder(keep))

    def _served_folder(self, keep: Path) -> Path:
        if self._served is None:
            self._served = keep.absolute() / "served"
        return self._served

    def _running(self, keep: Path) -> str:
        """The server's address; it is started the first time."""
        if self._url is None:
            served = self._served_folder(keep)
            write_served(self._folder, served)
            log_path = keep / f"server_log{JOURNAL_SUFFIX}"  # a name that outlives a failure, so that it can be read
            self._url = self._stack.enter_context(serve(self._config.server, served, log_path, self._session))
        return self._url


def prompt_seed(seed: int, index: int) -> int:
    """The seed of a prompt's samples; the client derives each request's from it."""
    return int.from_bytes(hashlib.sha256(f"{seed} {index}".encode()).digest()[:5])


def as_continuation(choice: Choice, stop: Stop) -> Continuation:
    """The choice without what comes from the first stop text on, which some servers leave in."""
    text = stop.cut(choice.text)
    return Continuation(text, choice.num_tokens, choice.finished or text != choice.text)


def warn_if_greedy(drawn: Sequence[Sequence[Choice]], temperature: float) -> None:
    """Warn if the samples of each of many prompts are alike although they were drawn: the server ignores it."""
    several = [{choice.text for choice in choices} for choices in drawn if len(choices) > 1]
    if temperature > 0 and len(several) >= NUM_PROMPTS_TO_JUDGE and all(len(texts) == 1 for texts in several):
        log.warning(
            "All samples of each of %d prompts are alike at temperature %g: does the server sample at all? "
            "`transformers serve` needs do_sample in the model's generation_config.json.",
            len(several),
            temperature,
        )
