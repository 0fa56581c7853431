"""One round of requests: so many under way at once, troubles waited out, answers journaled as they come.

A request is cut into pieces of `samples_per_request` samples, each with a seed of its own. A server may give fewer
samples than it was asked for (`transformers serve` always gives one): the others are asked for one by one.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from synthscale.server.budget import Budget
from synthscale.server.config import ServerConfig
from synthscale.server.journal import Journal
from synthscale.server.meter import Meter
from synthscale.server.request import Choice, OutOfBudget, Request, ServerFailed, seed_at
from synthscale.server.wire import Answer, Trouble, Wire
from synthscale.session import Advance, Session

FIRST_BACKOFF_SECONDS = 1.0
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_TO_END = 20.0  # for requests that are under way when the stage is asked to stop; they are paid for


@dataclass(slots=True)
class Piece:
    """Some samples of one request, from the index `start` on."""

    request: Request
    fingerprint: str
    start: int
    num_samples: int
    retries: int = 0


class Round:
    """Asks for what the journal does not have of some requests.

    Attributes:
        failure: why it ended before all was answered, to be raised where no other exception is being handled, since
            the context of one could hold the key.
    """

    def __init__(
        self,
        config: ServerConfig,
        url: str,
        journal: Journal,
        meter: Meter,
        session: Session,
        count_tokens: Callable[[str], int] | None,
        place: str,
    ) -> None:
        self.failure: ServerFailed | None = None
        self._server, self._url, self._session = config, url, session
        self._journal, self._meter = journal, meter
        self._budget, self._place = Budget(config, meter, journal, place), place
        self._count_tokens = count_tokens
        self._queue: deque[Piece] = deque()
        self._ending = asyncio.Event()
        self._hold_until = 0.0  # by the monotonic clock: the server asked all to wait
        self._num_left: Counter[tuple[str, str]] = Counter()  # samples, by request
        self._started = self._answered_at = time.monotonic()
        self._num_tokens = 0

    async def run(self, wire: Wire, requests: Sequence[tuple[Request, str]], advance: Advance) -> None:
        """Ask until all is answered, something fails for good, or the session is asked to stop."""
        self._queue.extend(self._pieces(requests))
        total = len(requests)
        tasks: set[asyncio.Task[None]] = set()
        try:
            while self._start(wire, tasks) or tasks:
                done, tasks = await asyncio.wait(
                    tasks, timeout=SECONDS_BETWEEN_LOOKS, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    task.result()
                advance(total - len(self._num_left), total, self._note())
                if await self._is_over(tasks):
                    return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _pieces(self, requests: Sequence[tuple[Request, str]]) -> Iterator[Piece]:
        """What is missing, in runs of neighbours; greedy samples come one by one, since servers refuse more."""
        for request, fingerprint in requests:
            there = self._journal.indices(request.key, fingerprint)
            missing = [i for i in range(request.num_samples) if i not in there]
            if not missing:
                continue
            self._num_left[request.key, fingerprint] = len(missing)
            size = self._server.samples_per_request if request.temperature > 0 else 1
            start = previous = missing[0]
            for i in [*missing[1:], None]:
                if i is None or i != previous + 1 or i - start == size:
                    yield Piece(request, fingerprint, start, previous + 1 - start)
                    start = i if i is not None else 0
                previous = i if i is not None else 0

    def _start(self, wire: Wire, tasks: set[asyncio.Task[None]]) -> bool:
        """Start what there is room and money for; whether anything is under way then."""
        while self._queue and len(tasks) < self._server.num_concurrent and not self._ending.is_set():
            piece = self._queue[0]
            if not self._budget.fits(piece.request, piece.num_samples):
                if not tasks:  # nothing that is under way can turn out cheaper
                    self._end(OutOfBudget(self._budget.exhausted(piece.request, piece.num_samples)))
                break
            self._queue.popleft()
            number = self._budget.reserve(piece.request, piece.num_samples)
            tasks.add(asyncio.create_task(self._serve(wire, piece, number)))
        return bool(tasks)

    async def _serve(self, wire: Wire, piece: Piece, number: int | None) -> None:
        """Ask for a piece until it is answered, or put it back where there is no money for another attempt."""
        while True:
            if await self._waits(self._hold_until - time.monotonic()):
                self._journal.refused(number)
                return
            outcome = await wire.post(piece.request, piece.num_samples, seed_at(piece.request.seed, piece.start))
            if isinstance(outcome, Answer):
                self._keep(piece, number, outcome)
                return
            if not outcome.may_be_charged:
                self._journal.refused(number)
            if not outcome.passes or piece.retries >= self._server.max_retries:
                self._end(ServerFailed(self._sentence(outcome, piece.retries + 1)))
                return
            piece.retries += 1
            if await self._waits(self._backoff_seconds(outcome, piece.retries)):
                return
            if not self._budget.fits(piece.request, piece.num_samples):
                self._queue.appendleft(piece)
                return
            number = self._budget.reserve(piece.request, piece.num_samples)

    def _keep(self, piece: Piece, number: int | None, answer: Answer) -> None:
        """Journal an answer, and ask for what it lacks."""
        choices, completion_tokens = as_choices(answer, piece.request, self._count_tokens)
        now = time.monotonic()
        figures = {
            "prompt_tokens": answer.prompt_tokens or piece.request.max_prompt_tokens(),
            "completion_tokens": completion_tokens,
            "retries": piece.retries,
            "seconds": now - self._answered_at,  # since the last answer, so that they add up to the round's time
        }
        kept = choices[: piece.num_samples]
        names = (piece.request.key, piece.fingerprint)
        self._journal.answered(number, *names, piece.start, kept, figures)
        self._meter.add(figures)
        self._answered_at, self._num_tokens = now, self._num_tokens + completion_tokens
        self._num_left[names] -= len(kept)
        if not self._num_left[names]:
            del self._num_left[names]
        for i in reversed(range(piece.start + len(kept), piece.start + piece.num_samples)):
            self._queue.appendleft(Piece(piece.request, piece.fingerprint, i, 1))

    async def _is_over(self, tasks: set[asyncio.Task[None]]) -> bool:
        """Save if it is time to; if the session was asked to stop, end first what is under way."""
        if self._session.is_stop_requested:
            self._ending.set()
            if tasks:
                await asyncio.wait(tasks, timeout=SECONDS_TO_END)
            return True
        self._journal.sync()
        if self._session.is_save_due():
            self._journal.sync(now=True)
            self._session.saved()
        return False

    def _end(self, failure: ServerFailed) -> None:
        """Start nothing more; what is under way is let end, since it is paid for."""
        self.failure = self.failure or failure
        self._ending.set()

    async def _waits(self, seconds: float) -> bool:
        """Wait so long; whether the round came to its end meanwhile."""
        if seconds > 0 and not self._ending.is_set():
            try:
                await asyncio.wait_for(self._ending.wait(), seconds)
            except TimeoutError:
                return False
        return self._ending.is_set()

    def _backoff_seconds(self, trouble: Trouble, attempt: int) -> float:
        """Exponential with full jitter, and not before the server allows it; then none of the others asks either.

        Source: M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog 2015.
        """
        longest = self._server.max_backoff_seconds
        seconds = random.uniform(0, min(longest, FIRST_BACKOFF_SECONDS * 2.0 ** min(attempt - 1, 30)))
        if trouble.wait_seconds is None:
            return seconds
        asked = min(longest, trouble.wait_seconds)
        self._hold_until = max(self._hold_until, time.monotonic() + asked)
        return max(seconds, asked)

    def _sentence(self, trouble: Trouble, num_attempts: int) -> str:
        if trouble.passes:
            often = "once" if num_attempts == 1 else f"{num_attempts} times"
            return (
                f"The server at {self._url} failed {often}, at last with: {trouble.what}. What it has answered is "
                "kept: run again when it is well, and only the rest is asked for."
            )
        hint = ""
        if trouble.what.startswith(("401", "403")):
            variable = self._server.api_key_env
            hint = (
                f" Check the key in {variable}."
                if variable
                else f" Name the variable of its key: {self._place}.api_key_env."
            )
        if trouble.what.startswith("404"):
            hint = f" Does {self._place}.url end where the protocol begins (mostly /v1), and does it serve that model?"
        return f"The server at {self._url} refused a request: {trouble.what.rstrip('.')}.{hint}"

    def _note(self) -> str:
        rate = self._num_tokens / max(1e-3, time.monotonic() - self._started)
        retries = f", {self._meter.retries:,} retries" if self._meter.retries else ""
        spent = f", {self._meter.cost:.2f} spent" if self._meter.cost is not None else ""
        return f"{rate:,.0f} tok/s{retries}{spent}"


def as_choices(answer: Answer, request: Request, count_tokens: Callable[[str], int] | None) -> tuple[list[Choice], int]:
    """The choices with their tokens, and the tokens of all of them.

    The usage is of all choices together. A single choice has all of it; of several, each has what `count_tokens` says
    and one for the end, or without that function a share in proportion to its bytes. A server that tells no usage is
    taken to have used the most that the texts allow: as many tokens as bytes.
    """
    texts, total = [text for text, _ in answer.choices], answer.completion_tokens
    sizes = [len(text.encode()) + 1 for text in texts]
    if len(texts) == 1 and total is not None:
        counts = [total]
    elif count_tokens is not None:
        counts = [count_tokens(text) + (reason == "stop") for text, reason in answer.choices]
    elif total is None:
        counts = [min(size, request.max_tokens) for size in sizes]
    else:
        ends = [round(total * sum(sizes[: i + 1]) / sum(sizes)) for i in range(len(sizes))]
        counts = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    most = sum(min(size, request.max_tokens) for size in sizes)
    choices = [
        Choice(text, reason == "stop", count) for (text, reason), count in zip(answer.choices, counts, strict=True)
    ]
    return choices, most if total is None else total
