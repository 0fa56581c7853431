"""`synthscale cancel`: end the jobs of a study; what they have finished stays, what they have saved too."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from synthscale.command_line import CommandLine
from synthscale.study.error import UserError
from synthscale.study.store import open_store
from synthscale_slurm.book import Book, Job
from synthscale_slurm.queue import Phase, cancel, find_ids, job_states
from synthscale_slurm.status import roster_of

MAX_SECONDS = 180.0
SECONDS_BETWEEN_LOOKS = 1.0


def main(argv: Sequence[str]) -> int:
    """Cancel the jobs that were submitted for the study in a folder, and return the exit status."""
    parser = CommandLine("cancel", __doc__)
    parser.add_argument("study", type=Path, metavar="DIR", help="a study's folder: runs/quick")
    arguments = parser.parse_args(argv)
    try:
        roster_of(arguments.study)
        num_cancelled = cancel_study(arguments.study)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"Cannot write in the folder of {arguments.study}'s artifacts: {error.strerror}.", file=sys.stderr)
        return 2
    if num_cancelled:
        jobs = "1 job" if num_cancelled == 1 else f"{num_cancelled} jobs"
        print(f"Cancelled {jobs}; the command that submitted the study goes on from what is finished.")
    else:
        print(f"No job of {arguments.study} is in the queue.")
    return 0


def cancel_study(study: Path) -> int:
    """End the study's jobs, wait until they have left the queue, and return how many there were.

    Raises:
        UserError: if SLURM does not answer, or a job is still there after some minutes.
    """
    study = study.resolve()  # it may have been submitted by another of its names
    book = Book(open_store(study.parent).root)
    with book.locked():
        find_ids(book)
        jobs = [job for job in _jobs(book) if Path(job.submission.study).resolve() == study]
        cancelled: set[str] = set()
        end = time.monotonic() + MAX_SECONDS
        with Console(stderr=True).status("Waiting for the jobs to leave the queue"):
            while active := [job_id for job_id, s in job_states(jobs).items() if s.phase is not Phase.ended]:
                new = set(active) - cancelled
                # at once and later layers first: the end of a layer would start the next
                cancel(sorted(new, key=_number, reverse=True))
                cancelled |= new
                note_cancelled(book, new)
                if time.monotonic() > end:
                    raise UserError(f"{len(active)} jobs are still in the queue, {active[0]} for one: see squeue.")
                time.sleep(SECONDS_BETWEEN_LOOKS)
    return len(cancelled)


def note_cancelled(book: Book, job_ids: set[str]) -> None:
    """Write down what was ended on purpose: SLURM forgets it, and where there is no accounting never tells."""
    for submission in book.submissions():
        if any(job_ids.intersection(array.job_ids) for array in submission.arrays):
            for array in submission.arrays:
                array.cancelled += sorted(job_ids.intersection(array.job_ids), key=_number)
            with suppress(OSError):  # a note is not worth leaving jobs behind
                book.keep(submission)


def _jobs(book: Book) -> list[Job]:
    return [
        Job(job_id, array, submission)
        for submission in book.submissions()
        for array in submission.arrays
        for job_id in array.job_ids
    ]


def _number(job_id: str) -> tuple[int, int]:
    array, _, index = job_id.partition("_")
    return int(array), int(index or 0)
