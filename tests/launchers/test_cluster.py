"""The test cluster does what launchers are tested against: arrays, requeues, preemption, node failures, time-outs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
UP = Path(__file__).parents[2] / "launchers" / "test_cluster" / "up.sh"

# A job that runs until it is stopped, and ends at once when it is started again.
LONG = """
    echo start ${SLURM_RESTART_COUNT:-0}
    if [ -z "$SLURM_RESTART_COUNT" ]; then
        srun bash -c 'trap "echo warned" USR2; while true; do sleep 1; done'
    fi"""


@pytest.fixture(scope="module")
def overdue(slurm) -> str:
    """A job that is past its end. Slurm looks for such every 30 s; other tests run meanwhile."""
    job = slurm.submit("--time=60", "--nodelist=n1", script="sleep 300")
    slurm.wait_until(lambda: slurm.squeue().get(job) == "RUNNING", 20)
    slurm.scontrol("update", f"jobid={job}", "endtime=now+1")
    return job


def submit_long(slurm, *options: str) -> tuple[str, list[str]]:
    """A `LONG` job that is running by now, and two jobs that wait for its end and for its success."""
    job = slurm.submit(*options, "--signal=USR2@10", script=textwrap.dedent(LONG))
    after = [slurm.submit(f"--dependency={kind}:{job}", script="true") for kind in ("afterany", "afterok")]
    slurm.wait_until(lambda: slurm.processes_of(job, "sleep 1"), 20)
    return job, after


def assert_followed(slurm, job: str, after: list[str]) -> None:
    """The jobs that wait for `job` have started after its last end."""
    slurm.wait_until(lambda: all(slurm.states(waiting) == ["COMPLETED"] for waiting in after), 20)
    (last,) = slurm.sacct(job)
    assert all(slurm.sacct(waiting)[0]["Start"] >= last["End"] for waiting in after)


@pytest.mark.slurm
def test_an_array_runs_and_is_accounted_for(slurm, overdue):
    job = slurm.submit("--array=0-2", "--gpus-per-node=1", script="echo $SLURM_ARRAY_TASK_ID $CUDA_VISIBLE_DEVICES")
    tasks = [f"{job}_{task}" for task in range(3)]
    assert set(tasks) <= set(slurm.squeue())
    slurm.wait_until(lambda: [slurm.states(task) for task in tasks] == [["COMPLETED"]] * 3, 30)
    written = [slurm.output(task)[0].split() for task in tasks]
    assert [task for task, _ in written] == ["0", "1", "2"]
    assert {gpu for _, gpu in written} <= {"0", "1"}


@pytest.mark.slurm
def test_a_task_whose_process_was_killed_requeues_itself(slurm):
    script = """
        echo start ${SLURM_RESTART_COUNT:-0}
        if [ "$SLURM_ARRAY_TASK_ID" = 1 ] && [ -z "$SLURM_RESTART_COUNT" ]; then
            srun bash -c 'kill -KILL $$'
            echo status $?
            scontrol requeue ${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID  # $SLURM_JOB_ID can mean the whole array
        fi"""
    job = slurm.submit("--array=0-1", script=textwrap.dedent(script))
    after = [slurm.submit(f"--dependency={kind}:{job}", script="true") for kind in ("afterany", "afterok")]
    slurm.wait_until(lambda: slurm.states(f"{job}_1") == ["REQUEUED", "COMPLETED"], 40)
    lines = [line for line in slurm.output(f"{job}_1") if line.startswith(("start", "status"))]
    assert lines == ["start 0", "status 137", "start 1"]
    assert slurm.output(f"{job}_0") == ["start 0"], "the other task is left alone"
    assert_followed(slurm, f"{job}_1", after)


@pytest.mark.slurm
def test_low_is_preempted_by_high_with_a_warning(slurm):
    job, after = submit_long(slurm, "--partition=low", "--nodelist=n2", "--cpus-per-task=4")
    high = slurm.submit("--partition=high", "--nodelist=n2", "--cpus-per-task=4", script="true")
    slurm.wait_until(lambda: "warned" in slurm.output(job), 10)
    slurm.wait_until(lambda: slurm.states(job) == ["PREEMPTED", "COMPLETED"], 60)
    assert slurm.states(high) == ["COMPLETED"]
    assert_followed(slurm, job, after)


@pytest.mark.slurm
def test_a_job_whose_node_fails_starts_again(slurm, overdue):
    job, after = submit_long(slurm, "--nodelist=n2")
    slurm.kill_node("n2")
    assert slurm.processes_of(job) == []
    slurm.wait_until(lambda: slurm.squeue().get(job) == "PENDING", 10)
    slurm.revive_node("n2")
    slurm.wait_until(lambda: slurm.states(job) == ["NODE_FAIL", "COMPLETED"], 40)
    assert_followed(slurm, job, after)


@pytest.mark.slurm
def test_a_time_limit_ends_a_job(slurm, overdue):
    slurm.wait_until(lambda: slurm.states(overdue) == ["TIMEOUT"], 60)
    slurm.wait_until(lambda: not slurm.processes_of(overdue), 20)


@pytest.mark.slurm
def test_a_killed_test_session_leaves_no_process(slurm, tmp_path_factory):
    root = tmp_path_factory.mktemp("killed").resolve()
    script = f"""
        import sys, time; from pathlib import Path
        sys.path.insert(0, {str(CONFTEST.parent)!r}); from conftest import running_cluster
        with running_cluster(Path({str(root)!r})) as cluster:
            job = cluster.submit(script="setsid sleep 300 & srun sleep 301")
            cluster.wait_until(lambda: len(cluster.processes_of(job, "sleep 30")) == 4, 20)  # srun is two processes
            print("running", flush=True)
            time.sleep(300)"""
    session = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    assert session.stdout is not None and session.stdout.readline() == "running\n"
    expected = {"munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd", "slurmstepd", "slurm_script", "srun", "sleep"}
    assert expected <= set(programs_that_name(root))
    session.kill()
    session.wait()
    slurm.wait_until(lambda: not programs_that_name(root), 30)


@pytest.mark.slurm
def test_a_cluster_that_does_not_start_leaves_no_process(slurm, tmp_path_factory):
    root = tmp_path_factory.mktemp("broken").resolve()
    programs = tmp_path_factory.mktemp("programs")
    (programs / "slurmdbd").write_text("#!/bin/sh\necho no accounting today\nexit 1\n")
    (programs / "slurmdbd").chmod(0o755)
    ports = str(10000 + os.getpid() % 9000)  # not those of another test session
    done = up(SLURM_ROOT=str(root), SLURM_PORT_BASE=ports, PATH=f"{programs}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["up.sh: slurmdbd does not answer. The end of its log:", "no accounting today"]
    assert programs_that_name(root) == []


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        ("", "SLURM_ROOT is not set; give a new folder outside any checkout."),
        (str(UP.parents[2] / "runs" / "slurm"), f"is inside the checkout {UP.parents[2]}; give a folder outside."),
        ("/usr", "SLURM_ROOT=/usr is not empty; give a new folder."),
        ("/tmp/with space", "has a character that Slurm's config files cannot hold."),
        ("/tmp/" + 60 * "x", "has more than 64 characters, too many for the sockets inside it."),
    ],
)
def test_a_folder_that_will_not_do_is_refused(folder, sentence):
    done = up(SLURM_ROOT=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("up.sh: ") and done.stderr.endswith(f"{sentence}\n") and done.stderr.count("\n") == 1


def up(**variables: str) -> subprocess.CompletedProcess[str]:
    """What up.sh does with these variables in its environment."""
    return subprocess.run([UP], env=os.environ | variables, capture_output=True, text=True, timeout=120)


def programs_that_name(root: Path) -> list[str]:
    """The programs that run with this folder in their command line, their environment or their open files."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            texts = [(process / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ")]
            files = [os.readlink(file.path) for file in os.scandir(process / "fd")]
            if any(str(root) in text for text in texts + files):
                found.append((process / "comm").read_text().strip())
    return found
