"""`synthscale plan` says what `synthscale run` would do with the same arguments, and leaves no trace."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "study" / "golden" / "plan_quick.txt"

DRIVER = """
import contextlib, io, json, sys
import synthscale.study.store as store
from synthscale.study.app import run
from synthscale.study.plan_app import plan

made = []

def scripted(node, inputs, out, session):
    made.append(node.stage)
    (out / "file.txt").write_text(node.key)
    return {"num_test": 10, "test_accuracy": 0.5} if node.stage == "evaluate" else {}

store.run_stage = scripted
answers = []
for command, *arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = {"run": run, "plan": plan}[command](arguments)
        except SystemExit as left:
            status = left.code
    answers.append([status, out.getvalue(), err.getvalue(), len(made)])
heavy = ["torch", "lightning", "transformers", "pandas", "wandb", "matplotlib", "scipy", "pyarrow"]
print(json.dumps([answers, [name for name in heavy if name in sys.modules]]))
"""

HERE = "hydra.launcher.num_workers=0"
SWEEP = ["-m", "algorithm=sft,rft", "data_size=16,32", "seed=1", "study_name=swept", "logger=none"]


@pytest.fixture
def drive(tmp_path):
    """Call the commands one after the other in one process: status, stdout, stderr, and how many stages ran so far."""

    def call(*lines: list[str]) -> tuple[list[list], list[str]]:
        command = [sys.executable, "-c", DRIVER, json.dumps(lines)]
        env = os.environ | {"COLUMNS": "80", "TMPDIR": str(tmp_path / "tmp")}
        (tmp_path / "tmp").mkdir(exist_ok=True)
        (tmp_path / "work").mkdir(exist_ok=True)
        done = subprocess.run(command, cwd=tmp_path / "work", env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        answers, heavy = json.loads(done.stdout.splitlines()[-1])
        return answers, heavy

    return call


def stripped(text: str) -> str:
    """The text without the spaces that tables are filled up with."""
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def to_do(out: str) -> dict[str, int]:
    """Stages to do by the plan's table: of each kind, and `all`."""
    numbers: dict[str, int] = {}
    for stage, number in re.findall(r"^ +(?:\d+  )?(\w+) +[\d,]+ +[\d,]+ +([\d,]+)", out, flags=re.MULTILINE):
        numbers[stage] = numbers.get(stage, 0) + int(number.replace(",", ""))
    return numbers


def test_the_plan_of_the_quick_study_reads_so(drive):
    """On a mismatch that is wanted, put what the command prints with COLUMNS=80 into the file."""
    ((status, out, err, made),), heavy = drive(["plan", "study=quick"])
    assert (status, err, made) == (0, "", 0)
    assert stripped(out) == GOLDEN.read_text()
    assert heavy == [], "a plan is made without these"


def test_nothing_is_written(drive, tmp_path):
    lines = [["plan", "study=quick"], ["plan", "seed=3"], ["plan", *SWEEP], ["plan", *SWEEP, "hydra/launcher=basic"]]
    answers, _ = drive(*lines, ["plan", *SWEEP, "hydra.sweep.dir=there", "hydra.output_subdir=here"])
    assert [status for status, *_ in answers] == [0] * 5
    assert [path for path in tmp_path.rglob("*") if path.name not in ("work", "tmp")] == []


def test_a_run_does_what_was_planned_and_then_nothing_is_left(drive, tmp_path):
    (planned, ran, again), _ = drive(["plan", *SWEEP], ["run", *SWEEP, HERE], ["plan", *SWEEP])
    assert planned[1].startswith("4 points, 15 unique stages, 1 there already\n")
    assert to_do(planned[1]) == {
        "pretrain": 0, "synthesize": 2, "finetune": 4, "sample": 2, "compose": 2, "evaluate": 4, "all": 14,
    }  # fmt: skip
    assert (ran[0], ran[3]) == (0, 14)
    assert again[1].startswith("4 points, 15 unique stages, 15 there already\n")
    assert to_do(again[1])["all"] == 0
    assert "estimates" not in again[1], "there is nothing to estimate"


def test_a_single_point_and_a_stage(drive):
    (point, part, flag), _ = drive(
        ["plan", "algorithm=step_dpo", "data_size=64"],
        ["plan", "algorithm=step_dpo", "stage=sample"],
        ["plan", "seed=1,2", "-m"],
    )
    assert point[1].startswith("1 point, 8 unique stages, 1 there already\n")
    assert to_do(point[1])["credit"] == 1
    assert part[1].startswith("1 point, 4 unique stages")
    assert flag[1].startswith("2 points")


def test_batches_are_one_plan(drive):
    (whole, batches), _ = drive(["plan", *SWEEP], ["plan", *SWEEP, "hydra.sweeper.max_batch_size=1"])
    assert batches[:2] == whole[:2]


def test_no_launcher_is_started(drive, tmp_path):
    """Not one of others' either: submitit's would start a process for each point."""
    ((status, out, err, made),), _ = drive(["plan", *SWEEP, "hydra/launcher=submitit_local"])
    assert (status, err, made) == (0, "", 0)
    assert out.startswith("4 points, 15 unique stages")
    assert not list(tmp_path.rglob("*submitit*"))


def test_hydras_own_flags_show_no_plan(drive):
    answers, _ = drive(["plan", "--cfg", "job", "data_size=77"], ["plan", "--info", "config"], ["plan", "--help"])
    assert [status for status, *_ in answers] == [0, 0, 0]
    assert "data_size: 77" in answers[0][1]
    assert answers[2][1].startswith("synthscale plan is powered by Hydra.")
    assert not any("unique stages" in out for _, out, *_ in answers)


REFUSED = {
    "data_size=0": "data_size must be between 1 and",
    "-m data_size=16,32 trainer.batch_size=4,0": "Point data_size=16 trainer.batch_size=0: trainer.batch_size must be",
    "algorithm=stp_dpo": "algorithm=stp_dpo is not known (did you mean step_dpo?)",
    "-m seed=1,2 hydra.launcher.num_workers=-1": "hydra.launcher.num_workers must be at least 0, but is -1.",
    "-m seed=1,2 runs_dir=a,b": "runs_dir must be one for all points of a sweep, but is a, b.",
    "--config-dir mine study=uneven": "Axes of hydra.sweeper.zip must have equally many values, but",
}


def test_what_run_would_refuse_is_refused(drive, tmp_path):
    write_studies(tmp_path / "work" / "mine" / "study")
    answers, _ = drive(*(["plan", *line.split()] for line in REFUSED))
    for (status, out, err, _), sentence in zip(answers, REFUSED.values(), strict=True):
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert err.startswith(sentence)


def write_studies(folder: Path) -> None:
    """Two studies of a user's own."""
    folder.mkdir(parents=True)
    head = "# @package _global_\nstudy_name: paired\nhydra:\n  mode: MULTIRUN\n  sweeper:\n"
    paired = (
        '    zip: {data_size: [16, 32], trainer.batch_size: "8,16"}\n    points: [{algorithm: sft}, {seed: "1,2"}]\n'
    )
    (folder / "paired.yaml").write_text(head + paired)
    (folder / "uneven.yaml").write_text(head + "    zip: {data_size: [16, 32], seed: 1}\n")


def test_a_study_of_pairs_is_run_as_it_is_written(drive, tmp_path):
    write_studies(tmp_path / "work" / "mine" / "study")
    study = ["--config-dir", "mine", "study=paired"]
    (planned, fixed, ran), _ = drive(
        ["plan", *study], ["plan", *study, "data_size=64"], ["run", *study, "logger=none", HERE]
    )
    assert planned[1].startswith("6 points, 19 unique stages")
    assert fixed[1].startswith("6 points"), "two batch sizes and three seeds, at one size"
    assert (ran[0], ran[3]) == (0, 18)
    (sweep,) = (tmp_path / "work" / "runs" / "paired" / "hydra").iterdir()
    overrides = (sweep / "1" / ".hydra" / "overrides.yaml").read_text().splitlines()
    assert overrides == ["- data_size=16", "- trainer.batch_size=8", "- seed=1", "- study=paired", "- logger=none"]


def test_points_share_their_stages_in_a_plan(drive):
    axes = ["algorithm=sft,sft_matched,rft,dpo,step_mix", "data_size=100,300", "seed=range(4)"]
    results, _ = drive(["plan", "-m", *axes])
    ((status, out, err, _),) = results
    assert (status, err) == (0, "")
    assert out.startswith("40 points, 129 unique stages, 1 there already\n")
