"""Commands that compute nothing import nothing heavy, which is what lets them answer at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    *("torch", "transformers", "lightning", "peft", "pandas", "scipy", "sympy"),
    *("datasets", "wandb", "matplotlib", "submitit", "huggingface_hub", "openai"),
}
DRIVER = """
import json, sys
import synthscale.study.store as store
from synthscale import cli

arguments, may_make, names = map(json.loads, sys.argv[1:4])

def scripted(node, inputs, out, session):
    if not may_make:
        raise AssertionError(f"{node.key} was made again")
    return {"num_test": 10, "test_accuracy": 0.5} if node.stage == "evaluate" else {}

store.run_stage = scripted
sys.argv[1:] = arguments
try:
    status = cli.main()
except SystemExit as left:  # as Hydra does after its help
    status = left.code or 0
print(json.dumps([status, sorted({*names} & {*sys.modules})]))
"""
SWEEP = ["run", "-m", "algorithm=sft,step_dpo", "data_size=16", "study_name=swept", "hydra.launcher.num_workers=0"]


def imported(folder: Path, *arguments: str, may_make: bool = False) -> list[str]:
    """What of the heavy packages a command imports in a process of its own, where it may run stages or not."""
    given = [json.dumps(list(arguments)), json.dumps(may_make), json.dumps(sorted(HEAVY))]
    command = [sys.executable, "-c", DRIVER, *given]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    status, names = json.loads(done.stdout.splitlines()[-1])
    assert status == 0, done.stdout
    return names


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished study of two points, and their runs logged by the default logger."""
    folder = tmp_path_factory.mktemp("finished")
    logged = imported(folder, *SWEEP, may_make=True)
    assert "wandb" in logged, "what is looked for would be seen"
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--help"],
        ["plan", "study=quick"],
        ["plan", *SWEEP[1:]],
        ["status", "runs/swept"],
        ["run", "algorithm=step_dpo", "data_size=16", "study_name=swept"],
        SWEEP,
    ],
    ids=["help", "plan", "plan of a finished study", "status", "finished point", "finished study"],
)
def test_nothing_heavy_is_imported_where_nothing_is_made(finished: Path, arguments: list[str]) -> None:
    assert imported(finished, *arguments) == []
