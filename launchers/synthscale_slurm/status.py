"""`synthscale status`: how far a study is, point by point, and why what failed has failed."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from synthscale.study.error import UserError
from synthscale.study.roster import Roster, read_roster
from synthscale.study.status import StudyStatus, study_status
from synthscale.study.status_table import status_json, status_view
from synthscale.study.store import open_store
from synthscale_slurm.book import Book
from synthscale_slurm.notes import job_notes
from synthscale_slurm.queue import SlurmUnreachable

SECONDS_BETWEEN_LOOKS = 5.0


def main(argv: Sequence[str]) -> int:
    """Print the status of the study in a folder, and return the exit status."""
    parser = argparse.ArgumentParser(prog="synthscale status", description=__doc__)
    parser.add_argument("study", type=Path, metavar="DIR", help="a study's folder: runs/quick")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all of it, for scripts")
    form.add_argument("--watch", action="store_true", help="show it anew until nothing runs or waits")
    arguments = parser.parse_args(argv)
    try:
        if arguments.watch:
            watch(arguments.study)
            return 0
        status, note = look(arguments.study)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    if arguments.json:
        print(status_json(arguments.study, status, note))
    else:
        Console(soft_wrap=True).print(status_view(arguments.study, status, note))
    return 0


def look(study: Path) -> tuple[StudyStatus, str | None]:
    """The study's status now, and what the reader should know of how it was found out.

    Raises:
        UserError: if the folder is not a study's.
    """
    roster = roster_of(study)
    study = Path(os.path.abspath(study))  # `.` has no parent
    store = open_store(study.parent)
    note = None
    try:  # before the artifacts: a job that ends in between has left one by then
        jobs = job_notes(Book(store.root), roster.inputs.keys())
    except SlurmUnreachable as error:
        jobs, note = {}, f"From the artifacts alone: {error}"
    return study_status(study, roster, store, jobs), note


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
            status, note = look(study)
            live.update(status_view(study, status, note), refresh=True)
            if status.is_over:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)
