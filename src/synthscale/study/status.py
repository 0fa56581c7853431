"""How far a study is: the state of each point, from artifacts first, then from the jobs that are to make the rest.

An artifact that is there is done, whatever a queue says. For others the newest job counts, then a process that holds
the lock, then the trace that a failed stage left. A point is in the worst state of the stages that it still needs:
one that failed is named, with the last line of its error, for all the points that it blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from synthscale.study.outcome import error_path, without_own_type
from synthscale.study.roster import Member, Roster
from synthscale.study.store import ArtifactStore


class State(Enum):
    """Of a stage or a point; a blocked stage has an input that failed."""

    done = "done"
    running = "running"
    queued = "queued"
    failed = "failed"
    blocked = "blocked"
    missing = "missing"


@dataclass(frozen=True, slots=True)
class JobNote:
    """What a scheduler says of the job that is, or was, to make an artifact."""

    state: State  # queued, running, failed (it ended and left no artifact), or missing (it was cancelled)
    job_id: str
    reason: str  # for waiting, or how it ended
    log: Path
    study: Path  # whose folder keeps the trace of a stage that raises there


@dataclass(frozen=True, slots=True)
class StageStatus:
    """A stage by its key."""

    key: str
    state: State
    job_id: str | None = None
    reason: str | None = None
    log: Path | None = None

    @property
    def is_hopeless(self) -> bool:
        """Whether nothing will come of it unless somebody submits it again."""
        return self.state in (State.failed, State.blocked)

    @property
    def is_cancelled(self) -> bool:
        """Whether it is missing though a job was to make it; what still waits for it will fail for the lack of it."""
        return self.state is State.missing and self.job_id is not None

    @property
    def stage(self) -> str:
        """Its kind."""
        return self.key.partition("-")[0]


@dataclass(frozen=True, slots=True)
class PointStatus:
    """A point, and the stage that its state comes from; none for one that is done."""

    member: Member
    state: State
    because: StageStatus | None = None


@dataclass(frozen=True, slots=True)
class StudyStatus:
    """All points and all stages that they need, done or not."""

    points: tuple[PointStatus, ...]
    stages: Mapping[str, StageStatus]

    def count(self, state: State) -> int:
        """Points in the state."""
        return sum(point.state is state for point in self.points)

    @property
    def failures(self) -> dict[StageStatus, list[Member]]:
        """Each stage that failed, with the points that it keeps from their end."""
        found: dict[StageStatus, list[Member]] = {}
        for point in self.points:
            if point.state is State.failed and point.because is not None:
                found.setdefault(point.because, []).append(point.member)
        return found

    @property
    def is_over(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not any(point.state in (State.running, State.queued) for point in self.points)


def study_status(study: Path, roster: Roster, store: ArtifactStore, jobs: Mapping[str, JobNote]) -> StudyStatus:
    """The state of every point of the roster; `jobs` are those of its keys that were ever submitted."""
    stages = _Stages(study, roster.inputs, store, jobs)
    points = tuple(stages.point(member) for member in roster.members)
    return StudyStatus(points, stages.known)


_PRECEDENCE = (State.failed, State.running, State.queued, State.missing)


class _Stages:
    """The states of the stages, each found out once and only where a point needs it."""

    def __init__(
        self, study: Path, inputs: Mapping[str, tuple[str, ...]], store: ArtifactStore, jobs: Mapping[str, JobNote]
    ) -> None:
        self.known: dict[str, StageStatus] = {}
        self._study, self._inputs, self._store, self._jobs = study, inputs, store, jobs

    def point(self, member: Member) -> PointStatus:
        needed = list(self._needed(member.root))
        if not needed:
            return PointStatus(member, State.done)
        for state in _PRECEDENCE:
            because = next((status for status in needed if status.state is state), None)
            if because is not None:
                return PointStatus(member, state, because)
        raise AssertionError("a blocked stage has an input that failed")

    def _needed(self, root: str) -> list[StageStatus]:
        """The stages that are not there under the root, inputs first."""
        needed: dict[str, StageStatus] = {}

        def visit(key: str) -> None:
            status = self.stage(key)
            if status.state is not State.done and key not in needed:
                for child in self._inputs.get(key, ()):
                    visit(child)
                needed[key] = status

        visit(root)
        return list(needed.values())

    def stage(self, key: str) -> StageStatus:
        if key not in self.known:
            self.known[key] = self._look(key)
        return self.known[key]

    def _look(self, key: str) -> StageStatus:
        if self._store.find_key(key) is not None:
            return StageStatus(key, State.done)
        job = self._jobs.get(key)
        job_id = job.job_id if job is not None else None
        is_active = job is not None and job.state in (State.queued, State.running)
        if self._store.is_being_made(key) and (job is None or job.state is not State.running):
            return StageStatus(key, State.running)
        if not (job is not None and job.state is State.running):
            inputs = [self.stage(child) for child in self._inputs.get(key, ())]
            has_job = job is not None and job.state is not State.missing
            cause = next((one for one in inputs if one.is_hopeless or (has_job and one.is_cancelled)), None)
            if cause is not None:
                return StageStatus(key, State.blocked, job_id, f"{cause.key} {cause.state.value}")
        if job is not None and is_active:
            return StageStatus(key, job.state, job.job_id, job.reason, job.log)
        return self._failed_or_missing(key, job)

    def _failed_or_missing(self, key: str, job: JobNote | None) -> StageStatus:
        for study in dict.fromkeys([self._study, *([job.study] if job is not None else [])]):
            trace = error_path(study, key)
            try:
                lines = trace.read_text(errors="replace").strip().splitlines()
            except OSError:
                continue
            job_id = job.job_id if job is not None else None
            reason = without_own_type(lines[-1]) if lines else "it raised"
            return StageStatus(key, State.failed, job_id, reason, trace)
        if job is not None:
            return StageStatus(key, job.state, job.job_id, job.reason, job.log)
        return StageStatus(key, State.missing)
