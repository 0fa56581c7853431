"""The client of an OpenAI-compatible server: requests in, samples out, nothing asked or paid for twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from synthscale.server.config import ServerConfig
from synthscale.server.journal import Journal
from synthscale.server.meter import Meter
from synthscale.server.request import Choice, Message, OutOfBudget, Request, ServerFailed
from synthscale.server.round import Round
from synthscale.server.secret import read_key
from synthscale.server.wire import Wire
from synthscale.session import Advance, Session

__all__ = ["Choice", "Client", "Message", "Meter", "OutOfBudget", "Request", "ServerFailed"]


class Client:
    """Asks one model, and keeps the answers in a journal.

    Args:
        url: the base URL of the protocol; or a function that gives it, called when something is missing in the
            journal, so that a server is only started where it is needed.
        model: the name it is asked for by.
        journal: a file of the artifact's checkpoints whose name ends in `.journal`.
        identity: of the model, where its name differs from process to process.
        count_tokens: of a text without its end, for answers whose usage does not say it for each sample.
        place: where the config stands, for messages.

    Attributes:
        meter: what was asked for and spent, by earlier processes too.

    Raises:
        ServerFailed: if the key is not in the environment.
    """

    def __init__(
        self,
        config: ServerConfig,
        *,
        url: str | Callable[[], str],
        model: str,
        journal: Path,
        session: Session,
        identity: str | None = None,
        count_tokens: Callable[[str], int] | None = None,
        place: str = "server",
    ) -> None:
        self._key = read_key(config, place)
        self._place = place
        self._config, self._url, self._model = config, url, model
        self._identity = model if identity is None else identity
        self._session = session
        self._count_tokens = count_tokens
        self.meter = Meter.of(config)
        self._journal = Journal(journal, self.meter.add)

    def ask(self, requests: Sequence[Request], advance: Advance | None = None) -> list[list[Choice]]:
        """The samples of each request, in the requests' order; `advance` is told the requests that are done.

        It blocks, and runs an event loop of its own.

        Raises:
            ServerFailed: if the server refuses a request, or fails too often; what was answered is in the journal.
            OutOfBudget: if the next request might exceed `max_cost`; what was under way was let end.
            Stopped: if the session was asked to stop; what was under way was given some seconds to end.
        """
        named = [(request, request.fingerprint(self._identity)) for request in requests]
        wanted: dict[tuple[str, str], Request] = {}
        for request, fingerprint in sorted(named, key=lambda one: one[0].num_samples, reverse=True):
            wanted.setdefault((request.key, fingerprint), request)
        if len({key for key, _ in wanted}) != len(wanted):
            raise AssertionError("two requests of one key ask different things")
        in_order = {(request.key, fingerprint): wanted[request.key, fingerprint] for request, fingerprint in named}
        todo = [(request, fingerprint) for (_, fingerprint), request in in_order.items()]
        if self._lacks(todo):
            self._ask(todo, advance or self._session.advance)
        found = [self._journal.samples(request.key, fingerprint) for request, fingerprint in named]
        return [
            [samples[i] for i in range(request.num_samples)] for request, samples in zip(requests, found, strict=True)
        ]

    def _lacks(self, requests: Sequence[tuple[Request, str]]) -> bool:
        """Whether the journal lacks a sample of one of them."""
        return any(
            not self._journal.indices(request.key, fingerprint) >= set(range(request.num_samples))
            for request, fingerprint in requests
        )

    def _ask(self, requests: Sequence[tuple[Request, str]], advance: Advance) -> None:
        url = self._url if isinstance(self._url, str) else self._url()
        round_ = Round(self._config, url, self._journal, self.meter, self._session, self._count_tokens, self._place)
        try:
            asyncio.run(self._run(round_, Wire(self._config, url, self._model, self._key), requests, advance))
        finally:
            self._journal.sync(now=True)
        if self._lacks(requests) and self._session.is_stop_requested:
            self._session.saved()
        if round_.failure is not None:
            raise round_.failure

    @staticmethod
    async def _run(round_: Round, wire: Wire, requests: Sequence[tuple[Request, str]], advance: Advance) -> None:
        try:
            await round_.run(wire, requests, advance)
        finally:
            await wire.close()

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
