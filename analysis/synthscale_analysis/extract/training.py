"""training.csv: losses and validation of each training by update, thinned.

A training that several methods share, as the first phase mostly is, has rows once; its method is `shared` there. A row
is the mean over the updates since the last row; validations, which are few, are kept where they were made.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthscale_analysis.extract.lineage import KeptArtifact

QUANTITIES = ("train_loss", "train_sft_loss", "train_dpo_loss", "train_margin")
VALIDATED = ("validation_loss", "validation_accuracy")
COLUMNS = ("artifact", "algorithm", "data_size", "seed", "phase", "update", *QUANTITIES, *VALIDATED)
NUM_ROWS = 40  # of a training, beside its validations
MAX_BYTES = 64 * 2**20

Row = dict[str, Any]


def training_rows(training: KeptArtifact) -> list[Row]:
    """The thinned curves; none where they are not there or hold no update.

    Raises:
        ValueError: if the file is no table of numbers.
    """
    path = training.file("curves.csv")
    if path is None or path.stat().st_size > MAX_BYTES:
        return []
    with path.open(newline="") as file:
        read = [_numbers(row) for row in csv.DictReader(file)]
    rows = [row for row in read if "update" in row]
    trained = [row for row in rows if any(name in row for name in QUANTITIES)]
    validated = [row for row in rows if any(name in row for name in VALIDATED)]
    merged: dict[int, Row] = {row["update"]: row for row in _means(trained)}
    for row in validated:
        update = int(row["update"])
        merged[update] = {**merged.get(update, {"update": update}), **_rounded(row, VALIDATED)}
    return [merged[update] for update in sorted(merged)]


def _numbers(row: Mapping[str, str | None]) -> dict[str, float]:
    """The cells that hold a number; a loss that is not finite is none."""
    numbers = {name: float(cell) for name, cell in row.items() if cell}
    return {name: number for name, number in numbers.items() if math.isfinite(number)}


def _means(rows: Sequence[Mapping[str, float]]) -> Iterator[Row]:
    """At most NUM_ROWS rows, each the mean over its updates, at the last of them."""
    length = max(1, -(-len(rows) // NUM_ROWS))
    for start in range(0, len(rows), length):
        part = rows[start : start + length]
        means = {}
        for name in QUANTITIES:
            numbers = [row[name] for row in part if name in row]
            if numbers:
                means[name] = sum(numbers) / len(numbers)
        yield {"update": int(part[-1]["update"]), **_rounded(means, QUANTITIES)}


def _rounded(row: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    return {name: float(f"{row[name]:.4g}") for name in names if name in row}
