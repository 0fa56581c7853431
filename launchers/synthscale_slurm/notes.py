"""What the jobs that were ever submitted for a study's stages say of them, for its status."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from synthscale.study.status import JobNote, State
from synthscale_slurm.book import Book, Job
from synthscale_slurm.queue import JobState, Phase, job_states

_STATES = {Phase.queued: State.queued, Phase.running: State.running, Phase.ended: State.failed}


def job_notes(book: Book, keys: Collection[str]) -> dict[str, JobNote]:
    """A note on the newest job of each of the keys that has one.

    Raises:
        SlurmUnreachable: if there are such jobs and SLURM does not answer.
    """
    jobs = {key: job for key, job in book.newest_jobs().items() if key in keys}
    states = job_states(jobs.values())
    return {key: job_note(job, states[job.job_id]) for key, job in jobs.items()}


def job_note(job: Job, state: JobState) -> JobNote:
    """The job's state in the words of a status."""
    if state.phase is Phase.ended:
        left = "left the queue without a result" if state.word in ("unknown", "COMPLETED") else f"ended as {state.word}"
        exit_code = f", {state.reason}" if state.reason else ""
        reason = f"job {job.job_id} {left}{exit_code}"
    else:
        reason = f"{state.word}: {state.reason}" if state.reason not in ("", "None") else state.word
    log = job.stderr if job.stderr.exists() and job.stderr.stat().st_size else job.stdout
    is_cancelled = state.phase is Phase.ended and (state.word == "CANCELLED" or job.job_id in job.array.cancelled)
    found = State.missing if is_cancelled else _STATES[state.phase]
    return JobNote(found, job.job_id, reason, log, Path(job.submission.study))
