"""Experiment logging: one run a point, written when the point is done, from its artifacts.

Curves are replayed from the `curves.csv` of the point's fine-tunings with the step as a column, because an offline
wandb run cannot be resumed: the step would start at 0 again, in a second folder. A shared stage's curves go into
each point's run.

A logger never loses a record: what goes wrong here is a warning.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from synthscale.durable import write_durably
from synthscale.stage.stage import plain
from synthscale.study.quiet_wandb import open_run
from synthscale.study.recipe import Point
from synthscale.study.record import Record, point_name, study_folder
from synthscale.study.store import ArtifactStore

log = logging.getLogger(__name__)
CURVES = "curves.csv"

Curves = list[tuple[str, dict[str, str]]]
"""Rows of the point's curves in order, each with the role of its fine-tuning; empty cells are not measured."""


def log_point(point: Point, record: Record, store: ArtifactStore) -> None:
    """Log the point as its config's logger says; a failure is a warning."""
    write = {"wandb": _write_wandb, "csv": _write_csv, "none": None}[plain(point.config.logger.name)]
    if write is None:
        return
    try:
        write(point, record, read_curves(point, store), study_folder(point.config))
    except Exception as error:
        log.warning("The logger %s failed for %s: %s", plain(point.config.logger.name), point.label, error)


def read_curves(point: Point, store: ArtifactStore) -> Curves:
    """The rows of all the point's fine-tunings, in the order of its recipe."""
    curves: Curves = []
    for role, node in point.nodes.items():
        artifact = store.find(node) if node.stage == "finetune" else None
        if artifact is not None and (artifact.folder / CURVES).exists():
            with (artifact.folder / CURVES).open(newline="") as file:
                curves.extend((role, row) for row in csv.DictReader(file))
    return curves


def _write_csv(point: Point, record: Record, curves: Curves, study: Path) -> None:
    columns = ["role", *dict.fromkeys(column for _, row in curves for column in row)]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({"role": role, **row} for role, row in curves)
    write_durably(study / "curves" / f"{point_name(point)}.csv", text.getvalue().encode())


def _write_wandb(point: Point, record: Record, curves: Curves, study: Path) -> None:
    run_id = point_name(point)
    marker = study / "wandb" / "logged" / run_id
    marker.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{marker}.lock"):  # two processes may end the same point at once
        if not marker.exists():
            _write_one_run(point, record, curves, study, run_id)
            write_durably(marker, b"")


def _write_one_run(point: Point, record: Record, curves: Curves, study: Path, run_id: str) -> None:
    config = plain(point.config)
    run = open_run(
        folder=study,
        project=config["logger"]["project"],
        group=config["study_name"],
        name=point.label,
        run_id=run_id,
        config=config,
        job_type=None,
    )
    with run:
        for step, row in enumerate(_wandb_rows(curves), start=1):
            run.log(row, step=step)
        run.summary.update({name: value for name, value in asdict(record).items() if value is not None})


def _wandb_rows(curves: Curves) -> Iterator[dict[str, float]]:
    """`sft/train_loss` and the like; `sft/update` is there to plot one stage against its own updates."""
    for role, row in curves:
        yield {f"{role}/{name}": float(value) for name, value in row.items() if value != ""}
