"""The report as one wandb run of the study: its figures, tables, page and headline numbers.

`synthscale report DIR report.wandb=true` writes it beside the points' runs, in their group, under an id that stays. It
is offline unless WANDB_MODE says otherwise, and goes to the project that WANDB_PROJECT names. What goes wrong here is a
warning: the report's own files stand.
"""

import hashlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from synthscale.study.quiet_wandb import open_run
from synthscale_analysis.output import write_atomically
from synthscale_analysis.report.freshness import files_of
from synthscale_analysis.studies import TaskModelRecords

log = logging.getLogger(__name__)

JOB_TYPE = "report"
PROJECT = "synthscale"
_STAGING = "WANDB_DATA_DIR"


@dataclass(frozen=True, slots=True)
class _Part:
    """A report's folder. prefix: of its keys in the run, empty where there is only one."""

    prefix: str
    folder: Path

    def files(self) -> list[Path]:
        return [self.folder / name for name in files_of(self.folder)]


def log_report(study: Path, parts: Sequence[TaskModelRecords]) -> None:
    """Log the reports of these parts of a study's folder, unless the last run holds just these files."""
    try:
        _log(study.resolve(), [_Part(_prefix(part, parts), part.folder) for part in parts])
    except Exception as error:
        log.warning("wandb failed for the report of %s: %s", study, error)


def run_id_of(study: Path) -> str:
    """The id of the run, which the study's name alone decides."""
    return f"report-{re.sub(r'[^A-Za-z0-9_.-]+', '-', study.resolve().name)}"


def _log(study: Path, parts: Sequence[_Part]) -> None:
    run_id = run_id_of(study)
    marker, digest = study / "wandb" / "logged" / run_id, _digest(parts)
    if marker.is_file() and marker.read_text() == digest:
        return
    with _staged_in(study / "wandb"):
        _write_run(study, parts, run_id)
    write_atomically(marker, digest.encode())


def _write_run(study: Path, parts: Sequence[_Part], run_id: str) -> None:
    run = open_run(
        folder=study,
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        group=study.name,
        name=f"report of {study.name}",
        run_id=run_id,
        config={"study_name": study.name},
        job_type=JOB_TYPE,
    )
    with run:
        run.log({key: value for part in parts for key, value in _contents(part)})
        run.summary.update({key: value for part in parts for key, value in _headline(part)})


@contextmanager
def _staged_in(folder: Path) -> Iterator[None]:
    """Keep the tables that wait for `wandb sync` in this folder, and not in the user's home."""
    known = os.environ.get(_STAGING)
    os.environ.setdefault(_STAGING, str(folder))
    try:
        yield
    finally:
        if known is None:
            del os.environ[_STAGING]


def _prefix(part: TaskModelRecords, parts: Sequence[TaskModelRecords]) -> str:
    return f"{part.folder.name}/" if len(parts) > 1 else ""


def _digest(parts: Sequence[_Part]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for path in part.files():
            digest.update(f"{part.prefix}{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _contents(part: _Part) -> Iterator[tuple[str, Any]]:
    """Each figure as an image, each table as a table, the page as HTML."""
    import wandb

    for path in part.files():
        key = f"{part.prefix}{path.stem}"
        if path.suffix == ".png":
            yield f"{key}/figure", wandb.Image(str(path))
        elif path.suffix == ".csv" and (table := _table(path)) is not None:
            yield f"{key}/table", wandb.Table(dataframe=table, allow_mixed_types=True)
        elif path.suffix == ".html":
            yield f"{key}/page", wandb.Html(str(path), inject=False)


def _headline(part: _Part) -> Iterator[tuple[str, float | str]]:
    """The multipliers of whole curves with their intervals, and the mean accuracy of each curve at its largest size.

    Beside a number that is a bound stands its status, `more_than` or `less_than`.
    """
    multipliers = _table(part.folder / "multipliers.csv")
    for row in [] if multipliers is None else multipliers.to_dict("records"):
        for end in ("", "_low", "_high"):
            key = f"{part.prefix}{_curve(row)}/multiplier_vs_{row['baseline']}{end}"
            if pd.notna(value := row.get(f"multiplier{end}")):
                yield key, float(value)
            if pd.notna(status := row.get(f"multiplier{end}_status")) and status != "in_range":
                yield f"{key}_status", str(status)
    summary = _table(part.folder / "summary.csv")
    if summary is not None:
        for row in summary.sort_values("data_size").to_dict("records"):  # the largest comes last, and stays
            yield f"{part.prefix}{_curve(row)}/test_accuracy_at_largest_size", float(row["mean_test_accuracy"])


def _curve(row: Any) -> str:
    """As "rft", with the variant and the fraction where there are several."""
    fraction = row.get("negative_fraction")
    parts = [row["algorithm"], row.get("variant"), f"{fraction:g} negative" if pd.notna(fraction) else None]
    return " ".join(str(part) for part in parts if pd.notna(part))


def _table(path: Path) -> pd.DataFrame | None:
    """None for a table without rows."""
    try:
        return pd.read_csv(path)
    except (OSError, pd.errors.EmptyDataError):
        return None
