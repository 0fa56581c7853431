"""The same command twice gives the same results.csv but for times, and a third finds everything done."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

POINT = (
    "algorithm=step_mix",
    "data_size=16",
    "seed=3",
    "trainer.num_validation=8",
    "evaluation.num_test=32",
    "evaluation.num_sampled_problems=8",
    "algorithm.first.updates_per_problem=0.25",
    "algorithm.second.updates_per_problem=0.25",
    "logger=none",
)


def results_of(folder: Path) -> list[dict[str, str]]:
    """Run the point in a folder of its own; its rows without the columns of times."""
    program = "import sys; from synthscale.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "run", *POINT, f"runs_dir={folder}"]
    subprocess.run(command, check=True, capture_output=True)
    with (folder / "scratch" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: cell for name, cell in row.items() if not name.endswith("_seconds")} for row in rows]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    """The folder of a run, and its rows."""
    folder = tmp_path_factory.mktemp("once")
    return folder, results_of(folder)


def test_the_same_command_gives_the_same_results(once: tuple[Path, list[dict[str, str]]], tmp_path: Path) -> None:
    _, first = once
    assert results_of(tmp_path) == first
    assert len(first) == 1 and first[0]["test_accuracy"] != "" and first[0]["num_rollouts"] != ""


def test_a_finished_point_is_not_made_again(once: tuple[Path, list[dict[str, str]]]) -> None:
    folder, first = once
    made = {path: path.stat().st_mtime_ns for path in (folder / "artifacts").rglob("manifest.json")}
    assert results_of(folder) == first
    assert made and made == {path: path.stat().st_mtime_ns for path in (folder / "artifacts").rglob("manifest.json")}
