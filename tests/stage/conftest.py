"""Artifacts made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from synthscale.stage.stage import Artifact
from synthscale.table import write_table


@pytest.fixture
def artifact(tmp_path: Path) -> Callable:
    """Makes an artifact of a stage from tables of rows, by file name."""

    def make(stage: str, **tables: Sequence) -> Artifact:
        folder = tmp_path / stage
        folder.mkdir()
        for name, rows in tables.items():
            write_table(folder / f"{name}.parquet", type(rows[0]), rows)
        measures = {}
        if stage == "sample":
            samples = tables["samples"]
            measures = {"num_samples": len(samples), "num_correct": sum(row.correct for row in samples)}
        return Artifact(folder, {"stage": stage, "measures": measures})

    return make
