"""Studies on a real Slurm: submitted, left alone, disturbed in every way, and equal to the undisturbed ones."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slurm

SYNTHSCALE = str(Path(sys.executable).with_name("synthscale"))
SMALL = [
    "logger=none",
    "evaluation.num_test=40",
    "evaluation.num_sampled_problems=5",
    "trainer.num_validation=10",
    "trainer.num_validations=1",
    "sampler.num_samples=8",
]
FEW_UPDATES = ["algorithm.first.updates_per_problem=0.2", "algorithm.second.updates_per_problem=0.2"]
STUDY = ["-m", "algorithm=sft,rft", "data_size=16,20", "seed=1,2", "study_name=demo", *SMALL, *FEW_UPDATES]
SLURM = [
    *("hydra/launcher=slurm_test", "hydra.launcher.points_per_job=4"),
    "hydra.launcher.resources.finetune.points_per_job=2",
]
MEASURED_ANEW = {"train_seconds", "sample_seconds"}


def synthscale(slurm, folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a command in a folder, with the cluster's environment."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [SYNTHSCALE, command, *arguments], cwd=folder, env=slurm.env, capture_output=True, text=True, timeout=500
    )
    return done


def submit(slurm, folder: Path, *arguments: str) -> str:
    """Submit and return what was printed."""
    done = synthscale(slurm, folder, "run", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(slurm, folder: Path, study: str = "demo") -> dict:
    """The study's status as JSON."""
    done = synthscale(slurm, folder, "status", f"runs/{study}", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_for_end(slurm, folder: Path, study: str = "demo", seconds: float = 300) -> dict:
    """Wait until no job of the folder's studies waits or runs, and return the study's status."""

    def is_over() -> bool:
        time.sleep(0.5)
        ids = {array["job_id"] for array in arrays(folder)}
        return not any(
            job_id.partition("_")[0] in ids and state in ("PENDING", "RUNNING", "COMPLETING", "PREEMPTED", "NODE_FAIL")
            for job_id, state in slurm.squeue().items()
        )

    slurm.wait_until(is_over, seconds)
    return status(slurm, folder, study)


def arrays(folder: Path) -> list[dict]:
    """All arrays that were ever submitted under the folder's `runs`."""
    books = (folder / "runs" / "artifacts" / ".jobs").glob("*.json")
    return [array for book in books for array in json.loads(book.read_text())["arrays"]]


def job_of(folder: Path, stage: str) -> str:
    """The id of the one job that was submitted for that kind of stage."""
    (array,) = [array for array in arrays(folder) if array["stage"] == stage]
    assert len(array["packs"]) == 1
    return array["job_id"]


def rows(folder: Path, study: str = "demo") -> list[dict[str, str]]:
    """The study's table, without what differs from run to run."""
    with (folder / "runs" / study / "results.csv").open(newline="") as file:
        return [{name: cell for name, cell in row.items() if name not in MEASURED_ANEW} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def finished(slurm, tmp_path_factory) -> Path:
    """A study of eight points over several layers, submitted to the cluster and left alone until its end."""
    folder = tmp_path_factory.mktemp("finished")
    printed = submit(slurm, folder, *STUDY, *SLURM)
    assert "Submitted 28 stages as 7 job arrays" in printed
    early = status(slurm, folder)["counts"]
    assert early["queued"] + early["running"] > 0, "the submitting process is gone and the study is not"
    ended = wait_for_end(slurm, folder)
    assert ended["counts"] == {"done": 8, "running": 0, "queued": 0, "failed": 0, "missing": 0}
    return folder


def test_a_submitted_study_equals_the_local_one(slurm, finished, tmp_path):
    submit(slurm, tmp_path, *STUDY)
    assert len(rows(tmp_path)) == 8
    assert rows(finished) == rows(tmp_path)


def test_stages_are_packed(slurm, finished):
    packs = [pack for array in arrays(finished) if array["stage"] == "finetune" for pack in array["packs"]]
    assert sorted(map(len, packs)) == [2, 2, 2, 2]
    for array in arrays(finished):
        for index in range(len(array["packs"])):
            job_id = f"{array['job_id']}_{index}" if len(array["packs"]) > 1 else array["job_id"]
            (row,) = slurm.sacct(job_id)
            assert row["State"] == "COMPLETED"


def test_the_same_command_again_submits_nothing(slurm, finished):
    before = arrays(finished)
    printed = submit(slurm, finished, *STUDY, *SLURM)
    assert "8 of 8 points were there already." in printed
    assert "There is nothing to submit." in printed
    assert arrays(finished) == before


def test_status_without_accounting_and_after_the_queue_forgot(slurm, finished, tmp_path):
    """Artifacts tell it: squeue alone, and neither squeue's memory nor sacct."""
    bare = tmp_path / "bin"
    bare.mkdir()
    squeue = subprocess.run(["which", "squeue"], capture_output=True, text=True, check=True).stdout.strip()
    (bare / "squeue").symlink_to(squeue)
    env = slurm.env | {"PATH": str(bare)}
    command = [SYNTHSCALE, "status", "runs/demo", "--json"]
    done = subprocess.run(command, cwd=finished, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["counts"]["done"] == 8


def test_two_people_submit_at_once_and_nothing_twice(slurm, tmp_path):
    command = [SYNTHSCALE, "run", *STUDY, *SLURM]
    processes = [
        subprocess.Popen(command, cwd=tmp_path, env=slurm.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    keys = [key for array in arrays(tmp_path) for pack in array["packs"] for key in pack]
    assert len(keys) == len(set(keys)) == 28

    done = synthscale(slurm, tmp_path, "cancel", "runs/demo")
    assert done.returncode == 0 and done.stdout.startswith("Cancelled "), done.stderr
    ids = {array["job_id"] for array in arrays(tmp_path)}
    left = {state for job_id, state in slurm.squeue().items() if job_id.partition("_")[0] in ids}
    assert left <= {"CANCELLED", "COMPLETED"}
    assert status(slurm, tmp_path)["counts"]["missing"] == 8, "and none failed"
    again = synthscale(slurm, tmp_path, "cancel", "runs/demo")
    assert (again.returncode, again.stdout) == (0, "No job of runs/demo is in the queue.\n")


def test_a_bad_config_submits_nothing(slurm, tmp_path):
    for bad in (["trainer.batch_size=4,0"], ["hydra.launcher.resources.sample.tasks_per_node=2"], ["algorithm=sft,no"]):
        done = synthscale(slurm, tmp_path, "run", *STUDY, *SLURM, *bad)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert arrays(tmp_path) == []


def test_a_stage_that_raises_is_failed_in_sacct_and_in_status(slurm, tmp_path):
    """One sample a problem makes no pair: compose raises, what needs it is blocked, and the others end well."""
    study = ["-m", "algorithm=sft,dpo", "data_size=16", "seed=1", "study_name=demo", *SMALL]
    submit(slurm, tmp_path, *study, "sampler.num_samples=1", "credit.best_of=1", "hydra/launcher=slurm_test")
    ended = wait_for_end(slurm, tmp_path)
    assert ended["counts"] | {"done": 1, "failed": 1} == ended["counts"]
    (failed,) = [point for point in ended["points"] if point["state"] == "failed"]
    assert failed["algorithm"] == "dpo" and failed["stage"].startswith("compose-")
    assert failed["reason"].startswith("ValueError: there is nothing to train on")
    assert "Traceback" in (tmp_path / failed["log"]).read_text()
    (row,) = slurm.sacct(failed["job_id"])
    assert row["State"] == "FAILED"
    blocked = max(int(array["job_id"]) for array in arrays(tmp_path))
    slurm.wait_until(lambda: slurm.sacct(str(blocked))[0]["State"] == "FAILED", 60)  # and not COMPLETED
    assert len(rows(tmp_path)) == 1

    one_sample = ["sampler.num_samples=1", "credit.best_of=1"]
    waiting = ["hydra/launcher=slurm_test", "hydra.launcher.wait=true"]
    again = synthscale(slurm, tmp_path, "run", *study, *one_sample, *waiting)
    assert again.returncode == 1
    assert "Submitted 3 stages as 3 job arrays" in again.stdout, "what failed and what it blocked, and nothing else"
    assert "1 of 2 points failed:" in again.stdout
    assert "dpo N=16 f=1 seed=1: compose: ValueError: there is nothing to train on" in again.stdout


TRAINING = [
    *(
        "-m",
        "algorithm=sft",
        "stage=sft",
        "data_size=16",
        "study_name=demo",
        "algorithm.first.updates_per_problem=40",
        "trainer.batch_size=8",
    ),
    *(*SMALL, "trainer.num_validations=3", "execution.checkpoint_minutes=0.02"),
]
ONE_JOB = ["hydra/launcher=slurm_test", "hydra.launcher.points_per_job=3"]


def models(folder: Path) -> dict[str, bytes]:
    """Weights and curves of all fine-tuned policies, by path."""
    artifacts = folder / "runs" / "artifacts"
    paths = [*artifacts.glob("finetune-*/model/model.safetensors"), *artifacts.glob("finetune-*/curves.csv")]
    return {path.relative_to(artifacts).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def undisturbed(slurm, tmp_path_factory) -> dict[str, bytes]:
    """What three trainings on this machine end in when nothing happens to them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    submit(slurm, folder, *TRAINING, "seed=1,2,3")
    return models(folder)


def start_training(slurm, folder: Path, *arguments: str) -> str:
    """Submit a training, wait until it has saved for the first time, and return the job's id."""
    submit(slurm, folder, *TRAINING, *ONE_JOB, *arguments)
    slurm.wait_until(lambda: checkpoints(folder), 120)
    return job_of(folder, "finetune")


def log_of(folder: Path, job_id: str) -> str:
    """What the job's first rank printed, in all its starts."""
    return (folder / "runs" / "demo" / "slurm" / f"{job_id}_0_log.out").read_text()


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of stages in the making."""
    return list((folder / "runs" / "artifacts" / ".making").glob("*/checkpoints/*.ckpt"))


def assert_as_if_nothing_had_happened(slurm, folder: Path, job_id: str, undisturbed) -> None:
    """The study ends well, in a job that was started again, with the bytes of the undisturbed runs."""
    ended = wait_for_end(slurm, folder)
    assert ended["counts"]["done"] == len(ended["points"]), ended
    ours = models(folder)
    assert ours == {path: content for path, content in undisturbed.items() if path in ours}
    assert len(ours) == 2 * len(ended["points"])
    assert "start 2, rank 0 of 1" in log_of(folder, job_id), "it was to be started again"
    slurm.wait_until(lambda: slurm.sacct(job_id) and slurm.sacct(job_id)[-1]["State"] == "COMPLETED", 60)


def kill_9(slurm, job_id: str) -> None:
    """Kill what the job runs, as the kernel does when memory is short."""
    pids = slurm.processes_of(job_id, "submitit")
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_one_job_of_an_array_is_killed_with_signal_9(slurm, tmp_path, undisturbed):
    """It goes on, and the others are left alone: the last, since Slurm gives it the id of the whole array too."""
    submit(slurm, tmp_path, *TRAINING, "hydra/launcher=slurm_test", "hydra.launcher.points_per_job=1", "seed=1,2")
    slurm.wait_until(lambda: len(checkpoints(tmp_path)) == 2, 120)
    (array,) = [array for array in arrays(tmp_path) if array["stage"] == "finetune"]
    last, other = (f"{array['job_id']}_{index}" for index in (1, 0))
    kill_9(slurm, last)
    assert_as_if_nothing_had_happened(slurm, tmp_path, last, undisturbed)
    assert "start 2" not in log_of(tmp_path, other)


def test_killed_once_too_often(slurm, tmp_path):
    job_id = start_training(slurm, tmp_path, "seed=1", "execution.max_retries=0")
    kill_9(slurm, job_id)
    ended = wait_for_end(slurm, tmp_path)
    assert ended["counts"]["failed"] == 1
    assert f"job {job_id} ended as FAILED" in ended["points"][0]["reason"]
    assert checkpoints(tmp_path), "the next submission goes on from there"


def test_preempted(slurm, tmp_path, undisturbed):
    job_id = start_training(slurm, tmp_path, "seed=1", "hydra.launcher.resources.default.partition=low")
    rival = ["sbatch", "-p", "high", "-N", "2", "--exclusive", "--mem=0", "-t", "1", "-o", "/dev/null"]
    subprocess.run([*rival, "--wrap", "sleep 1"], env=slurm.env, check=True, capture_output=True, cwd=tmp_path)
    assert_as_if_nothing_had_happened(slurm, tmp_path, job_id, undisturbed)


def test_its_node_fails(slurm, tmp_path, undisturbed):
    job_id = start_training(slurm, tmp_path, "seed=1")
    node = slurm.sacct(job_id)[-1]["NodeList"]
    slurm.kill_node(node)
    try:
        assert_as_if_nothing_had_happened(slurm, tmp_path, job_id, undisturbed)
    finally:
        slurm.revive_node(node)


def test_comes_to_its_time_limit(slurm, tmp_path, undisturbed):
    """Of three trainings in one job: those that are done stay, the one that is cut goes on, the others follow."""
    job_id = start_training(slurm, tmp_path, "seed=1,2,3", "hydra.launcher.resources.finetune.minutes=1")
    # a minute is the shortest limit that Slurm knows, and it looks at limits every 30 s
    slurm.scontrol("update", f"JobId={job_id}", "EndTime=now+35")
    assert_as_if_nothing_had_happened(slurm, tmp_path, job_id, undisturbed)


def test_too_many_time_limits_fail_and_lose_nothing(slurm, tmp_path, undisturbed):
    arguments = ("seed=1", "hydra.launcher.resources.finetune.minutes=1")
    job_id = start_training(slurm, tmp_path, *arguments, "execution.max_retries=0")
    slurm.run("scancel", "--signal=USR2", job_id)  # as Slurm does near the end
    (point,) = wait_for_end(slurm, tmp_path)["points"]
    assert point["state"] == "failed"
    assert point["reason"].startswith("came to its time limit once: give it more minutes")
    slurm.wait_until(lambda: slurm.sacct(job_id)[-1]["State"] == "FAILED", 30)
    (checkpoint,) = checkpoints(tmp_path)
    saved_at = checkpoint.stat().st_mtime
    submit(slurm, tmp_path, *TRAINING, *ONE_JOB, *arguments)
    assert checkpoint.stat().st_mtime == saved_at
    assert wait_for_end(slurm, tmp_path)["counts"]["done"] == 1
    assert models(tmp_path) == {path: content for path, content in undisturbed.items() if path in models(tmp_path)}


def test_ddp_over_two_nodes(slurm, tmp_path):
    """Two ranks on two nodes end where one process ends, but for rounding."""
    import numpy as np
    from safetensors.numpy import load_file

    arguments = ["-m", "algorithm=dpo", "stage=policy", "data_size=16", "seed=1", "study_name=demo", *SMALL]
    arguments += ["algorithm.first.updates_per_problem=1", "algorithm.second.updates_per_problem=1"]
    weights = []
    for strategy in ("auto", "ddp"):
        folder = tmp_path / strategy
        launcher = ["hydra/launcher=slurm_test", f"trainer.strategy={strategy}"]
        if strategy == "ddp":
            launcher += ["hydra.launcher.resources.finetune.nodes=2"]
        submit(slurm, folder, *arguments, *launcher)
    for strategy in ("auto", "ddp"):
        folder = tmp_path / strategy
        assert wait_for_end(slurm, folder)["counts"]["done"] == 1
        models = sorted((folder / "runs" / "artifacts").glob("finetune-*/model/model.safetensors"))
        weights.append([load_file(path) for path in sorted(models, key=lambda path: path.stat().st_mtime)])
        second_ranks = list((folder / "runs" / "demo" / "slurm").glob("*_1_log.out"))
        assert len(second_ranks) == (2 if strategy == "ddp" else 0), "of the two trainings"
    for alone, together in zip(*weights, strict=True):
        for name, tensor in alone.items():
            np.testing.assert_allclose(together[name], tensor, atol=1e-4)
