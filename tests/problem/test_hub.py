"""Data sets by name: from a hub on this machine through the real client, once; and refusals that come at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SERVER = Path(__file__).parents[1] / "hub_server.py"
CARD = """---
configs:
- config_name: main
  data_files: [{split: train, path: main/train-*}, {split: test, path: main/test-*}]
- config_name: other
  data_files: [{split: train, path: other/train-*}, {split: test, path: other/test-*}]
---
"""
PROGRAM = """
import json, sys
from synthscale.problem import DatasetConfig
config = DatasetConfig(name="own", problem_key="question", solution_key="answer", **json.loads(sys.argv[1]))
rows = config.rows()
texts = sorted(row.problem.text for row in (*rows.train, *rows.validation))
print(json.dumps([texts, len(rows.test), config.fingerprint, "datasets" in sys.modules]))
"""


def rows(word: str, count: int) -> pa.Table:
    return pa.Table.from_pylist([{"question": f"{word} {i}?", "answer": f"é #### {i}"} for i in range(count)])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a hub with one data set of two subsets."""
    root = tmp_path_factory.mktemp("hub")
    for subset in ("main", "other"):
        folder = root / "datasets" / "acme" / "sums" / subset
        folder.mkdir(parents=True)
        for split, count in (("train", 4), ("test", 2)):
            pq.write_table(rows(f"{subset} {split}", count), folder / f"{split}-00000-of-00001.parquet")
    (root / "datasets" / "acme" / "sums" / "README.md").write_text(CARD)
    with subprocess.Popen([sys.executable, SERVER, root], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().decode().strip()
        finally:
            server.terminate()


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen]:
    """Starts a process that reads `acme/sums` through an endpoint, with this test's caches."""

    def begin(endpoint: str, offline: bool = False, **keys: object) -> subprocess.Popen:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": str(int(offline))}
        environment |= {"SYNTHSCALE_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-c", PROGRAM, json.dumps({"source": "acme/sums", "num_validation": 1, **keys})]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes)

    return begin


NOWHERE = "http://127.0.0.1:9"  # the port of `discard`, where nobody listens


def test_a_name_is_fetched_once_and_read_without_a_network_from_then_on(hub, start, tmp_path):
    two = [start(hub, subsets=["main"]) for _ in range(2)]  # at once
    outputs = [process.communicate(timeout=60) for process in two]
    errors = "".join(error for _, error in outputs)
    assert errors.count("Fetching acme/sums (main) from the hub, once, into ") == 1, errors
    found = [json.loads(output) for output, _ in outputs]
    assert found[0][:3] == found[1][:3]
    assert found[0][:2] == [[f"main train {i}?" for i in range(4)], 2]
    (folder,) = (path for path in (tmp_path / "cache" / "datasets").iterdir() if not path.name.startswith("."))
    assert sorted(path.name for path in folder.iterdir()) == ["origin.json", "test.jsonl", "train.jsonl"]
    assert (folder / "test.jsonl").read_text().splitlines()[1] == '{"question": "main test 1?", "answer": "é #### 1"}'
    assert json.loads((folder / "origin.json").read_text())["commit"].startswith("0123456789abcdef")

    output, error = start(NOWHERE, subsets=["main"]).communicate(timeout=60)
    assert json.loads(output) == [*found[0][:3], False] and not error  # nor is the library imported


def test_subsets_are_joined_and_each_is_kept(hub, start):
    (texts, num_test, *_) = json.loads(start(hub, subsets=["main", "other"]).communicate(timeout=60)[0])
    assert (len(texts), num_test) == (8, 4)
    output, error = start(hub, subsets=["other"], revision=None).communicate(timeout=60)
    assert len(json.loads(output)[0]) == 4 and "Fetching" not in error


REFUSED = [
    ({"source": "acme/nothing"}, False, "the hub has no data set of that name"),
    ({"subsets": ["nosuch"]}, False, "BuilderConfig 'nosuch' not found"),
    ({"revision": "v9"}, False, "but no revision v9"),
    ({"subsets": ["main"], "test_split": "exam"}, False, 'Unknown split "exam"'),
    ({}, True, "run `synthscale plan` with it once where there is a network"),
]


@pytest.mark.parametrize(("keys", "offline", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_what_cannot_be_fetched_is_one_sentence_and_leaves_nothing(hub, start, tmp_path, keys, offline, words):
    process = start(hub, offline, **keys)
    error = process.communicate(timeout=60)[1].strip().splitlines()[-1]
    assert process.returncode == 1 and error.startswith("ValueError: task.source=acme/") and words in error
    assert not [path for path in (tmp_path / "cache" / "datasets").iterdir() if path.suffix != ".lock"]


def test_without_a_network_the_refusal_comes_at_once(start):
    began = time.monotonic()
    error = start(NOWHERE).communicate(timeout=60)[1].strip().splitlines()[-1]
    assert "the hub cannot be reached" in error and "or name a folder" in error
    assert time.monotonic() - began < 10  # the library alone takes 23 s
