"""The paper's studies end to end, with the sizes, the model and the servers replaced by small ones through overrides.

A teacher behind a server, which is scripted here, writes problems about sums and votes on their answers; a Llama of two
layers learns them with LoRA, is sampled through `transformers serve`, a process for each of its checkpoints, and is
credited, paired, trained on pairs and evaluated. What it learns is real: its samples are right and wrong.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from openai_server import Reply, ScriptedServer

BIN = Path(sys.executable).parent
KEY = "sk-planted-7f3a91c2d4"
NAMES = ["Ann", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jo", "Kim", "Leo"]
THINGS = ["apples", "books", "cups", "dolls", "eggs", "figs", "gems", "hats", "jars", "keys"]
VERBS = ["gets", "finds", "buys", "wins", "takes"]
PLACES = ["from a shop", "on a train", "in the park", "at home", "by the sea", "near school", "under a tree"]
FORMS = {  # the prompt of a task, and how a solution of it ends
    "eightfold_gsm8k": ("{problem}\n", "#### N"),
    "eightfold_math": ("{problem}\n", "The answer is $\\boxed{N}$."),
}
NUM_BASE_UPDATES = 120
PROBLEM = re.compile(r"(\w+) owns (\d) (\w+) and (\w+) (\d) more [\w ]+?\. How many")

SMALL = [
    "hydra/launcher=local",
    "model.dtype=float32",
    "model.attention=auto",
    "model.lora.rank=16",
    "trainer=laptop",
    "trainer.batch_size=16",
    "trainer.num_validation=4",
    "trainer.num_validations=1",
    "task.num_validation=4",
    "sampler=transformers",
    f"sampler.server.command='{BIN / 'transformers'} serve --host 127.0.0.1 --port {{port}} {{model}}'",
    "sampler.server.num_concurrent=8",
    "sampler.num_samples=8",
    "sampler.temperature=1.0",
    "sampler.max_new_tokens=64",
    "credit.max_negatives_per_problem=2",
    "evaluation.num_test=6",
    "evaluation.num_sampled_problems=2",
    "evaluation.num_samples=4",
    "algorithm.first.learning_rate=1e-2",
    "algorithm.first.updates_per_problem=8",
    "algorithm.second.learning_rate=1e-3",
    "algorithm.second.updates_per_problem=0.5",
    "teacher.num_problems=24",
    "teacher.server.model=scripted",
    "teacher.server.api_key_env=TEACHER_KEY",
    "teacher.server.price_per_million_prompt_tokens=10",
    "teacher.server.price_per_million_completion_tokens=30",
    "data_size=24",
    "seed=1",
    "logger=wandb",
]


def write_problem(draw: random.Random) -> str:
    name, thing, verb, place = (draw.choice(words) for words in (NAMES, THINGS, VERBS, PLACES))
    a, b = draw.randint(1, 2), draw.randint(1, 2)
    return f"{name} owns {a} {thing} and {verb} {b} more {place}. How many {thing} now?"


def write_solution(problem: str, draw: random.Random, final: str) -> str:
    """A right one four times out of five."""
    found = PROBLEM.search(problem)
    assert found
    a, b = int(found[2]), int(found[5])
    answer = a + b if draw.random() < 0.8 else a
    return f"Owns {a}.\nThen {b}.\n{a}+{b}={answer}\n" + final.replace("N", str(answer))


def guess(problem: str, draw: random.Random, final: str) -> str:
    """A solution in the right form with numbers at random."""
    a, b, answer = draw.randint(1, 2), draw.randint(1, 2), draw.randint(2, 4)
    return f"Owns {a}.\nThen {b}.\n{a}+{b}={answer}\n" + final.replace("N", str(answer))


@pytest.fixture(params=["eightfold_gsm8k", "eightfold_math"])
def study(request) -> str:
    return request.param


@pytest.fixture
def teacher(study: str) -> Iterator[ScriptedServer]:
    """Writes a problem where it is shown others, and solutions, some wrong, where it is shown one of its own."""
    _, final = FORMS[study]

    def reply(path: str, body: dict) -> Reply:
        assert path.endswith("/chat/completions")
        draw = random.Random(body["seed"])
        asked = body["messages"][-1]["content"]
        found = PROBLEM.search(asked)
        texts = [
            write_solution(asked, draw, final) if found else write_problem(draw) for _ in range(body.get("n") or 1)
        ]
        return Reply(texts)

    with ScriptedServer(reply) as server:
        yield server


@pytest.fixture(scope="module")
def base(two_layer_llama: Path, tmp_path_factory) -> Path:
    """A base model that writes in the solutions' form, with sums at random: adapters of pure noise learn nothing."""
    import torch

    from synthscale.policy.policy import load_policy, save_policy

    model, tokenizer = load_policy(two_layer_llama)
    draw = random.Random(0)
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=5e-3)
    for _ in range(NUM_BASE_UPDATES):
        texts = []
        for form, final in FORMS.values():
            for _ in range(8):
                problem = write_problem(draw)
                texts.append(form.replace("{problem}", problem) + guess(problem, draw, final))
        rows = [[*tokenizer(text)["input_ids"], tokenizer.eos_token_id] for text in texts]
        length = max(map(len, rows))
        ids = torch.tensor([[*row, *[tokenizer.eos_token_id] * (length - len(row))] for row in rows])
        labels = torch.tensor([[*row, *[-100] * (length - len(row))] for row in rows])
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    folder = tmp_path_factory.mktemp("base")
    save_policy(model, tokenizer, folder)
    return folder


@pytest.fixture
def source(study: str, gsm8k_folder: Path, tmp_path: Path) -> Path:
    """GSM8K's own problems; for MATH's form, some of our own with boxed answers."""
    if study == "eightfold_gsm8k":
        return gsm8k_folder
    folder = tmp_path / "math"
    folder.mkdir()
    for name, first, number in (("train", 2, 20), ("test", 40, 8)):
        rows = [
            {
                "problem": f"Let $f(x) = {i}x + {i * i % 7}$. Compute the value of $f({i % 5 + 2})$ for this function.",
                "solution": f"We substitute: $f = {i} \\cdot {i % 5 + 2} + {i * i % 7}$.\n"
                f"So it is $\\boxed{{{i * (i % 5 + 2) + i * i % 7}}}$.",
            }
            for i in range(first, first + number)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def synthscale(*arguments: str, folder: Path) -> str:
    """Run the command; it must succeed."""
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "TEACHER_KEY": KEY,
        "CUDA_VISIBLE_DEVICES": "",
        "COLUMNS": "160",
        "WANDB_MODE": "offline",
    }
    done = subprocess.run(
        [BIN / "synthscale", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.server
@pytest.mark.timeout(900)
def test_the_study_end_to_end(study, teacher, source, base, tmp_path):
    overrides = [
        f"study={study}",
        *SMALL,
        f"teacher.server.url={teacher.url}",
        f"task.source={source}",
        f"model.path={base}",
    ]
    if study == "eightfold_math":  # the points are the same; two of them will do here
        overrides.append("hydra.sweeper.points=[{algorithm:sft},{algorithm:step_dpo}]")
    algorithms = {"sft", "step_dpo"} | ({"sft_matched", "rft", "dpo"} if study == "eightfold_gsm8k" else set())

    planned = synthscale("plan", *overrides, folder=tmp_path)
    assert f"{len(algorithms)} points" in planned and "The teacher costs" in planned
    assert not teacher.requests

    shown = synthscale("run", *overrides, folder=tmp_path)
    shown += synthscale("report", f"runs/{study}", folder=tmp_path)
    results = pd.read_csv(tmp_path / "runs" / study / "results.csv")
    assert set(results.algorithm) == algorithms
    assert (results.num_test == 6).all() and results.test_accuracy.between(0, 1).all()
    of = results.set_index("algorithm")
    assert of.loc["step_dpo", "num_train_pairs"] > 0 and of.loc["step_dpo", "num_rollouts"] > 0
    assert (tmp_path / "runs" / study / "report" / "summary.csv").is_file()

    manifests = [json.loads(path.read_text()) for path in (tmp_path / "runs" / "artifacts").glob("*/manifest.json")]
    by_stage = {manifest["stage"]: manifest for manifest in manifests}
    assert [m["stage"] for m in manifests].count("teach") == 1, "one pool serves all points"
    sampled = by_stage["sample"]["measures"]
    assert 0 < sampled["num_correct"] < sampled["num_samples"]
    assert sampled["device"] == "server"
    assert all(m["config"]["lora"]["rank"] == 16 for m in manifests if m["stage"] == "finetune")

    asked = len(teacher.requests)
    shown += synthscale("run", *overrides, folder=tmp_path)
    assert len(teacher.requests) == asked, "nothing is asked twice"
    assert list(tmp_path.rglob("*.wandb"))
    planted = [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert not planted and KEY not in shown
    assert any(headers.get("authorization") == f"Bearer {KEY}" for _, headers, _ in teacher.requests)
