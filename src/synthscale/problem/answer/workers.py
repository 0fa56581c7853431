"""The processes that compare hard pairs: started when one is needed, ended when a pair exceeds its time, in any thread.

They are programs of their own and no forks, so that a caller with threads, CUDA or a notebook is no trouble.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 120.0  # for the imports, on a busy machine
GRACE_SECONDS = 2.0  # after which a worker that outlives its own alarm is killed
AT_ONCE_SECONDS = 0.5  # a worker that is found dead so soon was ended by somebody, and the pair is not to blame
MAX_TRIES = 2  # of a pair whose workers are found dead
MAX_IN_FLIGHT_BYTES = 16_384  # below a pipe's capacity: writing never waits for reading
PACKAGE_ROOT = Path(__file__).parents[3]

Question = tuple[str, str, dict[str, str | float], float]  # prediction, reference, policy, seconds
Found = tuple[bool | None, str]  # the same or not, None for a time-out; and the rule
TIMED_OUT: Found = (None, "time")
CRASHED: Found = (None, "crash")


class Worker:
    """One process and the two pipes to it."""

    def __init__(self) -> None:
        environment = dict(os.environ)
        path = [str(PACKAGE_ROOT), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(path)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "synthscale.problem.answer.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the asking process
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.answers, selectors.EVENT_READ)
        self.buffer = b""
        if self.line(START_SECONDS) is None:
            self.end()
            raise RuntimeError("the process that compares formulas did not start; its error stands above, if any.")

    def ask(self, questions: Sequence[Question]) -> list[Found]:
        """The answers to the first questions: to all, or up to the one that ended the process, or the one before."""
        found: list[Found] = []
        lines = [json.dumps(question).encode() + b"\n" for question in questions]
        sent = unanswered = 0
        asked = time.monotonic()
        while len(found) < len(lines):
            while sent < len(lines) and (unanswered == 0 or unanswered + len(lines[sent]) <= MAX_IN_FLIGHT_BYTES):
                try:
                    self.questions.write(lines[sent])
                    self.questions.flush()
                except OSError:
                    break
                unanswered += len(lines[sent])
                sent += 1
            line = self.line(questions[len(found)][3] + GRACE_SECONDS)
            if line is None:
                cause = self.cause_of_death()
                at_once = time.monotonic() - asked < AT_ONCE_SECONDS
                return found if cause == CRASHED and at_once else [*found, cause]
            asked = time.monotonic()
            unanswered -= len(lines[len(found)])
            same, rule = json.loads(line)
            found.append((same, rule))
        return found

    def line(self, seconds: float) -> bytes | None:
        """The next line; None where the process ended, or is silent for longer."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            if not self.selector.select(max(0.0, deadline - time.monotonic())):
                return None
            received = os.read(self.answers.fileno(), 65_536)
            if not received:
                return None
            self.buffer += received
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def cause_of_death(self) -> Found:
        """What the pair at work ended the process by."""
        alive = self.process.poll() is None
        if alive:
            try:
                self.process.wait(0.2)
            except subprocess.TimeoutExpired:
                self.end()
                return TIMED_OUT
        self.end()
        return TIMED_OUT if self.process.returncode == -signal.SIGALRM else CRASHED

    def end(self) -> None:
        """End the process and close the pipes."""
        self.process.kill()
        self.process.wait()
        self.selector.close()
        for pipe in (self.questions, self.answers):
            with suppress(OSError):  # what could not be written any more
                pipe.close()


@dataclass(slots=True)
class Asking:
    """One call of `Workers.ask`: which workers its threads wait for, and whether it was given up."""

    workers: list[Worker] = field(default_factory=list)
    stopped: bool = False

    def stop(self) -> None:
        """Let the threads ask no more, and end what they wait for."""
        self.stopped = True
        for worker in list(self.workers):
            worker.process.kill()


class Workers:
    """Up to `num` workers, shared by the threads that ask.

    Args:
        num: how many may be at work at once.
    """

    def __init__(self, num: int) -> None:
        self.num = num
        self.free: list[Worker] = []
        self.busy: list[Worker] = []
        self.lock = threading.Lock()
        _all_workers.add(self)

    def ask(self, questions: Sequence[Question]) -> list[Found]:
        """An answer to every question, in their order; a question that ends its worker is not asked again."""
        if self.num == 1 or len(questions) < 2 * self.num:
            return self.ask_one(questions, Asking())
        parts = [questions[i :: self.num] for i in range(self.num)]
        found: list[Found] = [TIMED_OUT] * len(questions)
        asking, threads = Asking(), ThreadPoolExecutor(self.num)
        try:
            for i, answers in enumerate(threads.map(lambda part: self.ask_one(part, asking), parts)):
                found[i :: self.num] = answers
        except BaseException:  # Ctrl-C: nobody waits for what the workers are at
            asking.stop()
            raise
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        return found

    def ask_one(self, questions: Sequence[Question], asking: Asking) -> list[Found]:
        """Ask one worker after the other, as long as questions are left."""
        found: list[Found] = []
        num_tries = 0
        while len(found) < len(questions) and not asking.stopped:
            worker = self.take()
            try:
                asking.workers.append(worker)
                answers = worker.ask(questions[len(found) :])
            except BaseException:  # Ctrl-C, or a caller's own alarm: what the pipes hold is unknown
                worker.end()
                raise
            asking.workers.remove(worker)
            self.give_back(worker)
            num_tries = 0 if answers else num_tries + 1
            found += answers or ([CRASHED] if num_tries == MAX_TRIES else [])
        return found

    def take(self) -> Worker:
        """A free worker, or a new one."""
        with self.lock:
            while self.free:
                worker = self.free.pop()
                if worker.process.poll() is None:
                    return worker
                worker.end()
        return Worker()

    def give_back(self, worker: Worker) -> None:
        """Keep a worker that is alive for the next who asks."""
        with self.lock:
            if worker.process.poll() is None and len(self.free) < self.num:
                self.free.append(worker)
                return
        worker.end()

    def forget(self) -> None:
        """After a fork: the pipes belong to the parent, and the lock may be held by a thread that is not here."""
        self.free, self.lock = [], threading.Lock()

    def close(self) -> None:
        """End all workers that are free."""
        with self.lock:
            while self.free:
                self.free.pop().end()


_all_workers: weakref.WeakSet[Workers] = weakref.WeakSet()


@atexit.register
def close_all() -> None:
    """End all workers with the program."""
    for workers in list(_all_workers):
        workers.close()


def forget_all() -> None:
    """Leave the parent's workers to the parent."""
    for workers in list(_all_workers):
        workers.forget()


os.register_at_fork(after_in_child=forget_all)
