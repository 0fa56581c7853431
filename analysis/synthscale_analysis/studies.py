"""Split a records table by task and model: a curve never mixes two tasks or two models.

With one task and one model the report lies directly in its folder; with more, each pair has a folder of its own.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from synthscale.study.error import UserError

MAX_NAME_CHARACTERS = 200  # of a folder; file systems end at 255 bytes


@dataclass(frozen=True, slots=True)
class TaskModelRecords:
    """Records of one task and model, and the folder their report goes to."""

    task: str
    model: str
    records: pd.DataFrame
    folder: Path


def studies_in(
    records: pd.DataFrame, folder: Path, task: str | None = None, model: str | None = None
) -> list[TaskModelRecords]:
    """One part per (task, model), optionally only those of one task or one model; UserError where none is left."""
    parts = list(worlds_of(records))
    wanted = [part for part in parts if task in (None, part[0]) and model in (None, part[1])]
    if not wanted:
        there = ", ".join(f"{part[0]} with {part[1]}" for part in parts)
        raise UserError(f"no records of task {task or 'any'} with model {model or 'any'}; there are {there}")
    return [
        TaskModelRecords(name, learner, rows, folder if len(parts) == 1 else folder / _folder_name(name, learner))
        for name, learner, rows in wanted
    ]


def worlds_of(records: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Task, model and rows of each pair, by their names."""
    for names, rows in records.groupby(["task", "model"], sort=True, dropna=False):
        yield str(names[0]), str(names[1]), rows


def _folder_name(task: str, model: str) -> str:
    name = "__".join(re.sub(r"[^A-Za-z0-9._-]+", "-", name) for name in (task, model))
    if len(name) <= MAX_NAME_CHARACTERS:
        return name
    digest = hashlib.sha256(f"{task}\n{model}".encode()).hexdigest()[:8]
    return f"{name[: MAX_NAME_CHARACTERS - 9]}-{digest}"
