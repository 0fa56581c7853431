"""Runs a study's points on this machine: every unique stage once, records as points end, failures kept apart.

A failed stage does not stop the others; what needs it is blocked, and its points report the first cause. A worker
process that dies (killed, out of memory) costs its own stage a retry, from its last checkpoint, and nothing else.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from rich.console import Console

from synthscale.session import Session
from synthscale.stage.stage import Node
from synthscale.study.config import ExecutionConfig
from synthscale.study.estimate import History
from synthscale.study.logger import log_point
from synthscale.study.outcome import Failure, Outcome, Raised, caught, error_path, keep_failure
from synthscale.study.plan import Plan, make_plan
from synthscale.study.progress import Display, show_progress
from synthscale.study.readiness import cut_solutions, refuse_missing_keys, refuse_missing_programs
from synthscale.study.recipe import Point
from synthscale.study.record import make_record, point_name, study_folder, write_record, write_tables
from synthscale.study.roster import write_rosters
from synthscale.study.schedule import Schedule
from synthscale.study.store import ArtifactStore
from synthscale.study.variant import settings_of
from synthscale.study.worker import Advanced, Ended, Waits, Worker, ready, stage_environment

log = logging.getLogger(__name__)
SHARE_FOR_TABLES = 0.02  # of the time, at most: each time they are rebuilt from all records


def run_points(
    points: Sequence[Point], store: ArtifactStore, *, num_workers: int, console: Console | None = None
) -> list[Outcome]:
    """Make what is missing and return what became of each point, in their order.

    `num_workers` processes share the stages; with 0 they run in this process, one after the other.

    Raises:
        ConfigError: if the environment lacks a key or a program that a stage to be made needs.
    """
    plan = make_plan(points, store)
    refuse_missing_keys(plan)
    refuse_missing_programs(plan)
    if (note := cut_solutions(plan, History(store))) is not None:
        log.warning(note)
    write_rosters(point for point in points if point.root.stage == "evaluate")
    schedule = Schedule(plan)
    ledger = Ledger(plan, store)
    with show_progress(plan, console or Console()) as display:
        display.find(len(ledger.settle(schedule, range(len(points)))))
        with closing(_ends(plan, store, schedule, num_workers, display)) as ends:
            for node, raised in ends:
                display.end(node)
                if raised is None:
                    schedule.finish(node)
                    ledger.finish(node)
                else:
                    schedule.fail(node, ledger.fail(node, raised))
                for outcome in ledger.settle(schedule, plan.nodes[node.key].points):
                    display.settle(outcome)
    ledger.write_tables()
    return [ledger.outcomes[index] for index in range(len(points))]


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Ledger:
    """Which points have ended: writes their records, logs them, and keeps the failures' traces."""

    def __init__(self, plan: Plan, store: ArtifactStore) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self._plan = plan
        self._store = store
        self._studies: set[Path] = set()
        self._tables_due = 0.0
        self._done = {key for key, planned in plan.nodes.items() if planned.done}

    def finish(self, node: Node) -> None:
        """Note that the stage's artifact is there; a trace of an earlier failure is out of date."""
        self._done.add(node.key)
        for index in self._plan.nodes[node.key].points:
            error_path(study_folder(self._plan.points[index].config), node.key).unlink(missing_ok=True)

    def fail(self, node: Node, raised: Raised) -> Failure:
        """Keep the trace in the study's folder."""
        first = self._plan.points[self._plan.nodes[node.key].points[0]]
        return keep_failure(node.stage, node.key, raised, study_folder(first.config))

    def settle(self, schedule: Schedule, indices: Iterable[int]) -> list[Outcome]:
        """Settle those of the points whose end is known by now, and return them.

        The tables of their studies are rebuilt at once, or later where that would take much of the time.
        """
        settled = {}
        for index in indices:
            point = self._plan.points[index]
            key = point.root.key
            if index not in self.outcomes and (key in self._done or key in schedule.failures):
                failure = schedule.failures.get(key)
                settled[index] = Outcome(point, failure=failure) if failure else record_point(point, self._store)
        self.outcomes |= settled
        self._studies |= {study_folder(o.point.config) for o in settled.values() if o.record is not None}
        if settled and time.monotonic() >= self._tables_due:
            start = time.monotonic()
            with suppress(OSError):  # tried again at the end, when nothing can be lost by raising
                self.write_tables()
            end = time.monotonic()
            self._tables_due = end + (end - start) / SHARE_FOR_TABLES
        return list(settled.values())

    def write_tables(self) -> None:
        """Rebuild the tables of all studies that have a record."""
        for study in self._studies:
            write_tables(study)


def record_point(point: Point, store: ArtifactStore) -> Outcome:
    """Write and log the record of a point that has ended; one that was asked for up to an earlier stage has none."""
    if point.root.stage != "evaluate":
        return Outcome(point)
    study = study_folder(point.config)
    try:
        record = make_record(point, store)
        write_record(point_name(point), record, study, settings_of(point.config))
    except (OSError, ValueError) as error:
        return Outcome(point, failure=keep_failure("record", point.root.key, caught(error), study))
    log_point(point, record, store)
    return Outcome(point, record)


def died(times: int) -> Raised:
    """What a stage raised, so to speak, whose process was killed as often as that."""
    often = "once" if times == 1 else f"{times} times"
    return Raised(
        f"its process was killed {often}: out of memory?", f"The process died without an exception, {often}.\n"
    )


Ends = Generator[tuple[Node, Raised | None], None, None]
"""Stages as they end, with what they raised; the consumer tells the schedule before it asks for the next."""


def _ends(plan: Plan, store: ArtifactStore, schedule: Schedule, num_workers: int, display: Display) -> Ends:
    execution, num_threads = execution_of(plan.points), threads_of(plan.points)
    num_workers = min(num_workers, len(plan.todo))
    if num_workers == 0:
        return _ends_here(store, schedule, execution, num_threads, display)
    return _ends_in_workers(store, schedule, num_workers, execution, num_threads, display)


def execution_of(points: Sequence[Point]) -> ExecutionConfig:
    """How the points' stages are run, which the first point says for all."""
    return points[0].config.execution


def threads_of(points: Sequence[Point]) -> int:
    """Threads of a process that runs the points' stages."""
    return max(point.config.trainer.num_threads for point in points)


def _ends_here(
    store: ArtifactStore, schedule: Schedule, execution: ExecutionConfig, num_threads: int, display: Display
) -> Ends:
    with stage_environment(num_threads):
        while (node := schedule.pop()) is not None:
            display.begin(node)
            raised = None
            try:
                advance = partial(display.advance, node)
                store.make(node, Session(advance, checkpoint_seconds=60 * execution.checkpoint_minutes), display.say)
            except Exception as error:
                raised = caught(error)
            yield node, raised


def _ends_in_workers(
    store: ArtifactStore,
    schedule: Schedule,
    num_workers: int,
    execution: ExecutionConfig,
    num_threads: int,
    display: Display,
) -> Ends:
    def hire() -> Worker:
        return Worker(store, num_threads, 60 * execution.checkpoint_minutes)

    workers = [hire() for _ in range(num_workers)]
    deaths: Counter[str] = Counter()
    try:
        while _start_idle(workers, schedule, display):
            for worker in ready(workers):
                node, report = worker.node, worker.receive()
                assert node is not None
                match report:
                    case Advanced(done, total, note):
                        display.advance(node, done, total, note)
                    case Waits(sentence):
                        display.say(sentence)
                    case Ended(raised):
                        worker.node = None
                        yield node, raised
                    case None:
                        worker.stop()
                        workers[workers.index(worker)] = hire()
                        deaths[node.key] += 1
                        if deaths[node.key] <= execution.max_retries:
                            schedule.put_back(node)
                        else:
                            yield node, died(deaths[node.key])
    finally:
        for worker in workers:
            worker.stop()


def _start_idle(workers: Sequence[Worker], schedule: Schedule, display: Display) -> bool:
    """Give ready stages to idle workers; whether any worker is busy then."""
    for worker in workers:
        if worker.node is None and (node := schedule.pop()) is not None:
            worker.begin(node)
            display.begin(node)
    return any(worker.node is not None for worker in workers)
