"""Which job is to make which artifact: kept beside the artifacts, for all studies and all users that share them.

Each submission has one file. An array is noted before it is handed to sbatch, under a name that no other has, and its
job id after: of an array whose submitter died in between, SLURM tells the id by the name.
"""

from __future__ import annotations

import getpass
import json
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from synthscale.durable import write_durably

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Array:
    """One job array: the keys that each of its jobs makes, in order."""

    name: str
    stage: str
    layer: int
    logs: str  # the folder
    packs: list[list[str]]
    job_id: str | None = None  # of the array as a whole
    cancelled: list[str] = field(default_factory=list)  # jobs of it that `synthscale cancel` ended

    @property
    def job_ids(self) -> list[str]:
        """Of its jobs; none before it was handed over. One job alone is no array to submitit."""
        if self.job_id is None:
            return []
        return [self.job_id] if len(self.packs) == 1 else [f"{self.job_id}_{i}" for i in range(len(self.packs))]


@dataclass(slots=True)
class Submission:
    """What one command handed to SLURM."""

    token: str
    study: str  # the study's folder
    user: str
    created: float
    arrays: list[Array] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Job:
    """One job of an array."""

    job_id: str  # as squeue shows it: 17_3
    array: Array
    submission: Submission

    @property
    def stdout(self) -> Path:
        """What its first rank printed."""
        return Path(self.array.logs) / f"{self.job_id}_0_log.out"

    @property
    def stderr(self) -> Path:
        """What its first rank printed as errors."""
        return Path(self.array.logs) / f"{self.job_id}_0_log.err"


class Book:
    """The submissions for one artifact store."""

    def __init__(self, artifacts: Path) -> None:
        self.folder = artifacts / ".jobs"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else submits or cancels meanwhile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=1)
        except Timeout:
            log.warning("Waiting for another process that submits or cancels jobs of the same artifacts.")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def open_submission(self, study: Path) -> Submission:
        """A new one, not on disk before it is kept."""
        return Submission(secrets.token_hex(3), str(study.absolute()), getpass.getuser(), time.time())

    def keep(self, submission: Submission) -> None:
        """Write the submission's file anew."""
        text = json.dumps(asdict(submission), indent=1)
        write_durably(self.folder / f"{submission.token}.json", text.encode())

    def submissions(self) -> list[Submission]:
        """All of them, oldest first; a file that cannot be read is left out with a warning."""
        found = []
        for path in self.folder.glob("*.json"):
            try:
                content = json.loads(path.read_bytes())
                arrays = [Array(**array) for array in content.pop("arrays")]
                found.append(Submission(**content, arrays=arrays))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                log.warning("%s is no submission (%s) and is left out.", path, error)
        return sorted(found, key=lambda submission: submission.created)

    def newest_jobs(self) -> dict[str, Job]:
        """For each key, the last job that was submitted to make it."""
        jobs = {}
        for submission in self.submissions():
            for array in submission.arrays:
                for job_id, keys in zip(array.job_ids, array.packs, strict=False):
                    jobs.update(dict.fromkeys(keys, Job(job_id, array, submission)))
        return jobs
