"""Processes that do parts of a file's work: programs of their own that take a function and its argument through a pipe.

They are in a session of their own, so that Ctrl-C and a closed terminal reach only the process that asks; when that one
is gone, they find their pipe closed and end.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from synthscale.evaluation.grade_file import GradeError

NUM_AHEAD = 3  # arguments that wait, for each process
PACKAGE_ROOT = Path(__file__).parents[2]
Given = TypeVar("Given")
Found = TypeVar("Found")


def in_processes(work: Callable[[Given], Found], arguments: Iterable[Given], jobs: int) -> Generator[Found]:
    """What `work` makes of each argument, in their order; few of them are in memory at a time.

    Raises:
        GradeError: if a process was killed.
    """
    processes = [start() for _ in range(jobs)]
    free, threads = deque(processes), ThreadPoolExecutor(jobs)
    lock = threading.Lock()

    def do(argument: Given) -> Found:
        with lock:
            process = free.popleft()
        found: Found = ask(process, work, argument)
        with lock:
            free.append(process)
        return found

    waiting: deque[Future[Found]] = deque()
    try:
        for argument in arguments:
            waiting.append(threads.submit(do, argument))
            if len(waiting) >= NUM_AHEAD * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for process in processes:
            process.kill()
        threads.shutdown(cancel_futures=True)
        for process in processes:
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
