"""Processes that do parts of a file's work: programs of their own that take a function and its argument through a pipe.

They are in a session of their own, so that Ctrl-C and a closed terminal reach only the process that asks; when that one
is gone, they find their pipe closed and end.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from synthscale.grading.file import GradeError

NUM_AHEAD = 3  # arguments that wait, for each process
PACKAGE_ROOT = Path(__file__).parents[2]
Given = TypeVar("Given")
Found = TypeVar("Found")


class Processes:
    """Up to `num` processes, started when there is work; a context that ends them."""

    def __init__(self, num: int) -> None:
        self.num = num
        self.all: list[subprocess.Popen[bytes]] = []
        self.free: deque[subprocess.Popen[bytes]] = deque()
        self.threads = ThreadPoolExecutor(num)

    def map(self, work: Callable[[Given], Found], arguments: Iterable[Given]) -> Iterator[Found]:
        """What `work` makes of each argument, in their order; few of them are in memory at a time.

        Raises:
            GradeError: if a process was killed.
        """
        while len(self.all) < self.num:
            self.all.append(start())
            self.free.append(self.all[-1])
        waiting: deque[Future[Found]] = deque()
        for argument in arguments:
            waiting.append(self.threads.submit(self.do, work, argument))
            if len(waiting) >= NUM_AHEAD * self.num:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def do(self, work: Callable[[Given], Found], argument: Given) -> Found:
        """Have a free process do the work; there is one for each thread."""
        process = self.free.popleft()
        found: Found = ask(process, work, argument)
        self.free.append(process)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.all:
            process.kill()
        self.threads.shutdown(cancel_futures=True)
        for process in self.all:
            process.communicate()


def start() -> subprocess.Popen[bytes]:
    """A process that waits for work."""
    path = os.pathsep.join([str(PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )


def ask(process: subprocess.Popen[bytes], work: Callable[[Any], Any], argument: object) -> Any:
    """Have a process do the work.

    Raises:
        GradeError: if it is killed meanwhile.
    """
    assert process.stdin is not None and process.stdout is not None
    try:
        pickle.dump((work, argument), process.stdin)
        process.stdin.flush()
        return pickle.load(process.stdout)
    except (EOFError, OSError, pickle.UnpicklingError) as error:
        raise GradeError("A process that graded was killed, perhaps for want of memory; try fewer --jobs.") from error


def serve() -> None:
    """Do what comes in through standard input until it closes; what the work prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            work, argument = pickle.load(sys.stdin.buffer)
            pickle.dump(work(argument), answers)
            answers.flush()
        except (EOFError, BrokenPipeError):  # who asked is gone, or done
            os._exit(0)


if __name__ == "__main__":
    serve()
