"""Worker processes: each runs one stage after the other and lives as long as the study.

A stage's process imports torch and lightning for ten seconds, so it is kept. Each worker has a pipe of its own
instead of a shared pool and queue: when one is killed, we know which stage it was at, the others do not notice, and
no lock of a shared queue is left held. (`ProcessPoolExecutor` breaks as a whole when one of its processes dies.)

A worker dies with its parent, also after kill -9: a thread of it waits for the end of the parent's process.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from synthscale.session import Advance, Session
from synthscale.stage.stage import Node
from synthscale.study.outcome import Raised, caught
from synthscale.study.store import ArtifactStore

_THREAD_KEYS = (  # of all that computes in a stage; each library reads its own when it is loaded
    "OMP_NUM_THREADS",  # torch, and pyarrow's pool for computing
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",  # numpy and scipy
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",  # pandas
    "ARROW_IO_THREADS",  # pyarrow's pool for reading, which unpacks too
    "RAYON_NUM_THREADS",  # tokenizers
)
_QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}  # transformers draws a bar for each model it loads
_SECONDS_BETWEEN_REPORTS = 0.2
_SECONDS_TO_LEAVE = 5


@dataclass(frozen=True, slots=True)
class Advanced:
    """A worker's stage went along."""

    done: int
    total: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waits:
    """A worker waits for an artifact that a process of another study is making."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker's stage ended, well or with what it raised."""

    raised: Raised | None


Report = Advanced | Waits | Ended


class Worker:
    """A process at this end of its pipe; `node` is the stage it is at."""

    def __init__(self, store: ArtifactStore, num_threads: int, checkpoint_seconds: float) -> None:
        context = mp.get_context("spawn")  # a forked torch deadlocks in its thread pool
        self.connection, child = context.Pipe()
        self.process = context.Process(target=serve, args=(child, store, checkpoint_seconds), daemon=True)
        self.node: Node | None = None
        with stage_environment(num_threads):
            self.process.start()
        child.close()  # ours, so that the pipe ends when the process does

    def begin(self, node: Node) -> None:
        """Start a stage; that the process died while it was idle shows when its report is read."""
        self.node = node
        with suppress(ConnectionError):
            self.connection.send(node)

    def receive(self) -> Report | None:
        """The next report; None if the process died."""
        try:
            report: Report = self.connection.recv()
        except (EOFError, ConnectionError):
            return None
        return report

    def stop(self) -> None:
        """End the process: an idle one when it sees its pipe closed, a busy one by SIGKILL.

        The lock of a killed stage is released by the kernel, and its unfinished folder is swept by the next maker.
        """
        self.connection.close()
        if self.node is None:
            self.process.join(_SECONDS_TO_LEAVE)
        self.process.kill()
        self.process.join()


def ready(workers: Sequence[Worker]) -> list[Worker]:
    """The busy workers that have something to report, as soon as there is one."""
    connections = {worker.connection: worker for worker in workers if worker.node is not None}
    return [connections[connection] for connection in wait(list(connections)) if isinstance(connection, Connection)]


def serve(connection: Connection, store: ArtifactStore, checkpoint_seconds: float) -> None:
    """The worker's life: a stage in, reports out, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent decides
    threading.Thread(target=_die_with_parent, daemon=True).start()

    def waits(sentence: str) -> None:
        connection.send(Waits(sentence))

    while True:
        try:
            node: Node = connection.recv()
        except EOFError:
            return
        try:
            advance = _throttled(lambda done, total, note="": connection.send(Advanced(done, total, note)))
            store.make(node, Session(advance, checkpoint_seconds=checkpoint_seconds), waits)
        except Exception as error:
            connection.send(Ended(caught(error)))
        else:
            connection.send(Ended(None))


@contextmanager
def stage_environment(num_threads: int) -> Iterator[None]:
    """What libraries read when they are loaded, in this process or in one started meanwhile: threads, and no bars."""
    wanted = {key: str(num_threads) for key in _THREAD_KEYS} | _QUIET
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def _die_with_parent() -> None:
    parent = mp.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _throttled(report: Advance) -> Advance:
    last = 0.0

    def advance(done: int, total: int, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if done >= total or now - last >= _SECONDS_BETWEEN_REPORTS:
            last = now
            report(done, total, note)

    return advance
