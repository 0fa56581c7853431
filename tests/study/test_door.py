"""What is refused at the door: exit status 2 and one sentence, before anything is computed, with the real configs."""

from __future__ import annotations

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
]


@pytest.mark.parametrize(("override", "named"), REFUSED)
def test_one_sentence_that_names_the_key(tmp_path: Path, override: str, named: str) -> None:
    program = "import sys; from synthscale.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "run", *override.split(" ")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and named in done.stderr
    assert not list(tmp_path.rglob("manifest.json"))
