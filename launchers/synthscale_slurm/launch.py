"""What the launcher does with a study: submit what is missing, say so, and wait for it where that is wanted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from synthscale.study.estimate import History
from synthscale.study.execute import record_point
from synthscale.study.outcome import Failure, Outcome
from synthscale.study.plan import make_plan
from synthscale.study.readiness import cut_solutions, refuse_missing_keys
from synthscale.study.recipe import Point
from synthscale.study.record import study_folder, write_tables
from synthscale.study.roster import Roster, member, write_rosters
from synthscale.study.status import JobNote, State, StudyStatus, study_status
from synthscale.study.status_table import headline
from synthscale.study.store import ArtifactStore
from synthscale.study.summary import print_failures, print_summary
from synthscale_slurm.book import Book
from synthscale_slurm.layers import PlannedArray
from synthscale_slurm.notes import job_notes
from synthscale_slurm.queue import SlurmUnreachable
from synthscale_slurm.resources import SlurmConfig
from synthscale_slurm.submit import submit

SECONDS_BETWEEN_LOOKS = 5.0
SECONDS_BETWEEN_LINES = 60.0  # without a terminal
SECONDS_TO_BE_PATIENT = 3600.0


def submit_study(points: Sequence[Point], store: ArtifactStore, config: SlurmConfig, console: Console) -> list[Outcome]:
    """Submit what is missing and say what that is; the outcomes are those of the points that were there before."""
    plan = make_plan(points, store)
    refuse_missing_keys(plan)  # a job has the environment that it was submitted from
    note = cut_solutions(plan, History(store))
    write_rosters(points)
    done = [plan.nodes[point.root.key].done for point in points]
    outcomes = [
        record_point(point, store) if is_done else Outcome(point) for point, is_done in zip(points, done, strict=True)
    ]
    for folder in {study_folder(outcome.point.config) for outcome in outcomes if outcome.record is not None}:
        write_tables(folder)
    study = study_folder(points[0].config)
    submitted = submit(plan, store, config)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if note is not None:
        say(note)
    if any(done):
        say(f"{sum(done)} of {len(points)} points were there already.")
    if submitted.num_in_queue:
        say(f"{submitted.num_in_queue} stages are in the queue already.")
    if submitted.num_elsewhere:
        say(
            f"{submitted.num_elsewhere} points end in jobs of another study: when those have ended, the same command "
            "gives these points their rows in results.csv."
        )
    if submitted.arrays:
        num_stages = sum(len(pack) for array in submitted.arrays for pack in array.packs)
        say(f"Submitted {num_stages} stages as {len(submitted.arrays)} job arrays.")
        console.print(array_table(submitted.arrays, submitted.job_ids))
    else:
        say("There is nothing to submit.")
    print_failures(outcomes, console)
    say(f"Study: {study}   (synthscale status {study}, synthscale cancel {study})")
    return outcomes


def array_table(arrays: Sequence[PlannedArray], job_ids: Sequence[str] | None) -> Table:
    """One row an array: its stages, jobs and resources; with job ids once it is submitted."""
    table = Table()
    for name in ("layer", "stage", "stages", "jobs", "each job", "after", *(["job id"] if job_ids else [])):
        table.add_column(name, justify="right" if name in ("layer", "stages", "jobs") else "left")
    for index, array in enumerate(arrays):
        before = [job_ids[i] if job_ids else arrays[i].stage for i in array.waits_for]
        num_stages = sum(len(pack) for pack in array.packs)
        row = [str(array.layer), array.stage, str(num_stages), str(len(array.packs)), resources_text(array)]
        after = ", ".join(dict.fromkeys([*array.waits_for_jobs, *before]))
        table.add_row(*row, after, *([job_ids[index]] if job_ids else []))
    return table


def resources_text(array: PlannedArray) -> str:
    """`2 CPUs, 8 GB, 60 min, gpu`."""
    wanted = array.resources
    num_ranks = (wanted.nodes or 1) * (wanted.tasks_per_node or 1)
    parts = [f"{wanted.nodes} nodes"] if (wanted.nodes or 1) > 1 else []
    parts += [f"{num_ranks} tasks"] if num_ranks > 1 else []
    parts += [f"{wanted.cpus} CPUs" if (wanted.cpus or 1) > 1 else "1 CPU"]
    parts += [f"{wanted.gpus} GPUs" if (wanted.gpus or 0) > 1 else "1 GPU"] if wanted.gpus else []
    parts += [f"{wanted.memory_gb:g} GB", f"{array.minutes} min"]
    parts += [name for name in (wanted.partition, wanted.qos, wanted.constraint) if name]
    return ", ".join(parts)


def wait_for_study(points: Sequence[Point], store: ArtifactStore, console: Console) -> list[Outcome]:
    """Show how far the points are until nothing of them runs or waits, then their summary; return what became of them.

    Raises:
        SlurmUnreachable: if SLURM gives no answer for an hour; the jobs go on.
    """
    study = study_folder(points[0].config)
    inputs = {node.key: tuple(child.key for child in node.inputs.values()) for p in points for node in p.root.walk()}
    roster = Roster(tuple(member(point) for point in points), inputs)

    def look() -> StudyStatus:
        notes = patiently(lambda: job_notes(Book(store.root), roster.inputs.keys()), console)
        return study_status(study, roster, store, notes)  # after the jobs, as in `synthscale status`

    status, spoke = look(), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("points", total=len(points))
        try:
            while not status.is_over:
                progress.update(bar, completed=status.count(State.done), description=_counts(status))
                if not console.is_terminal and time.monotonic() - spoke >= SECONDS_BETWEEN_LINES:
                    spoke = time.monotonic()
                    console.print(headline(study, status), soft_wrap=True)
                time.sleep(SECONDS_BETWEEN_LOOKS)
                status = look()
        except KeyboardInterrupt:
            console.print(f"The jobs go on; synthscale cancel {study} ends them.", highlight=False, soft_wrap=True)
            raise
    outcomes = [_outcome(point, one.state, status, store) for point, one in zip(points, status.points, strict=True)]
    for folder in {study_folder(outcome.point.config) for outcome in outcomes if outcome.record is not None}:
        write_tables(folder)
    print_summary(outcomes, console)
    return outcomes


def patiently(ask: Callable[[], dict[str, JobNote]], console: Console) -> dict[str, JobNote]:
    """What SLURM answers, asked again while it gives no answer: its controller may be restarted meanwhile."""
    end, spoke = time.monotonic() + SECONDS_TO_BE_PATIENT, False
    while True:
        try:
            return ask()
        except SlurmUnreachable as error:
            if time.monotonic() > end:
                raise
            if not spoke:
                console.print(f"{error} Waiting for it.", markup=False, highlight=False, soft_wrap=True)
                spoke = True
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _outcome(point: Point, state: State, status: StudyStatus, store: ArtifactStore) -> Outcome:
    if state is State.done:
        return record_point(point, store)
    because = next(one.because for one in status.points if one.member == member(point))
    assert because is not None
    failure = Failure(because.stage, because.key, because.reason or state.value, because.log or store.root)
    return Outcome(point, failure=failure)


def _counts(status: StudyStatus) -> str:
    counts = Counter(point.state.value for point in status.points)
    return ", ".join(f"{count} {state}" for state, count in counts.items() if state != State.done.value) or "points"
