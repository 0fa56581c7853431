"""The local launcher runs a sweep as one plan and keeps Hydra's books; only the stages are scripted here."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest

from hydra_plugins.synthscale_launchers.local import LocalLauncher

DRIVER = """
import contextlib, io, json, sys
import synthscale.study.store as store
from synthscale.study.app import run

calls = []

def scripted(node, inputs, out, advance):
    calls.append(node.stage)
    (out / "file.txt").write_text(node.key)
    if node.stage == "sample" and node.config.seed == 2:
        raise RuntimeError("no sample was right")
    if node.stage == "evaluate":
        return {"num_test": 10, "test_accuracy": 0.5}
    return {}

store.run_stage = scripted
out, err = io.StringIO(), io.StringIO()
with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    status = run([*json.loads(sys.argv[1]), "logger=none", "hydra.launcher.num_workers=0"])
print(json.dumps([status, out.getvalue(), err.getvalue(), calls]))
"""

SWEEP = ["-m", "algorithm=sft,rft", "data_size=16,32", "seed=1", "study_name=swept"]


@pytest.fixture
def run(tmp_path):
    """Run the application with scripted stages: status, stdout, stderr, the stages that ran."""

    def call(*arguments: str) -> tuple[int, str, str, list[str]]:
        command = [sys.executable, "-c", DRIVER, json.dumps(arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return tuple(json.loads(done.stdout.splitlines()[-1]))

    return call


def rows(folder, study: str) -> list[dict[str, str]]:
    """The study's table."""
    with (folder / "runs" / study / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sweep_is_one_plan_with_one_row_a_point(run, tmp_path):
    status, out, err, calls = run(*SWEEP)
    assert (status, err) == (0, "")
    assert calls.count("synthesize") == 2, "two sizes, shared by two algorithms"
    assert calls.count("evaluate") == 4
    assert [(row["algorithm"], row["data_size"]) for row in rows(tmp_path, "swept")] == [
        ("sft", "16"), ("sft", "32"), ("rft", "16"), ("rft", "32"),
    ]  # fmt: skip
    assert "runs/swept/results.csv" in out


def test_the_sweeps_folder_holds_each_points_config(run, tmp_path):
    run(*SWEEP)
    (sweep,) = (tmp_path / "runs" / "swept" / "hydra").iterdir()
    assert (sweep / "multirun.yaml").exists()
    assert sorted(path.name for path in sweep.iterdir() if path.is_dir()) == ["0", "1", "2", "3"]
    assert "data_size=32" in (sweep / "1" / ".hydra" / "overrides.yaml").read_text()
    assert "data_size: 32" in (sweep / "1" / ".hydra" / "config.yaml").read_text()


def test_a_second_run_makes_nothing(run):
    run(*SWEEP)
    status, out, _, calls = run(*SWEEP)
    assert (status, calls) == (0, [])
    assert "4 of 4 points were there already." in out


def test_a_failed_point_leaves_the_others_and_the_status_is_1(run, tmp_path):
    status, out, err, _ = run("-m", "algorithm=sft,rft", "seed=2,3", "study_name=swept")
    assert (status, err) == (1, ""), "the summary says it, and nothing says it again"
    assert [(row["algorithm"], row["seed"]) for row in rows(tmp_path, "swept")] == [
        ("sft", "2"),
        ("sft", "3"),
        ("rft", "3"),
    ]
    assert "1 of 4 points failed:" in out
    assert "rft N=128 f=0 seed=2: sample: RuntimeError: no sample was right (log: runs/swept/errors/sample-" in out


def test_a_bad_point_stops_all_before_the_first(run, tmp_path):
    status, _, err, calls = run("-m", "data_size=16,32", "trainer.batch_size=4,0")
    assert (status, calls) == (2, [])
    assert err.startswith("Point data_size=16 trainer.batch_size=0 logger=none: trainer.batch_size must be between")
    assert err.count("\n") == 1


def test_callbacks_see_each_job_with_its_status(run, tmp_path):
    callback = "+hydra.callbacks.seen._target_=hydra.experimental.callbacks.PickleJobInfoCallback"
    status, *_ = run(*SWEEP, callback)
    assert status == 0
    assert len(list((tmp_path / "runs").rglob("job_return.pickle"))) == 4


def test_one_point_without_a_sweep(run, tmp_path):
    status, out, _, calls = run("algorithm=rft", "data_size=16", "study_name=one")
    assert status == 0
    assert calls == [s for s in calls if s != "pretrain"], "the base ships with the package"
    assert len(rows(tmp_path, "one")) == 1
    assert "test_accuracy" in out and "runs/one/results.csv" in out


def test_one_point_that_fails(run):
    status, out, err, _ = run("algorithm=rft", "seed=2", "study_name=one")
    assert (status, err) == (1, "")
    assert "rft N=128 f=0 seed=2: sample: RuntimeError: no sample was right (log: runs/one/errors/" in out


def test_up_to_a_stage(run, tmp_path):
    status, out, _, calls = run("algorithm=rft", "stage=sample", "study_name=one")
    assert status == 0
    assert calls == ["synthesize", "finetune", "sample"]
    assert out.splitlines()[-1].startswith("runs/artifacts/sample-")
    assert not (tmp_path / "runs" / "one" / "results.csv").exists()


def test_pretrain_is_made_anew_though_it_ships(run):
    status, out, _, calls = run("stage=pretrain")
    assert (status, calls) == (0, ["pretrain"])
    assert out.splitlines()[-1].startswith("runs/artifacts/pretrain-")


def test_hydras_basic_launcher_works_too(run, tmp_path):
    driver = DRIVER.replace(', "hydra.launcher.num_workers=0"', "")
    command = [sys.executable, "-c", driver, json.dumps([*SWEEP, "hydra/launcher=basic"])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout.splitlines()[-1])[0] == 0
    assert len(rows(tmp_path, "swept")) == 4


def test_a_launcher_that_a_single_point_does_not_use_is_refused(tmp_path):
    """Hydra uses no launcher without -m: the point would be trained where it was to be submitted."""
    driver = DRIVER.replace(', "hydra.launcher.num_workers=0"', "")
    command = [sys.executable, "-c", driver, json.dumps(["algorithm=sft", "hydra/launcher=slurm"])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    status, _, err, calls = json.loads(done.stdout.splitlines()[-1])
    assert (status, calls) == (2, [])
    assert err == "hydra/launcher=slurm starts sweeps: add -m, also for a single point.\n"


@pytest.mark.parametrize(("num_threads", "num_workers"), [(1, 8), (2, 4), (3, 2), (16, 1)])
def test_workers_and_their_threads_are_as_many_as_there_are_cores(monkeypatch, num_threads, num_workers):
    asked = []
    monkeypatch.setattr("synthscale.study.execute.available_cores", lambda: 8)
    monkeypatch.setattr("synthscale.study.execute.threads_of", lambda points: num_threads)
    monkeypatch.setattr(
        "synthscale.study.execute.run_points", lambda *args, num_workers, **_: asked.append(num_workers)
    )
    monkeypatch.setattr("synthscale.study.summary.print_summary", lambda *args: None)
    LocalLauncher().carry_out([], None, None)
    LocalLauncher(num_workers=5).carry_out([], None, None)
    assert asked == [num_workers, 5]
