"""Programs that ask the verifier: in processes of theirs too, and no worker outlives them, whatever ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

PROLOGUE = r"""
import os, signal, sys, threading
from synthscale.problem.answer import Grader

ENDLESS, EASY, WRONG = ("9^{9^{9^9}}", "5"), (r"\sqrt{8}", r"2\sqrt{2}"), (r"\sqrt{8}", r"3\sqrt{2}")


def verdicts(grader):
    pairs = EASY, ENDLESS, WRONG
    return [grade.verdict.value for grade in grader.grade_batch([a for a, _ in pairs], [b for _, b in pairs])]


grader = Grader(time_limit_seconds=0.5, cache_size=0)
"""
EXPECTED = "['correct', 'timeout', 'wrong']"


class Program:
    """A running program; its workers are told from others by a mark in their environment."""

    def __init__(self, folder: Path, code: str) -> None:
        self.mark = uuid.uuid4().hex
        script = folder / f"{self.mark}.py"
        script.write_text(PROLOGUE + code)
        environment = {**os.environ, "SYNTHSCALE_TEST_MARK": self.mark}
        self.process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment)

    def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def lines(self) -> list[str]:
        """What it prints, once it has ended."""
        return self.process.communicate(timeout=40)[0].splitlines()

    def processes(self) -> list[int]:
        """It and its workers, as far as they live."""
        return [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if self.is_mine(pid)]

    def is_mine(self, pid: int) -> bool:
        folder = Path("/proc", str(pid))
        try:
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            return state != "Z" and self.mark.encode() in (folder / "environ").read_bytes()
        except OSError:  # ended meanwhile, or another user's
            return False

    def left_after(self, seconds: float) -> list[int]:
        """Its processes that are left after a while; it does not wait longer than one is left."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left


class Start(Protocol):
    def __call__(self, code: str) -> Program: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts programs, and ends what is left of them."""
    programs: list[Program] = []

    def begin(code: str) -> Program:
        programs.append(Program(tmp_path, code))
        return programs[-1]

    yield begin
    for program in programs:
        for pid in program.processes():
            os.kill(pid, signal.SIGKILL)
        program.process.communicate()


def test_no_worker_is_left_after_close(start: Start) -> None:
    """The program lives on, its worker does not."""
    program = start("print(verdicts(grader))\ngrader.close()\nprint('closed', flush=True)\nsys.stdin.read()")
    assert (program.line(), program.line()) == (EXPECTED, "closed")
    assert program.processes() == [program.process.pid]


ENDINGS = ["", "raise ValueError", "os._exit(0)", "os.kill(os.getpid(), 15)"]


def test_no_worker_is_left_after_the_program(start: Start) -> None:
    """However it ends, and though nobody closed anything."""
    programs = [start(f"print(verdicts(grader), flush=True)\n{ending}") for ending in ENDINGS]
    for program in programs:
        assert program.line() == EXPECTED
        program.process.wait(10)
        assert program.left_after(3) == []


ALARMS = ["signal.SIG_DFL", "signal.SIG_IGN"]  # children inherit that a program ignores alarms


def test_no_worker_is_left_after_a_kill(start: Start) -> None:
    """The program is killed while its worker is at an endless pair, which then ends by itself."""
    code = (
        "signal.signal(signal.SIGALRM, {alarm})\ngrader = Grader(time_limit_seconds=2)\ngrader.grade(*EASY)\n"
        "print('ready', flush=True)\nprint(grader.grade(*ENDLESS).verdict.value)"
    )
    programs = [start(code.format(alarm=alarm)) for alarm in ALARMS]
    assert [program.line() for program in programs] == ["ready"] * len(ALARMS)
    time.sleep(0.5)
    assert [len(program.processes()) for program in programs] == [2] * len(ALARMS)
    for program in programs:
        program.process.kill()
    left = {alarm: program.left_after(2 + 3) for alarm, program in zip(ALARMS, programs, strict=True)}
    assert left == {alarm: [] for alarm in ALARMS}


def test_process_pool(start: Start) -> None:
    """A process starts a worker of its own, however it was started itself."""
    code = (
        "from concurrent.futures import ProcessPoolExecutor\nfrom multiprocessing import get_context\n"
        "def work(_):\n    return verdicts(grader)\n"
        "if __name__ == '__main__':\n    with ProcessPoolExecutor(1, get_context({method!r})) as pool:\n"
        "        print(*pool.map(work, range(1)))"
    )
    programs = [start(code.format(method=method)) for method in ("fork", "spawn")]
    for program in programs:
        assert program.lines() == [EXPECTED]
        assert program.left_after(3) == []


def test_forked_child_and_parent(start: Start) -> None:
    """Both ask the grader that the parent used before, at once; a thread of the parent is at it during the fork."""
    program = start(
        "grader.grade(*EASY)\n"
        "thread = threading.Thread(target=lambda: [verdicts(grader) for _ in range(2)])\nthread.start()\n"
        "child = os.fork()\nfound = verdicts(grader)\n"
        "if child == 0:\n    print(found, flush=True)\n    os._exit(0)\n"
        "os.waitpid(child, 0)\nthread.join()\nprint(found, flush=True)"
    )
    assert program.lines() == [EXPECTED] * 2
    assert program.left_after(3) == []


def test_fork_while_a_thread_takes_a_worker(start: Start) -> None:
    """The thread that holds the lock is not in the child: the child must not wait for it."""
    program = start(
        "grader.grade(*EASY)\nwith grader.workers.lock:\n    child = os.fork()\n    if child == 0:\n"
        "        signal.alarm(10)\n        print(verdicts(grader), flush=True)\n        os._exit(0)\n"
        "print(os.waitpid(child, 0)[1])"
    )
    assert program.lines() == [EXPECTED, "0"]
