"""Exports: the libraries that others use load them, the command makes the same artifact, nothing of here is in them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from synthscale.mixture.example import STEP_COLUMNS, Example
from synthscale.publish.command import command_of
from synthscale.publish.export_app import main
from synthscale.publish.lineage import lineage
from synthscale.stage.rows import ContinuationRow, PitRow, PrefixValueRow, ProblemRow, SolutionRow
from synthscale.stage.stage import Node
from synthscale.study.manifest import write_manifest
from synthscale.study.recipe import Point, build_point
from synthscale.study.store import ArtifactStore
from synthscale.table import TableWriter, write_table

PROBLEMS = [ProblemRow(f"p{i}", f"What is {i} + 1? | a bar", str(i + 1)) for i in range(3)]
TRACES = [SolutionRow(f"p{i}", 0, f"It is\n#### {i + 1}", "correct") for i in range(3)]
SAMPLES = [SolutionRow(f"p{i}", j, f"try {j}", "correct" if j else "wrong", 5) for i in range(3) for j in range(2)]
PAIRS = [Example("p0", "What?", "#### 1", "#### 2"), Example("p1", "What?", "#### 2")]
DROPPED = [SolutionRow("p9", 1, "a text that was dropped", "duplicate")]  # only that it is a table matters here
TABLES = {
    "teach": {"problems": PROBLEMS, "traces": TRACES, "dropped": DROPPED},
    "synthesize": {"problems": PROBLEMS, "traces": TRACES},
    "sample": {"samples": SAMPLES},
    "credit": {
        "prefix_values": [PrefixValueRow("p0", 0, 1, 4, 2)],
        "continuations": [ContinuationRow("p0", 0, 1, "try it\n#### 1")],
    },
    "compose": {"examples": PAIRS},
}
MEASURES = {
    "teach": {"num_problems": 3, "num_dropped_duplicate": 4, "num_dropped_unreadable": 9, "num_prompt_tokens": 1234},
    "evaluate": {
        "num_test": 1319,
        "test_accuracy": 0.4321,
        "test_accuracy_low": 0.4056,
        "test_accuracy_high": 0.459,
        "pass_at_1": 0.41,
        "pass_at_16": None,
    },
}


@pytest.fixture
def artifacts(tmp_path: Path, small_llama: Path) -> Callable[[Point], ArtifactStore]:
    """Makes a point's artifacts, with few rows and real manifests, in this test's runs folder."""
    root = tmp_path / "runs" / "artifacts"

    def make_one(node: Node) -> None:
        out = root / node.key
        out.mkdir(parents=True, exist_ok=True)
        for name, rows in TABLES.get(node.stage, {}).items():
            without = STEP_COLUMNS if name == "examples" else ()
            with TableWriter(out / f"{name}.parquet", type(rows[0]), without) as table:
                table.write(rows)
        if node.stage in ("pretrain", "finetune"):
            shutil.copytree(small_llama, out / "model", dirs_exist_ok=True)
            config = json.loads((out / "model" / "config.json").read_text())
            config["_name_or_path"] = str(tmp_path / "secret" / "model")
            (out / "model" / "config.json").write_text(json.dumps(config))
            (out / "model" / "optimizer.pt").write_bytes(b"nothing to publish")
        write_manifest(out, node, MEASURES.get(node.stage, {"num_rows": 3}), 1.5)

    def make(point: Point) -> ArtifactStore:
        for node in point.root.walk():
            make_one(node)
        return ArtifactStore(root)

    return make


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., int]:
    """Calls the command with this test's runs folder."""
    return lambda *arguments: main([*map(str, arguments), "--runs-dir", str(tmp_path / "runs")])


def front_matter(folder: Path) -> dict:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def load(folder: Path, config: str = "default"):
    """The data as anyone reads them, without a network."""
    import datasets

    datasets.disable_progress_bars()
    return datasets.load_dataset(str(folder), config, split="train", cache_dir=str(folder.parent / "hf"))


def all_text(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


COLUMNS = {
    "synthesize": {"default": ["problem_id", "problem", "solution", "answer", "index"]},
    "sample": {"default": ["problem_id", "problem", "solution", "answer", "index", "verdict", "num_tokens"]},
    "compose": {"default": ["problem_id", "prompt", "chosen", "rejected", "rejected_complete", "divergence_only"]},
    "credit": {
        "default": [
            *("problem_id", "problem", "solution", "answer"),
            *("index", "step", "num_rollouts", "num_right"),
        ],
        "continuations": ["problem_id", "index", "step", "solution"],
    },
}


def test_data_load_as_a_data_set_with_the_columns_people_expect(artifacts, export, compose_run, tmp_path, capsys):
    point = build_point(compose_run("algorithm=step_dpo", "data_size=3"))
    artifacts(point)
    for stage, configs in COLUMNS.items():
        folder = tmp_path / stage
        assert export(point.nodes[stage].key, folder) == 0
        for config, columns in configs.items():
            assert load(folder, config).column_names == columns
        assert front_matter(folder)["configs"][0]["data_files"] == [{"split": "train", "path": "data/train.parquet"}]
        assert not re.search(r"/tmp/|/home/|/work/", all_text(folder))
    samples = load(tmp_path / "sample")
    assert samples.num_rows == 6 and samples[3] == {
        **{"problem_id": "p1", "problem": "What is 1 + 1? | a bar", "solution": "try 1", "answer": "2"},
        **{"index": 1, "verdict": "correct", "num_tokens": 5},
    }
    assert load(tmp_path / "compose")["rejected"] == ["#### 2", None]
    assert load(tmp_path / "credit")["solution"] == ["try 0"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_pits_that_were_searched_for_come_along(artifacts, export, compose_run, tmp_path):
    point = build_point(compose_run("algorithm=step_mix", "data_size=3"))
    credit = artifacts(point).root / point.nodes["credit"].key
    write_table(credit / "pits.parquet", PitRow, [PitRow("p0", 0, 2, 0.75, True)])
    assert export(point.nodes["credit"].key, tmp_path / "credit") == 0
    pit = {"problem_id": "p0", "index": 0, "step": 2, "chance": 0.75, "seen_alive": True}
    assert load(tmp_path / "credit", "pits").to_list() == [pit]


def test_a_model_loads_with_its_tokenizer_and_its_card_has_its_results(artifacts, export, compose_run, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    point = build_point(compose_run("algorithm=step_dpo", "data_size=3"))
    artifacts(point)
    folder, card = tmp_path / "model", tmp_path / "model" / "README.md"
    assert export(point.nodes["policy"].key, folder) == 0
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.config.hidden_size == 32 and tokenizer.decode(tokenizer("1 + 2").input_ids) == "1 + 2"
    assert "| precedence | 1,319 | 43.2 [40.6, 45.9] | 41.0 |" in card.read_text()
    front = front_matter(folder)
    assert front["library_name"] == "transformers"
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.4321
    assert not (folder / "optimizer.pt").exists() and "secret" not in all_text(folder)

    artifacts(build_point(compose_run("algorithm=sft", "data_size=3", "evaluation.problems=validation")))
    assert export(point.nodes["sft"].key, tmp_path / "sft") == 0  # which no stage evaluated on test problems
    assert "Not evaluated." in (tmp_path / "sft" / "README.md").read_text()
    assert "model-index" not in front_matter(tmp_path / "sft")


def test_a_card_tells_weights_from_pairs(artifacts, export, compose_run, tmp_path):
    point = build_point(compose_run("algorithm=advantage_weighted", "data_size=3"))
    artifacts(point)
    assert export(point.nodes["policy"].key, tmp_path / "model") == 0
    card = (tmp_path / "model" / "README.md").read_text()
    assert re.search(r"SFT on steps weighted by exp\(advantage / beta\) \| 0.002 \| \d+ \| 32 \| 0.25 \|", card)


def test_a_pool_has_what_was_dropped_as_a_table_of_its_own(
    artifacts, export, compose_run, tmp_path, gsm8k_folder, small_llama
):
    server = ["teacher=server", "teacher.server.url=http://10.1.2.3:8000/v1", "teacher.server.model=Qwen/Qwen3-32B"]
    data = ["task=gsm8k", f"task.source={gsm8k_folder}", "task.num_validation=4", f"model.path={small_llama}"]
    sizes = ["evaluation.num_test=8", "evaluation.num_sampled_problems=4", "trainer.num_validation=4", "data_size=3"]
    point = build_point(compose_run(*server, *data, *sizes, "teacher.num_problems=3"))
    artifacts(point)
    folder = tmp_path / "pool"
    assert export(point.nodes["teach"].key, folder) == 0
    assert load(folder).num_rows == 3 and load(folder, "dropped")["solution"] == ["a text that was dropped"]
    card = (folder / "README.md").read_text()
    assert card.index("| unreadable | 9 |") < card.index("| duplicate | 4 |")
    assert "| model asked | Qwen/Qwen3-32B |" in card and "| num_prompt_tokens | 1,234 |" in card
    assert front_matter(folder)["license"] == "unknown" and "are under `mit`" in card
    for key in ("teach", "synthesize", "sft"):
        assert export(point.nodes[key].key, tmp_path / f"of {key}", "--license", "cc-by-4.0") == 0
        text = all_text(tmp_path / f"of {key}")
        assert "10.1.2.3" not in text and str(gsm8k_folder) not in text and str(small_llama) not in text
        assert "task.source=DATA" in text and front_matter(tmp_path / f"of {key}")["license"] == "cc-by-4.0"
        assert "could not be checked" not in text and "teacher.server.url=http://HOST/v1" in text
    assert "model.path=MODEL" in (tmp_path / "of sft" / "README.md").read_text()


POINTS = {
    "sft": ["algorithm=sft", "data_size=5", "seed=4"],
    "matched": ["algorithm=sft_matched", "data_size=7"],
    "rft": [
        "algorithm=rft",
        "sampler.num_samples=4",
        "credit.best_of=2",
        "algorithm.second.learning_rate=3e-4",
        "data_size=9",
    ],
    "dpo": ["algorithm=dpo", "algorithm.beta=0.5", "mixture.negative_fraction=0.25", "credit.best_of=3"],
    "step": ["algorithm=step_dpo", "credit.num_rollouts=7", "model.dtype=float32", "trainer.weight_decay=0.1"],
    "mix": [
        "algorithm=step_mix",
        "seed=2",
        "sampler.stop=['\n\n', '\\\\t', \"it's\", 'a\\\\']",
        "algorithm.start=base",
    ],
    "one side": ["algorithm=step_mix", "algorithm.only_side=rejected", "seed=3"],
    "searched": ["algorithm=step_dpo", "credit=adaptive", "credit.max_rollouts=3", "sampler.num_samples=4"],
    "filtered": ["algorithm=rft_filtered", "mixture.min_advantage=-0.5", "credit.max_accepted_per_problem=9"],
    "weighted": ["algorithm=advantage_weighted", "algorithm.beta=0.5", "algorithm.max_weight=7"],
    "world": ["algorithm=rft", "task.num_values=5", "task.zipf_exponent=0.5", "pretraining.seed=1"],
    "diverse": ["algorithm=rft", "mixture=diverse_positives", "task.unambiguous=false"],
}


@pytest.mark.parametrize("overrides", POINTS.values(), ids=POINTS)
def test_the_command_on_the_card_makes_the_same_artifact(artifacts, compose_run, compose, overrides):
    from synthscale.study.target import compose_point

    point = build_point(compose_run(*overrides))
    store = artifacts(point)
    nodes = list(point.nodes.values())[:-1]  # all but the evaluation
    for node in nodes if "credit" in point.config.recipe else nodes[-1:]:
        command = command_of(lineage(store, store.find(node)), node.key)
        assert command.is_checked, f"{node.stage}: {command.line}"
    name, run, *words = shlex.split(command.line)  # as a shell would, of the longest command
    assert (name, run) == ("synthscale", "run") and compose_point(compose(*words)).root.key == nodes[-1].key


def test_a_data_set_on_the_hub_is_named_and_a_folder_is_not(artifacts, compose_run, gsm8k_folder, small_llama):
    data = ["task=gsm8k", f"task.source={gsm8k_folder}", "task.num_validation=4", f"model.path={small_llama}"]
    sizes = ["evaluation.num_test=8", "evaluation.num_sampled_problems=4", "trainer.num_validation=4", "data_size=3"]
    point = build_point(compose_run("algorithm=rft", *data, *sizes, "task.prompt_template='Q: {problem}\nA:'"))
    store = artifacts(point)
    manifests = lineage(store, store.find(point.nodes["policy"]))
    here = command_of(manifests, point.nodes["policy"].key)
    assert here.is_checked and "task.source=DATA" in here.line and "model.path=MODEL" in here.line
    data = point.nodes["synthesize"]
    assert command_of(lineage(store, store.find(data)), data.key).is_checked  # without a model
    elsewhere = json.loads(json.dumps(manifests).replace(str(gsm8k_folder), "someone/sums"))
    there = command_of(elsewhere, point.nodes["policy"].key)
    assert not there.is_checked and "task.source=someone/sums" in there.line


def test_refusals_are_one_sentence_and_write_nothing(artifacts, export, compose_run, tmp_path, capsys, monkeypatch):
    point = build_point(compose_run("algorithm=sft", "data_size=3"))
    store = artifacts(point)
    key, evaluated = point.nodes["synthesize"].key, point.nodes["evaluate"].key
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    refused = [
        ([key, "."], ". is the current folder"),
        (["synthesise-12", tmp_path / "new"], f"There is no artifact 'synthesise-12' in {store.root}; near are {key}"),
        (["", tmp_path / "new"], "There is no artifact ''"),
        ([evaluated, tmp_path / "new"], f"holds figures and no data; export the policy, {point.nodes['sft'].key}."),
        ([key, tmp_path / "full"], f"{tmp_path / 'full'} is there and not empty"),
        ([key, tmp_path / "full" / "file"], "is there and not empty"),
        ([key, tmp_path / "full" / "file" / "under"], "Cannot write"),
        ([key, tmp_path / "new", "--push", "a/b/c"], "--push takes NAME or OWNER/NAME"),
        ([key, tmp_path / "new", "--public"], "there is no --push"),
        ([key, tmp_path / "new", "--license", "my own"], "--license takes a name"),
    ]
    for arguments, sentence in refused:
        assert export(*arguments) == 2
        error = capsys.readouterr().err
        assert sentence in error and len(error.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "here", "runs"]


def test_an_artifact_goes_by_key_beginning_or_folder(artifacts, export, compose_run, tmp_path, capsys):
    points = [build_point(compose_run("algorithm=sft", f"data_size={size}")) for size in (3, 4)]
    for point in points:
        store = artifacts(point)
    key = points[0].nodes["synthesize"].key
    (tmp_path / "empty").mkdir()
    for number, name in enumerate([key, key[:-3], store.root / key]):
        assert export(name, tmp_path / ("empty" if number == 0 else f"by{number}")) == 0
    assert export("synthesize-", tmp_path / "new") == 2
    assert "is the beginning of synthesize-" in capsys.readouterr().err


def test_a_crash_on_the_way_leaves_nothing(artifacts, export, compose_run, tmp_path, monkeypatch):
    from synthscale.publish import data

    point = build_point(compose_run("algorithm=sft", "data_size=3"))
    artifacts(point)
    monkeypatch.setattr(data, "front_matter", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(point.nodes["synthesize"].key, tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_what_a_killed_export_left_is_removed_and_what_a_running_one_makes_is_not(
    artifacts, export, compose_run, tmp_path
):
    point = build_point(compose_run("algorithm=sft", "data_size=3"))
    artifacts(point)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = [f".new-{socket.gethostname()}-{number}" for number in (ended.pid, os.getppid())]
    for name in names:
        (tmp_path / name).mkdir()
    assert export(point.nodes["synthesize"].key, tmp_path / "new") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([names[1], "new", "runs"])


PUSH = "import sys; from synthscale.publish.export_app import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def push(tmp_path: Path, artifacts, compose_run) -> Callable[..., subprocess.CompletedProcess]:
    """Exports and pushes from a process of its own, since the hub's client reads the environment once."""
    point = build_point(compose_run("algorithm=sft", "data_size=3"))
    artifacts(point)

    def call(role: str, endpoint: str, *arguments: str, token: str | None = "good") -> subprocess.CompletedProcess:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
        environment |= {"HF_TOKEN": token} if token else {}
        folder = tmp_path / f"{role}{len(list(tmp_path.iterdir()))}"
        command = [sys.executable, "-c", PUSH, point.nodes[role].key, folder, *arguments]
        command += ["--runs-dir", tmp_path / "runs"]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)

    return call


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of an empty hub on this machine, and the folder behind it."""
    root = tmp_path / "hub"
    root.mkdir()
    command = [sys.executable, Path(__file__).parents[1] / "hub_server.py", root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().decode().strip(), root
        finally:
            server.terminate()


def test_a_push_is_private_and_brings_every_file(push, hub):
    endpoint, root = hub
    done = push("synthesize", endpoint, "--push", "me/sums")
    assert done.returncode == 0, done.stderr
    assert f"Uploaded to {endpoint}/datasets/me/sums." in done.stdout
    there = root / "datasets" / "me" / "sums"
    files = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
    assert files == {".private", "README.md", "provenance.json", "data/train.parquet"}

    assert push("sft", endpoint, "--push", "model-of-mine", "--public").returncode == 0
    there = root / "models" / "me" / "model-of-mine"
    assert (there / "model.safetensors").is_file() and not (there / ".private").exists()

    refused = push("sft", endpoint, "--push", "model-of-mine")  # is public
    assert refused.returncode == 1 and "is there already and public, so nothing was uploaded" in refused.stderr

    refused = push("synthesize", endpoint, "--push", "me/more", token="hf_secretsecret")
    assert refused.returncode == 1 and "hf_secret" not in refused.stderr
    assert "me/more was not uploaded (" in refused.stderr and len(refused.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("token", ["good", None])
def test_without_a_network_or_a_token_the_folder_stays(push, tmp_path, token):
    done = push("synthesize", "http://127.0.0.1:9", "--push", "me/sums", token=token)
    assert done.returncode == 1 and "me/sums was not uploaded (" in done.stderr
    assert "`hf upload me/sums " in done.stderr and len(done.stderr.strip().splitlines()) == 1
    (folder,) = tmp_path.glob("synthesize*")
    assert (folder / "README.md").is_file()


def test_help_and_a_refusal_import_nothing_heavy():
    heavy = ["torch", "transformers", "pandas", "lightning", "datasets", "huggingface_hub"]
    code = "import sys; from synthscale.publish.export_app import main; status = main(['no-such', 'nowhere']); "
    code += f"print(status, [name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "2 []" and "There is no artifact" in done.stderr
