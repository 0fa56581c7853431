"""`synthscale status` and `synthscale cancel`, as commands, where SLURM's are scripts or are not installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from synthscale.cli import main
from synthscale.study.outcome import Raised, keep_failure
from synthscale.study.recipe import Point, build_point
from synthscale.study.roster import write_rosters
from synthscale.study.status import State
from synthscale_slurm.book import Array, Book, Job, Submission
from synthscale_slurm.notes import job_note
from synthscale_slurm.queue import JobState, Phase

SHOW_QUEUE = 'exec /bin/cat "${0%/*}/queue"'
EMPTY_QUEUE = 'echo "$*" >> "${0%/*}/cancelled"; : > "${0%/*}/queue"'


@pytest.fixture
def commands(tmp_path) -> Path:
    """The only folder in the commands' PATH, with nothing in it yet."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def slurm(commands) -> Callable[..., None]:
    """Installs a squeue that shows these jobs, and a scancel that empties the queue."""

    def install(*jobs: str) -> None:
        (commands / "queue").write_text("".join(f"{line}\n" for line in jobs))
        for name, body in {"squeue": SHOW_QUEUE, "scancel": EMPTY_QUEUE}.items():
            (commands / name).write_text(f"#!/bin/sh\n{body}\n")
            (commands / name).chmod(0o755)

    return install


@dataclass
class Done:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def synthscale(tmp_path, commands, monkeypatch, capsys) -> Callable[..., Done]:
    """The command line in this process, from a folder under which there is `runs`."""
    monkeypatch.setenv("PATH", str(commands))
    monkeypatch.setattr("synthscale_slurm.cancel.SECONDS_BETWEEN_LOOKS", 0.05)

    def call(*arguments: str, cwd: Path = tmp_path) -> Done:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["synthscale", *arguments])
        try:
            status = main()
        except SystemExit as left:
            status = left.code
        return Done(status, *capsys.readouterr())

    return call


@pytest.fixture
def process(tmp_path, commands) -> Callable[..., Done]:
    """The same in a process of its own."""

    def call(*arguments: str) -> Done:
        command = [sys.executable, "-m", "synthscale.cli", *arguments]
        env = os.environ | {"PATH": str(commands)}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def points(compose_run, tmp_path) -> list[Point]:
    """A study of three points, of which the first is done."""
    config = replace(compose_run("algorithm=sft", "study_name=small"), data_size=16, runs_dir=str(tmp_path / "runs"))
    points = [build_point(replace(config, seed=seed)) for seed in (1, 2, 3)]
    write_rosters(points)
    put(tmp_path / "runs" / "artifacts", points[0].root.key)
    return points


def put(artifacts: Path, key: str) -> None:
    """An artifact without files."""
    (artifacts / key).mkdir(parents=True)
    (artifacts / key / "manifest.json").write_text(json.dumps({"key": key, "files": {}}))


@pytest.fixture
def submitted(points, tmp_path) -> list[Point]:
    """The points, with jobs for those that are not done: two arrays of two jobs, and one of another study."""
    study = tmp_path / "runs" / "small"

    def array(stage: str, job_id: str | None, points: list[Point]) -> Array:
        nodes = [next(node for node in point.root.walk() if node.stage == stage) for point in points]
        return Array(f"small-{stage}", stage, 0, str(study / "slurm"), [[node.key] for node in nodes], job_id)

    book = Book(tmp_path / "runs" / "artifacts")
    arrays = [array("synthesize", "17", points[1:]), array("evaluate", "18", points[1:])]
    book.keep(Submission("abc", str(study), "somebody", 1.0, arrays))
    book.keep(
        Submission(
            "def", str(tmp_path / "runs" / "other"), "somebody", 2.0, [Array("x", "sample", 0, "", [["k"]], "19")]
        )
    )
    return points


QUEUE = (
    "17_0|RUNNING|None",
    "17_1|PENDING|Priority",
    "18_0|PENDING|Dependency",
    "18_1|PENDING|Dependency",
    "19|RUNNING|None",
)


@pytest.mark.parametrize("command", ["status", "cancel"])
@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("runs/nonsense", "There is no folder runs/nonsense; a study's is runs/<study_name>.\n"),
        ("runs/file", "There is no folder runs/file; a study's is runs/<study_name>.\n"),
        ("runs", "runs is no folder of a study that was run or submitted: it has no points.\n"),
    ],
)
def test_a_folder_that_is_no_studys_is_refused_in_one_sentence(synthscale, tmp_path, command, folder, said):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "file").touch()
    done = synthscale(command, folder)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_without_jobs_the_status_needs_no_slurm(synthscale, points):
    done = synthscale("status", "runs/small")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("runs/small: 3 points: 1 done, 2 missing.\n")
    assert "From the artifacts alone" not in done.stdout


def test_without_squeue_the_status_is_of_what_is_on_disk(process, submitted, tmp_path):
    key = submitted[1].nodes["sft"].key
    keep_failure("finetune", key, Raised("", "...\nRuntimeError: diverged\n"), tmp_path / "runs" / "small")
    done = process("status", "runs/small")
    assert (done.returncode, done.stderr) == (1, ""), "what is missing here may well be in the queue"
    assert "1 done, 1 failed, 1 missing." in done.stdout
    assert "finetune failed for sft N=16 seed=2: RuntimeError: diverged (log: " in done.stdout
    assert "From the artifacts alone: There is no squeue here" in done.stdout


def test_with_squeue_the_status_is_of_the_jobs_too(synthscale, submitted, slurm):
    slurm(*QUEUE)
    done = synthscale("status", "runs/small")
    assert done.stdout.startswith("runs/small: 3 points: 1 done, 1 running, 1 queued.\n")


def test_what_has_left_the_queue_without_a_result_has_failed(synthscale, submitted, slurm):
    slurm("17_0|RUNNING|None", "18_0|PENDING|Dependency")
    done = synthscale("status", "runs/small")
    assert "1 done, 1 running, 1 failed." in done.stdout
    assert "synthesize failed in job 17_1 for sft N=16 seed=3: job 17_1 left the queue without a result" in done.stdout


def test_json_is_for_scripts(process, submitted, slurm):
    slurm(*QUEUE)
    done = process("status", "runs/small", "--json")
    content = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert content["note"] == (
        "Of the done points 1 have no row in results.csv yet: run the study's command again for it."
    )
    assert content["counts"] == {"done": 1, "running": 1, "queued": 1, "failed": 0, "missing": 0}
    assert [(point["seed"], point["state"], point["job_id"]) for point in content["points"]] == [
        (1, "done", None),
        (2, "running", "17_0"),
        (3, "queued", "17_1"),
    ]


def test_json_says_what_it_was_not_told(synthscale, submitted, slurm, commands):
    slurm()
    (commands / "squeue").write_text("#!/bin/sh\necho 'Unable to contact slurm controller' >&2; exit 1\n")
    content = json.loads(synthscale("status", "--json", "runs/small").stdout)
    assert content["note"].startswith("From the artifacts alone: squeue failed (Unable to contact slurm controller)")
    assert content["counts"]["missing"] == 2


def test_the_status_is_the_same_from_inside_the_folder(synthscale, submitted, slurm, tmp_path):
    slurm(*QUEUE)
    done = synthscale("status", ".", cwd=tmp_path / "runs" / "small")
    assert done.stdout.startswith(".: 3 points: 1 done, 1 running, 1 queued.\n")


def test_watching_ends_when_nothing_runs_or_waits(synthscale, submitted, slurm):
    slurm()
    done = synthscale("status", "--watch", "runs/small")
    assert done.returncode == 0
    assert "1 done, 2 failed." in done.stdout


@pytest.mark.parametrize("arguments", [["status", "--json", "--watch", "runs/small"], ["status"], ["cancel"]])
def test_a_command_line_that_makes_no_sense_is_refused(synthscale, arguments):
    done = synthscale(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_cancel_ends_the_jobs_of_this_study_later_layers_first(process, submitted, slurm, commands):
    slurm(*QUEUE)
    done = process("cancel", "runs/small")
    assert done.returncode == 0
    assert done.stdout.startswith("Cancelled 4 jobs;")
    assert (commands / "cancelled").read_text() == "--quiet 18_1 18_0 17_1 17_0\n"


@pytest.mark.parametrize("name", [".", "../small", "../link"])
def test_cancel_knows_the_study_by_all_its_names(synthscale, submitted, slurm, tmp_path, name):
    slurm(*QUEUE)
    (tmp_path / "runs" / "link").symlink_to("small")
    assert synthscale("cancel", name, cwd=tmp_path / "runs" / "small").stdout.startswith("Cancelled 4 jobs;")


def test_cancel_finds_the_jobs_of_a_submitter_that_died(synthscale, points, slurm, commands, tmp_path):
    array = Array("small-0-sample-abc-0", "sample", 0, "", [["k"]])
    book = Book(tmp_path / "runs" / "artifacts")
    book.keep(Submission("abc", str(tmp_path / "runs" / "small"), "somebody", 1.0, [array]))
    slurm()
    (commands / "names").write_text("17|17|small-0-sample-abc-0\n")
    (commands / "queue").write_text("17|PENDING|Priority\n")
    (commands / "squeue").write_text(
        '#!/bin/sh\ncase "$*" in *%j*) exec /bin/cat "${0%/*}/names" ;; esac\n' + SHOW_QUEUE + "\n"
    )
    assert synthscale("cancel", "runs/small").stdout.startswith("Cancelled 1 job;")
    assert (commands / "cancelled").read_text() == "--quiet 17\n"


def test_cancel_says_when_there_is_nothing_in_the_queue(synthscale, submitted, slurm, commands):
    slurm("19|RUNNING|None")
    done = synthscale("cancel", "runs/small")
    assert (done.returncode, done.stdout) == (0, "No job of runs/small is in the queue.\n")
    assert not (commands / "cancelled").exists()


def test_cancel_of_a_study_that_was_never_submitted_needs_no_slurm(synthscale, points):
    done = synthscale("cancel", "runs/small")
    assert (done.returncode, done.stdout, done.stderr) == (0, "No job of runs/small is in the queue.\n", "")


def test_cancel_without_slurm_is_refused_in_one_sentence(process, submitted):
    done = process("cancel", "runs/small")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("There is no squeue here") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("state", "found", "reason"),
    [
        (JobState(Phase.queued, "PENDING", "Priority"), State.queued, "PENDING: Priority"),
        (JobState(Phase.running, "RUNNING", "None"), State.running, "RUNNING"),
        (JobState(Phase.ended, "TIMEOUT", "exit code 0:0"), State.failed, "job 17 ended as TIMEOUT, exit code 0:0"),
        (JobState(Phase.ended, "COMPLETED"), State.failed, "job 17 left the queue without a result"),
        (JobState(Phase.ended, "unknown"), State.failed, "job 17 left the queue without a result"),
        (
            JobState(Phase.ended, "CANCELLED", "exit code 0:15"),
            State.missing,
            "job 17 ended as CANCELLED, exit code 0:15",
        ),
    ],
)
def test_what_a_note_says_of_a_job(tmp_path, state, found, reason):
    submission = Submission("abc", "/runs/small", "somebody", 1.0)
    job = Job("17", Array("name", "sample", 2, str(tmp_path), [["k"]], "17"), submission)
    note = job_note(job, state)
    assert (note.state, note.reason, note.study) == (found, reason, Path("/runs/small"))
    assert note.log == tmp_path / "17_0_log.out", "it printed no error"
    (tmp_path / "17_0_log.err").write_text("killed")
    assert job_note(job, state).log == tmp_path / "17_0_log.err"


@pytest.mark.parametrize("module", ["status", "cancel", "launch"])
def test_nothing_heavy_is_imported(module):
    heavy = ["torch", "lightning", "transformers", "pandas", "pyarrow", "wandb", "scipy", "submitit"]
    code = f"import sys, synthscale_slurm.{module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
