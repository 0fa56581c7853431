"""What is refused at the door: exit status 2 and one sentence, before anything is computed, with the real configs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REFUSED = [
    ("algorithm=foo", "algorithm=foo"),
    ("data_sizze=3", "data_size?"),
    ("data_size=0", "data_size"),
    ("data_size=99999999", "1000000"),
    ("data_size=abc", "data_size"),
    ("mixture.negative_fraction=1.5", "mixture.negative_fraction"),
    ("task.operators_per_problem=6", "sampler.max_new_tokens"),
    ("trainer.device=tpu", "trainer.device"),
    ("model.path=./nowhere", "model.path"),
    ("stage=credit", "stage=credit"),
    ("algorithm.name=../x", "algorithm.name"),
    ("study_name=artifacts", "study_name"),
    ("algorithm.recipe=[]", "algorithm.recipe"),
    ("-m algorithm=rft,dpo algorithm.second.learning_rate=7", "algorithm.second.learning_rate"),
    ("model.path=gpt2", "model.path"),
    ("runs_dir=/proc/nowhere", "/proc/nowhere"),
    ("task=jsonl", "task.source has no value"),
    ("task=gsm8k task.source=nowhere", "no train.jsonl"),
    ("-m study=quick,credit", "study= takes one study"),
    ("study=quick,credit", "study= takes one study"),
    ("study=[quick,credit]", "study= takes one study"),
    ("study=null", "name one of the group's options"),
    ("hydra.sweeper.points=[{seed:1}]", "hydra.mode: MULTIRUN"),
    ("study=star_graph task=precedence", "study/star_graph.yaml sets num_arms"),
    ("algorithm=advantage_weighted sampler.num_samples=64", "credit.max_negatives_per_problem must be at least"),
    ("algorithm=step_dpo credit.num_rollouts=2", "credit.num_rollouts, which is 2"),
]


PROGRAM = """
import contextlib, io, json, sys
from synthscale.cli import main

said = []
for line in json.loads(sys.argv[1]):
    sys.argv[1:] = ["run", *line.split(" ")]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as stderr:
        status = main()
    said.append([status, stderr.getvalue()])
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, str]]]:
    """The folder that all commands were given in, and of each its exit status and what it wrote to stderr."""
    folder = tmp_path_factory.mktemp("door")
    lines = [line for line, _ in REFUSED]
    command = [sys.executable, "-c", PROGRAM, json.dumps(lines)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return folder, {line: (status, stderr) for line, (status, stderr) in zip(lines, said, strict=True)}


@pytest.mark.parametrize(("override", "named"), REFUSED)
def test_one_sentence_that_names_the_key(
    answers: tuple[Path, dict[str, tuple[int, str]]], override: str, named: str
) -> None:
    status, stderr = answers[1][override]
    assert status == 2
    assert len(stderr.strip().splitlines()) == 1 and named in stderr


def test_nothing_was_computed(answers: tuple[Path, dict[str, tuple[int, str]]]) -> None:
    assert not list(answers[0].rglob("manifest.json"))
