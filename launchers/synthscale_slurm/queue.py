"""What SLURM says of jobs: squeue for those that wait or run, sacct, where there is one, for those that have left."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from synthscale.study.error import UserError
from synthscale_slurm.book import Book, Job

_WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
_ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
    *("REVOKED", "TIMEOUT"),
}
_SECONDS = 60
_SECONDS_OF_SBATCH = 600.0


class Phase(Enum):
    """Where a job is."""

    queued = "queued"
    running = "running"
    ended = "ended"


@dataclass(frozen=True, slots=True)
class JobState:
    """A job's phase, with SLURM's own word for it and the reason that it gives for waiting."""

    phase: Phase
    word: str
    reason: str = ""


class SlurmUnreachable(UserError):
    """SLURM gave no answer, which is not the answer that there are no jobs."""


def job_states(jobs: Iterable[Job]) -> dict[str, JobState]:
    """The state of each job by its id; one that neither squeue nor sacct knows is ended, as `unknown`.

    Raises:
        SlurmUnreachable: if squeue is not here or fails.
    """
    by_id = {job.job_id: job for job in jobs}
    if not by_id:
        return {}
    users = sorted({job.submission.user for job in by_id.values()})
    states = {}
    # by default squeue lists what waits, runs or is being cleaned up after, and a job that is requeued is among these
    for line in _ask("squeue", "-h", "-r", "-u", ",".join(users), "-o", "%i|%T|%r"):
        job_id, word, reason = line.split("|", 2)
        if job_id in by_id:
            states[job_id] = JobState(Phase.queued if word in _WAITING else Phase.running, word, reason)
    gone = set(by_id) - set(states)
    accounted = _accounted(gone)
    unknown = JobState(Phase.ended, "unknown")
    return states | {job_id: accounted.get(job_id, unknown) for job_id in gone}


def find_ids(book: Book) -> None:
    """Complete the arrays whose submitter died before it could note their ids; SLURM knows them by name.

    Raises:
        SlurmUnreachable: if squeue is not here or fails.
    """
    for submission in book.submissions():
        nameless = {array.name: array for array in submission.arrays if array.job_id is None}
        if nameless:
            for line in _ask("squeue", "-h", "-u", submission.user, "-o", "%A|%F|%j"):
                _, array_id, name = line.split("|", 2)
                if name in nameless:
                    nameless[name].job_id = array_id
            # What is not in the queue was never handed over, or is over: there is nothing to wait for. But an sbatch
            # may outlive a killed submitter, so for some minutes it is looked for again.
            if time.time() - submission.created > _SECONDS_OF_SBATCH:
                submission.arrays = [array for array in submission.arrays if array.job_id is not None]
            with suppress(OSError):  # found again the next time
                book.keep(submission)


def cancel(job_ids: Collection[str]) -> None:
    """Ask SLURM to end these jobs; one that has ended meanwhile is none of its errors.

    Raises:
        SlurmUnreachable: if scancel is not here or fails.
    """
    if job_ids:
        _ask("scancel", "--quiet", *job_ids)


def require(*commands: str) -> None:
    """Raise SlurmUnreachable where one of SLURM's commands is not installed."""
    for command in commands:
        if shutil.which(command) is None:
            raise SlurmUnreachable(f"There is no {command} here: run this where SLURM's commands are installed.")


def _accounted(job_ids: Collection[str]) -> dict[str, JobState]:
    """What accounting says of jobs that left the queue; nothing where there is no accounting."""
    if not job_ids or shutil.which("sacct") is None:
        return {}
    arrays = sorted({job_id.partition("_")[0] for job_id in job_ids})
    try:
        lines = _ask("sacct", "-X", "-P", "-n", "-o", "JobID,State,ExitCode", "-j", ",".join(arrays))
    except SlurmUnreachable:
        return {}
    states = {}
    for line in lines:
        job_id, state, exit_code = line.split("|", 2)
        word = state.split()[0] if state else "unknown"  # CANCELLED by 1000
        for one in _expand(job_id):
            # accounting lags behind the queue: a job that left it has ended, whatever is said here
            states[one] = JobState(Phase.ended, word if word in _ENDED else "unknown", f"exit code {exit_code}")
    return states


def _expand(job_id: str) -> Iterator[str]:
    """The jobs that a row is about: those of an array that never started share one, as 17_[0,2-5%2]."""
    from submitit.slurm.slurm import read_job_id

    for array, *indices in read_job_id(job_id):
        first, last = (int(indices[0]), int(indices[-1])) if indices else (0, 0)
        yield from (f"{array}_{index}" for index in range(first, last + 1)) if indices else (array,)


def _ask(*command: str) -> list[str]:
    """The lines that a command of SLURM prints."""
    require(command[0])
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SlurmUnreachable(f"{command[0]} gave no answer in {_SECONDS} s: try again later.") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or [f"exit status {error.returncode}"])[-1]
        raise SlurmUnreachable(f"{command[0]} failed ({said}): try again when SLURM answers.") from error
    return done.stdout.splitlines()
