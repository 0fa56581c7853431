"""`synthscale status`: how far a study is, point by point, and why what failed has failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live

from synthscale.command_line import CommandLine
from synthscale.study.error import UserError
from synthscale.study.record import read_records
from synthscale.study.roster import Roster, read_roster
from synthscale.study.status import State, StudyStatus, study_status
from synthscale.study.status_table import status_json, status_view
from synthscale.study.store import open_store
from synthscale_slurm.book import Book
from synthscale_slurm.notes import job_notes
from synthscale_slurm.queue import SlurmUnreachable

SECONDS_BETWEEN_LOOKS = 5.0


def main(argv: Sequence[str]) -> int:
    """Print the status of the study in a folder, and return the exit status: 1 if SLURM did not answer."""
    parser = CommandLine("status", __doc__)
    parser.add_argument("study", type=Path, metavar="DIR", help="a study's folder: runs/quick")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all of it, for scripts")
    form.add_argument("--watch", action="store_true", help="show it anew until nothing runs or waits")
    arguments = parser.parse_args(argv)
    try:
        if arguments.watch:
            watch(arguments.study)
            return 0
        found = look(arguments.study)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except PermissionError as error:
        print(f"Cannot read {error.filename}: {error.strerror}.", file=sys.stderr)
        return 2
    if arguments.json:
        print(status_json(arguments.study, found.status, found.note))
    else:
        Console(soft_wrap=True).print(status_view(arguments.study, found.status, found.note))
    return 0 if found.is_answered else 1


@dataclass(frozen=True, slots=True)
class Look:
    """A status, whether SLURM had its say in it, and what the reader should know of it."""

    status: StudyStatus
    is_answered: bool
    note: str | None


def look(study: Path) -> Look:
    """The study's status now.

    Raises:
        UserError: if the folder is not a study's.
    """
    roster = roster_of(study)
    study = study.resolve()  # a link to it, or `.`, has not its parent
    store = open_store(study.parent)
    silence = None
    try:  # before the artifacts: a job that ends in between has left one by then
        jobs = job_notes(Book(store.root), roster.inputs.keys())
    except SlurmUnreachable as error:
        jobs, silence = {}, f"From the artifacts alone: {error}"
    status = study_status(study, roster, store, jobs)
    return Look(status, silence is None, silence or rows_note(study, status))


def rows_note(study: Path, status: StudyStatus) -> str | None:
    """What to do for points that are done without a row, as those that a job of another study has ended."""
    rows = {record.artifact for record in read_records(study)}
    roots = [point.member.root for point in status.points if point.state is State.done]
    num_rowless = sum(root.startswith("evaluate-") and root not in rows for root in roots)
    if not num_rowless:
        return None
    return f"Of the done points {num_rowless} have no row in results.csv yet: run the study's command again for it."


def roster_of(study: Path) -> Roster:
    """The study's points.

    Raises:
        UserError: if the folder is not a study's.
    """
    if not study.is_dir():
        raise UserError(f"There is no folder {study}; a study's is runs/<study_name>.")
    roster = read_roster(study)
    if roster is None:
        raise UserError(f"{study} is no folder of a study that was run or submitted: it has no points.")
    return roster


def watch(study: Path) -> None:
    """Show the status anew every few seconds, until nothing runs or waits."""
    with Live(console=Console(), auto_refresh=False) as live:
        while True:
            found = look(study)
            live.update(status_view(study, found.status, found.note), refresh=True)
            if found.status.is_over and found.is_answered:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)
