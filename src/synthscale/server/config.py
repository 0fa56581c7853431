"""How an OpenAI-compatible server is reached or started, and what may be spent on it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from synthscale.problem import ONLY_HOW, check_between


@dataclass(kw_only=True, slots=True)
class ServerConfig:
    """An address, or a command that starts a server for a checkpoint inside the job.

    Nothing here but `model` changes what is asked for, so no artifact's key depends on the rest.
    """

    model: str | None = None  # the name it is asked for by; null: the folder of the checkpoint that it serves
    url: str | None = field(default=None, metadata=ONLY_HOW)  # http://host:port/v1
    command: str | None = field(default=None, metadata=ONLY_HOW)  # with {model} and {port}; takes the place of a url
    health_path: str = field(default="/health", metadata=ONLY_HOW)  # of a server that `command` starts
    startup_minutes: float = field(default=20.0, metadata=ONLY_HOW)  # until it must be healthy
    api_key_env: str | None = field(default=None, metadata=ONLY_HOW)  # the environment variable that holds the key
    max_completion_tokens: bool = field(default=False, metadata=ONLY_HOW)  # some chat models want this for max_tokens
    num_concurrent: int = field(default=64, metadata=ONLY_HOW)  # requests under way at once, each on a connection
    samples_per_request: int = field(default=8, metadata=ONLY_HOW)  # at most; the protocol's n
    max_retries: int = field(default=8, metadata=ONLY_HOW)  # of a request, on 429, 5xx, time-outs and lost connections
    max_backoff_seconds: float = field(default=60.0, metadata=ONLY_HOW)
    timeout_seconds: float = field(default=600.0, metadata=ONLY_HOW)  # of a request
    price_per_million_prompt_tokens: float | None = field(default=None, metadata=ONLY_HOW)  # in any currency
    price_per_million_completion_tokens: float | None = field(default=None, metadata=ONLY_HOW)
    max_cost: float | None = field(default=None, metadata=ONLY_HOW)  # of one artifact; asks nothing more then

    def check(self, key: str) -> None:
        """Raise ValueError with one sentence for a value that cannot be; `key` is where the config stands."""
        check_between(f"{key}.startup_minutes", self.startup_minutes, 0.01, 10_000)
        check_between(f"{key}.num_concurrent", self.num_concurrent, 1, 1_000)
        check_between(f"{key}.samples_per_request", self.samples_per_request, 1, 10_000)
        check_between(f"{key}.max_retries", self.max_retries, 0, 1_000)
        check_between(f"{key}.max_backoff_seconds", self.max_backoff_seconds, 0.0, 3_600)
        check_between(f"{key}.timeout_seconds", self.timeout_seconds, 0.01, 100_000)
        prices = {
            "price_per_million_prompt_tokens": self.price_per_million_prompt_tokens,
            "price_per_million_completion_tokens": self.price_per_million_completion_tokens,
            "max_cost": self.max_cost,
        }
        for name, value in prices.items():
            if value is not None:
                check_between(f"{key}.{name}", value, 1e-9 if name == "max_cost" else 0.0, 1e9)
        if self.url and self.command:
            raise ValueError(f"{key}.url and {key}.command are both set: a server is either there or started.")
        if self.url and not re.fullmatch(r"https?://[^\s@/?#]+(/[^\s?#]*)?", self.url):
            raise ValueError(f"{key}.url must be http(s)://host:port/v1, without a name, password or key in it.")
        if self.command and "{port}" not in self.command:
            raise ValueError(f"{key}.command must hold {{port}}, where it is to listen: {self.command!r} does not.")
        try:
            shlex.split(self.command or "")
        except ValueError as error:
            raise ValueError(f"{key}.command cannot be read as a shell would ({error}): {self.command!r}.") from error
        if self.api_key_env and not re.fullmatch(r"[A-Za-z_]\w*", self.api_key_env, flags=re.ASCII):
            raise ValueError(f"{key}.api_key_env must be the name of an environment variable, and not a key itself.")
        num_prices = sum(value is not None for name, value in prices.items() if name != "max_cost")
        if num_prices == 1 or (num_prices == 0 and self.max_cost is not None):
            raise ValueError(
                f"{key}.price_per_million_prompt_tokens and {key}.price_per_million_completion_tokens go together, and "
                f"{key}.max_cost needs them: set both."
            )
