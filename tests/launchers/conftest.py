"""A Slurm cluster of the test session's own, from `launchers/test_cluster`: two nodes, accounting, preemption."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "launchers" / "test_cluster"
PROGRAMS = ("sbatch", "srun", "sacct", "slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "mariadb-install-db")
PACKAGES = "slurm-wlm slurm-client slurmdbd munge mariadb-server"
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"  # where Debian has the daemons, off an ordinary user's PATH
NUM_PORTS = 5


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster. Without Slurm its tests are skipped, or fail where SYNTHSCALE_REQUIRE_SLURM=1."""
    missing = [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]
    if missing:
        reason = f"Slurm is not installed ({', '.join(missing)} not found): apt-get install {PACKAGES}"
        if os.environ.get("SYNTHSCALE_REQUIRE_SLURM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with running_cluster(tmp_path_factory.mktemp("slurm").resolve()) as cluster:
        yield cluster


@dataclass(frozen=True)
class Cluster:
    """A running cluster: its folder, the environment in which commands find it, and what tests do to it."""

    root: Path
    env: dict[str, str]

    def run(self, *command: str) -> str:
        """What a command prints that has to succeed."""
        done = subprocess.run(command, env=self.env, cwd=self.root, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout

    def submit(self, *options: str, script: str) -> str:
        """The id of a new job that runs these lines of bash; it writes to `<id>.out` in the cluster's folder."""
        output = "%A_%a.out" if any(option.startswith("--array") for option in options) else "%j.out"
        fixed = ("--parsable", "--open-mode=append", f"--output={output}")
        return self.run("sbatch", *fixed, *options, f"--wrap={script}").strip()

    def output(self, job_id: str) -> list[str]:
        """The lines that the job, or the array's task, has written so far, over all its starts."""
        path = self.root / f"{job_id}.out"
        return path.read_text().splitlines() if path.exists() else []

    def sacct(self, job_id: str, *options: str) -> list[dict[str, str]]:
        """The accounting's rows of a job or an array; with "--duplicates" one row for each start, oldest first."""
        fields = ("JobID", "JobIDRaw", "State", "ExitCode", "Submit", "Start", "End", "NodeList")
        fixed = ("--allocations", "--parsable2", "--noheader", f"--format={','.join(fields)}", f"--jobs={job_id}")
        lines = self.run("sacct", *fixed, *options).splitlines()
        return [dict(zip(fields, line.split("|"), strict=True)) for line in lines]

    def states(self, job_id: str) -> list[str]:
        """The accounting's state of each start of a job or of one task of an array, oldest first."""
        return [row["State"] for row in self.sacct(job_id, "--duplicates") if row["JobID"] == job_id]

    def squeue(self) -> dict[str, str]:
        """The state of each job in the queue, with one entry a task of an array."""
        lines = self.run("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def scontrol(self, *arguments: str) -> str:
        """What scontrol prints."""
        return self.run("scontrol", *arguments)

    def processes_of(self, job_id: str, program: str = "") -> list[int]:
        """The pids of a job's own processes, on all nodes; only those with `program` in their command line if given.

        An array's task is named as ARRAY_TASK. Processes whose parents are gone are found too.
        """
        array, _, task = job_id.partition("_")
        variables = (
            [("SLURM_ARRAY_JOB_ID", array), ("SLURM_ARRAY_TASK_ID", task)] if task else [("SLURM_JOB_ID", array)]
        )
        wanted = {f"{name}={value}" for name, value in variables}
        return [
            pid
            for pid, environ in self._processes()
            if wanted <= environ and program in " ".join(read_proc(pid, "cmdline"))
        ]

    def kill_node(self, name: str) -> None:
        """Fail a node: kill its slurmd and all that runs on it, and tell Slurm, which would take 25 s to see it."""
        log = self.root / "log" / f"slurmd-{name}.log"
        os.kill(int((self.root / "run" / f"slurmd-{name}.pid").read_text()), signal.SIGKILL)
        while pids := [
            *(pid for pid in all_pids() if is_slurmstepd_of(pid, log)),
            *(pid for pid, environ in self._processes() if f"SLURMD_NODENAME={name}" in environ),
        ]:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.scontrol("update", f"nodename={name}", "state=down", "reason=test")

    def revive_node(self, name: str) -> None:
        """Start the slurmd of a failed node again, and wait until jobs can run there."""
        command = ["slurmd", "-D", "-N", name]
        with (self.root / "log" / f"slurmd-{name}.out").open("ab") as log:
            process = subprocess.Popen(
                command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (self.root / "run" / f"slurmd-{name}.pid").write_text(f"{process.pid}\n")
        self.wait_until(lambda: "idle" in self.run("sinfo", "--noheader", f"--nodes={name}", "--format=%T"), 30)

    def wait_until(self, condition: Callable[[], object], seconds: float) -> None:
        """Wait until the condition holds; fail with the queue and the end of Slurm's log if it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                queue = self.run("squeue", "--array", "--format=%i %T %r %N")
                log = (self.root / "log" / "slurmctld.log").read_text().splitlines()[-20:]
                pytest.fail("\n".join([f"Not in {seconds:.0f} s. The queue and the log:", queue, *log]))
            time.sleep(0.2)

    def _processes(self) -> Iterator[tuple[int, set[str]]]:
        """What was started on a node of this cluster, with the variables that it was started with."""
        for pid in all_pids():
            environ = set(read_proc(pid, "environ"))
            on_node = {"SLURMD_NODENAME=n1", "SLURMD_NODENAME=n2"} & environ
            if on_node and f"SLURM_CONF={self.env['SLURM_CONF']}" in environ:
                yield pid, environ


@contextmanager
def running_cluster(root: Path) -> Iterator[Cluster]:
    """Start a cluster in an empty folder, and stop it at the end."""
    foreign = ("SLURM", "SBATCH", "SQUEUE", "SACCT", "SUBMITIT")  # of a cluster that the tests themselves may run on
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env |= {"PATH": PATH}
    settings = {"SLURM_ROOT": str(root), "SLURM_PORT_BASE": str(free_ports())}
    # Its pipe closes when this process ends, in whatever way: a killed test session leaves no cluster behind either.
    guard = subprocess.Popen(
        ["bash", "-c", 'read -r _; exec "$0"', SCRIPTS / "down.sh"],
        env=env | settings,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        started = subprocess.run(
            [SCRIPTS / "up.sh"],
            env=env | settings,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        assert started.returncode == 0, started.stderr
        yield Cluster(root, env | {"SLURM_CONF": f"{root}/etc/slurm.conf"})
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        assert guard.wait(60) == 0


def free_ports() -> int:
    """The first of five free ports in a row, below those that the kernel gives to clients; not the same every time."""
    while True:
        base = random.SystemRandom().randrange(20000, 32000, NUM_PORTS)
        with suppress(OSError):
            for port in range(base, base + NUM_PORTS):
                with socket.socket() as server:
                    server.bind(("127.0.0.1", port))
            return base


def all_pids() -> list[int]:
    """The processes of this machine."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def read_proc(pid: int, name: str) -> list[str]:
    """A zero-separated file of /proc; empty if the process has ended or is another user's."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def is_slurmstepd_of(pid: int, log: Path) -> bool:
    """Whether the process watches over a step on the node that writes this log; its environment is overwritten."""
    try:
        if Path(f"/proc/{pid}/comm").read_text() != "slurmstepd\n":
            return False
        return any(os.readlink(entry.path) == str(log) for entry in os.scandir(f"/proc/{pid}/fd"))
    except OSError:
        return False
