"""Hydra's stock launchers for submitit run sweeps too: each job is a point for itself, and they share their stages."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

# Small points, but real ones: nothing of them is scripted.
SWEEP = (
    "algorithm=sft,rft",
    "data_size=16",
    "seed=1,2",
    "study_name=tiny",
    "logger=none",
    "algorithm.first.updates_per_problem=0.2",
    "algorithm.second.updates_per_problem=0.2",
    "sampler.num_samples=8",
    "evaluation.num_test=20",
    "evaluation.num_sampled_problems=5",
    "trainer.num_validation=10",
    "trainer.num_validations=1",
)
JOB = ("hydra.launcher.timeout_min=10", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1")
TIMINGS = ("train_seconds", "sample_seconds")

# Python imports this at each start, in jobs as well. It notes each stage that runs, and lets those of one seed fail.
NOTING = """
import os
import synthscale.study.store as store

run_stage = store.run_stage

def noting(node, *rest):
    with open(os.environ["NOTED_STAGES"], "a") as file:
        file.write(node.key + "\\n")
    if str(getattr(node.config, "seed", None)) == os.environ.get("FAILING_SEED"):
        raise RuntimeError("not this seed")
    return run_stage(node, *rest)

store.run_stage = noting
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable:
    """Run a sweep with a launcher in a new folder: the process that has ended, and the folder."""
    modules = tmp_path_factory.mktemp("modules")
    (modules / "sitecustomize.py").write_text(NOTING)

    def call(launcher: str, *arguments: str, env: Mapping[str, str] = os.environ, **variables: str) -> tuple:
        folder = tmp_path_factory.mktemp(launcher)
        noting = {"PYTHONPATH": str(modules), "NOTED_STAGES": str(folder / "stages.txt")}
        command = [sys.executable, "-m", "synthscale.cli", "run", "-m", f"hydra/launcher={launcher}", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=env | noting | variables, capture_output=True, text=True, timeout=400
        )
        return done, folder

    return call


@pytest.fixture(scope="module")
def expected(run: Callable) -> list[dict[str, str]]:
    """The table that the project's own launcher makes of the sweep."""
    done, folder = run("local", *SWEEP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_each_stage_ran_once(folder)
    return table(folder)


@pytest.mark.slurm
def test_submitit_slurm_makes_the_same_table(run, expected, slurm):
    done, folder = run("submitit_slurm", *SWEEP, *JOB, env=slurm.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(folder) == expected
    assert_each_stage_ran_once(folder)
    jobs = [path.name for path in folder.glob("runs/tiny/hydra/*/.submitit/[0-9]*_[0-9]*")]
    assert len(jobs) == 4
    slurm.wait_until(lambda: [slurm.states(job) for job in jobs] == [["COMPLETED"]] * 4, 20)


def test_submitit_local_makes_the_same_table(run, expected):
    done, folder = run("submitit_local", *SWEEP, "seed=1", *JOB)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(folder) == [row for row in expected if row["seed"] == "1"]
    assert_each_stage_ran_once(folder)


def test_a_failed_point_leaves_the_other_and_the_status_is_1(run):
    points = ("stage=synthesize", "data_size=16", "seed=1,2", "study_name=tiny", "logger=none")
    done, folder = run("submitit_local", *points, *JOB, FAILING_SEED="2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(list((folder / "runs" / "artifacts").glob("synthesize-*"))) == 1
    (log,) = (folder / "runs" / "tiny" / "errors").iterdir()
    assert "not this seed" in log.read_text()


def table(folder: Path) -> list[dict[str, str]]:
    """The study's table without the columns that differ from run to run."""
    with (folder / "runs" / "tiny" / "results.csv").open(newline="") as file:
        return [{name: cell for name, cell in row.items() if name not in TIMINGS} for row in csv.DictReader(file)]


def assert_each_stage_ran_once(folder: Path) -> None:
    """Each artifact of the sweep was made by one run of its stage, whichever jobs needed it."""
    runs = Counter((folder / "stages.txt").read_text().split())
    assert set(runs.values()) == {1}
    assert set(runs) == {path.name for path in (folder / "runs" / "artifacts").glob("[a-z]*")}
