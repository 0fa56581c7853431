"""What a job of an array runs on its node: its stages one after the other, and the records of the points they end.

SLURM announces the end of a job: SIGUSR2 some time before the time limit (and before a preemption, where the cluster
sends it), SIGTERM when it takes the job away. Both ask the stage to save. After SIGUSR2 the job has itself requeued, by
submitit, which counts its time-outs; after SIGTERM it only leaves, since SLURM requeues a preempted job itself and a
cancelled one is to stay away.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from synthscale.session import Advance, Session, Stopped
from synthscale.stage.stage import Node
from synthscale.study.config import ExecutionConfig
from synthscale.study.error import UserError
from synthscale.study.recipe import Point
from synthscale.study.store import ArtifactStore

LEFT = 75  # EX_TEMPFAIL: the stage has saved its state and left
_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_TO_LEAVE = 15.0  # of the time before the end, kept for the requeue itself
Handler = Callable[[int, FrameType | None], Any] | int | None


class StagesFailed(UserError):
    """Some stage of the job failed; its trace is in the study's folder."""


class OutOfRetries(Stopped):
    """The job came to its time limit once more than it may."""


@dataclass(frozen=True)
class StageJob:
    """Makes its stages; submitit pickles it, and calls it again in a requeued job."""

    stages: tuple[Node, ...]
    points: tuple[Point, ...]  # those whose last stage is among them
    store: ArtifactStore
    study: Path
    execution: ExecutionConfig
    num_threads: int
    signal_seconds: int
    folder: Path  # that the study was submitted from

    def __call__(self) -> None:
        """Run the job.

        Raises:
            StagesFailed: if a stage raised or lacks an input, after all others have been made.
        """
        from submitit import JobEnvironment

        from synthscale.study.worker import stage_environment

        environment = JobEnvironment()
        os.chdir(self.folder)
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        restart = os.environ.get("SLURM_RESTART_COUNT", "0")
        session = Session(
            checkpoint_seconds=60 * self.execution.checkpoint_minutes,
            rank=environment.global_rank,
            num_ranks=environment.num_tasks,
            token=f"{environment.job_id}-{restart}",
        )
        say(f"job {environment.job_id}, start {int(restart) + 1}, rank {session.rank} of {session.num_ranks}")
        requeue = heed_signals(session, self.signal_seconds)
        failed: list[str] = []
        with stage_environment(self.num_threads):
            for node in self.stages:
                try:
                    if (reason := self._make(node, session)) is not None:
                        failed.append(f"{node.key} {reason}")
                except Stopped as stopped:
                    self._leave(node, stopped, session, requeue)
        if failed:
            reasons = "; ".join(failed)
            raise StagesFailed(f"{len(failed)} of {len(self.stages)} stages of this job failed: {reasons}")

    def checkpoint(self) -> Any:
        """What submitit runs in the requeued job: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _leave(self, node: Node, stopped: Stopped, session: Session, requeue: Callable[[], None]) -> NoReturn:
        """End the process with the stage's state saved; if the job may be queued again, see to that."""
        from synthscale.study.outcome import Raised, keep_failure

        try:
            if isinstance(stopped, OutOfRetries):
                raise stopped
            requeue()
            if session.rank > 0:
                time.sleep(_SECONDS_TO_LEAVE)  # srun ends all ranks with the first, and rank 0 asks for the requeue
        except OutOfRetries:
            times = self.execution.max_retries + 1
            message = (
                f"came to its time limit {'once' if times == 1 else f'{times} times'}: give it more minutes, or raise "
                "execution.max_retries; it goes on from its last checkpoint when it is submitted again."
            )
            keep_failure(node.stage, node.key, Raised(message, message), self.study)
            say(f"{node.key} {message}")
            sys.exit(1)
        sys.exit(LEFT)

    def _make(self, node: Node, session: Session) -> str | None:
        """Make one stage and settle the points it ends; what went wrong, if something did."""
        from synthscale.study.execute import record_point
        from synthscale.study.outcome import caught, error_path, keep_failure
        from synthscale.study.record import study_folder, write_tables

        missing = [child.key for child in node.inputs.values() if self.store.find(child) is None]
        if missing and self.store.find(node) is None:
            blocked = f"is blocked: its input {missing[0]} is not there"
            say(f"{node.key} {blocked}")
            return blocked
        say(f"{node.key} begins")
        session.advance = progress_lines(node.key)
        start = time.monotonic()
        try:
            self.store.make(node, session, say)
        except Exception as error:
            if session.num_ranks > 1 and session.rank > 0:
                raise  # rank 0 says what went wrong, or waits for this one in vain
            failure = keep_failure(node.stage, node.key, caught(error), self.study)
            say(f"{node.key} failed: {failure.message} (log: {failure.log})")
            if session.num_ranks > 1:
                raise  # the other ranks may be waiting inside the stage, and srun ends them
            return f"raised {failure.message}"
        say(f"{node.key} is there ({time.monotonic() - start:.0f} s)")
        if session.rank == 0:
            error_path(self.study, node.key).unlink(missing_ok=True)
            outcomes = [record_point(point, self.store) for point in self.points if point.root.key == node.key]
            for study in {study_folder(outcome.point.config) for outcome in outcomes if outcome.record is not None}:
                write_tables(study)
            unrecorded = [outcome.failure.message for outcome in outcomes if outcome.failure is not None]
            return f"is there, but has no record: {unrecorded[0]}" if unrecorded else None
        return None


def heed_signals(session: Session, signal_seconds: int) -> Callable[[], None]:
    """Ask the session to stop when SLURM announces the end of the job; returns what to call once it has.

    submitit's own handler of SIGUSR2 requeues the job and exits. It is called when the stage has saved, or shortly
    before the end where the stage did not come to save.
    """
    from submitit.core.utils import UncompletedJobError

    own: Handler = signal.getsignal(signal.SIGUSR2)
    announced: list[int] = []

    def requeue() -> None:
        if announced and callable(own):
            try:
                own(signal.SIGUSR2, None)
            except subprocess.CalledProcessError as error:
                if error.returncode >= 0:  # else scontrol was ended with the job that it has just requeued
                    raise
                sys.exit(LEFT)
            except UncompletedJobError as error:
                raise OutOfRetries from error

    def stop_and_requeue(signum: int, frame: FrameType | None) -> None:
        if not announced:
            say("the end of this job is near: the stage is asked to save")
            announced.append(signum)
            session.request_stop()
            signal.setitimer(signal.ITIMER_REAL, max(1.0, signal_seconds - _SECONDS_TO_LEAVE))

    def stop(signum: int, frame: FrameType | None) -> None:
        say("SLURM takes the node away: the stage is asked to save")
        session.request_stop()

    signal.signal(signal.SIGUSR2, stop_and_requeue)
    signal.signal(signal.SIGALRM, lambda signum, frame: requeue())
    signal.signal(signal.SIGTERM, stop)
    return requeue


def progress_lines(key: str) -> Advance:
    """An `Advance` that prints a line once in a while."""
    last = time.monotonic()

    def advance(done: int, total: int, note: str = "") -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"{key}: {done} of {total}{note and ', '}{note}")

    return advance


def say(text: str) -> None:
    """Print a line with the time, at once."""
    print(time.strftime("%H:%M:%S"), text, flush=True)
