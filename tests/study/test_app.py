"""What `synthscale run` refuses, it refuses at once: exit 2, one sentence that names the key, nothing computed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

DRIVER = """
import contextlib, io, json, sys
from synthscale.study.app import run
results = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(arguments)
    results.append([status, out.getvalue(), err.getvalue()])
print(json.dumps({"results": results, "torch": "torch" in sys.modules}))
"""

REFUSED = {
    "data_sizee=3": "There is no key data_sizee; did you mean data_size?",
    "algoritm=sft": "There is no key algoritm; did you mean algorithm?",
    "trainer.batchsize=4": "There is no key batchsize in trainer; did you mean batch_size?",
    "+algorithm.betta=1": "There is no key algorithm.betta; did you mean beta?",
    "+nonsense=1": "There is no key nonsense; accepted are algorithm,",
    "algorithm=stp_dpo": "algorithm=stp_dpo is not known (did you mean step_dpo?); accepted are advantage_weighted,",
    "algorithm=foo": "algorithm=foo is not known; accepted are advantage_weighted, dpo,",
    "study=foo": "study=foo is not known; accepted are",
    "hydra/launcher=foo": "hydra/launcher=foo is not known; accepted are basic, local",
    "data_size=abc": "data_size: Value 'abc' of type 'str' could not be converted to Integer.",
    "seed=1.5": "seed: Value '1.5' of type 'float' could not be converted to Integer.",
    "seed=null": "seed: field 'seed' is not Optional.",
    "trainer.device=tpu": "trainer.device: Invalid value 'tpu', expected one of [auto, cpu, cuda].",
    "logger.name=foo": "logger.name: Invalid value 'foo', expected one of [wandb, csv, none].",
    "algorithm.only_side=foo": "algorithm.only_side: Invalid value 'foo', expected one of [chosen, rejected].",
    "-m study=sides runs_dir=/dev/null": "Cannot use /dev/null/sides",
    "data_size=0": "data_size must be between 1 and 1000000",
    "data_size=1000001": "data_size must be between 1 and 1000000",
    "trainer.batch_size=0": "trainer.batch_size must be between",
    "mixture.negative_fraction=1.5": "mixture.negative_fraction must be between 0.0 and 1.0, but is 1.5.",
    "stage=foo": "stage=foo is not a stage of sft N=128 seed=0; accepted are evaluate, finetune, pretrain,",
    "data_size=1,2": "Ambiguous value for argument 'data_size=1,2': add -m to sweep over several values.",
    "data_size=[": "Cannot read the override 'data_size=[': write key=value",
    "sft": "Cannot read the override 'sft': write key=value",
    "~nonsense": "Could not delete from config. 'nonsense' does not exist.",
    "-m data_size=64,128,0": "data_size must be between 1 and",
    "-m algorithm=sft,foo": "algorithm=foo is not known",
    "-m seed=1,2 hydra.launcher.num_workers=-1": "hydra.launcher.num_workers must be at least 0, but is -1.",
}


def drive(cases: list[list[str]], folder, **environment) -> dict:
    """Run the application on each list of arguments, in one process."""
    command = [sys.executable, "-c", DRIVER, json.dumps(cases)]
    env = {key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"} | environment
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def refused(tmp_path_factory) -> dict:
    """What the application says to each of the bad lines."""
    folder = tmp_path_factory.mktemp("refused")
    answer = drive([case.split() for case in REFUSED], folder)
    assert not answer["torch"], "torch was imported to refuse a config"
    assert not list(folder.glob("runs/artifacts/*")), "something was computed"
    return dict(zip(REFUSED, answer["results"], strict=True))


@pytest.mark.parametrize("line", REFUSED)
def test_a_bad_line_is_one_sentence_and_exit_2(refused, line):
    status, _, stderr = refused[line]
    assert status == 2
    assert stderr.endswith("\n") and stderr.count("\n") == 1, stderr
    assert REFUSED[line] in stderr


def test_a_bad_point_of_a_sweep_is_named(refused):
    assert refused["-m data_size=64,128,0"][2].startswith("Point data_size=0: data_size must be")


def test_a_refusal_takes_less_than_three_seconds(tmp_path):
    code = "import sys; from synthscale.study.app import run; sys.exit(run(['data_size=0']))"
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == 2
    assert time.monotonic() - start < 3, "1 s on an idle core"


def test_hydras_own_flags_work(tmp_path):
    cases = [["--cfg", "job", "data_size=77"], ["--info", "config"], ["--cfg", "hydra", "--package", "hydra.launcher"]]
    job, info, launcher = drive(cases, tmp_path)["results"]
    assert job[0] == info[0] == launcher[0] == 0
    assert "data_size: 77" in job[1]
    assert "main" in info[1]
    assert "LocalLauncher" in launcher[1]


def test_a_users_own_yaml_is_found(tmp_path):
    (tmp_path / "mine" / "algorithm").mkdir(parents=True)
    (tmp_path / "mine" / "algorithm" / "own.yaml").write_text("defaults: [sft, _self_]\nname: own\n")
    case = ["--config-dir", "mine", "--cfg", "job", "--package", "algorithm.name", "algorithm=own"]
    status, out, err = drive([case], tmp_path)["results"][0]
    assert (status, out.strip()) == (0, "own"), err


def test_who_asks_for_the_traceback_gets_it(tmp_path):
    code = "import sys; from synthscale.study.app import run; sys.exit(run(['data_size=0']))"
    env = os.environ | {"HYDRA_FULL_ERROR": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
