"""An artifact is there whole or not at all, and is made once, whoever asks and whatever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synthscale.stage.stage import Artifact, Node
from synthscale.study.error import UserError
from synthscale.study.store import ArtifactStore


def start(toy_path: Path, root: Path, config: dict) -> subprocess.Popen:
    """Make a toy node in a process of its own."""
    command = [sys.executable, str(toy_path), "make", str(root), json.dumps(config)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def files(folder: Path) -> dict[str, bytes]:
    """All files but the manifest, whose times differ."""
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"}


def wait_for(condition, seconds: float = 20) -> None:
    """Poll until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the other process did not get there"
        time.sleep(0.02)


def test_made_with_its_inputs_and_found_again(toy, tmp_path):
    calls = tmp_path / "calls"
    child = Node("toy", {"calls": str(calls), "text": "in"})
    parent = Node("toy", {"calls": str(calls), "text": "out"}, {"data": child})
    store = ArtifactStore(tmp_path / "store")
    assert store.find(parent) is None
    made = store.make(parent)
    again = ArtifactStore(tmp_path / "store").make(parent)
    assert made == again == Artifact(tmp_path / "store" / parent.key, made.manifest)
    assert len(calls.read_text().splitlines()) == 2


def test_manifest_says_how_it_was_made(toy, tmp_path):
    child = Node("toy", {"text": "in"})
    node = Node("toy", {"text": "out", "measures": {"num_updates": 3, "device": "cuda"}}, {"data": child})
    manifest = json.loads((ArtifactStore(tmp_path).make(node).folder / "manifest.json").read_text())
    assert manifest["inputs"] == {"data": child.key}
    assert manifest["measures"] == {"num_updates": 3, "device": "cuda"}
    assert manifest["device"] == "cuda"
    assert manifest["files"] == {"part/answer.txt": 3000}
    assert manifest["versions"].keys() >= {"python", "torch", "synthscale"}
    assert manifest["seconds"] >= 0
    assert str(tmp_path) not in json.dumps(manifest)


def test_inputs_of_a_finished_artifact_are_not_asked_for(toy, tmp_path):
    calls = tmp_path / "calls"
    child = Node("toy", {"calls": str(calls)})
    parent = Node("toy", {"text": "out"}, {"data": child})
    store = ArtifactStore(tmp_path / "store")
    store.make(parent)
    for path in sorted((tmp_path / "store" / child.key).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "store" / child.key).rmdir()
    store.make(parent)
    assert len(calls.read_text().splitlines()) == 1


def test_shipped_artifacts_are_found_and_not_written(toy, tmp_path):
    node = Node("toy", {"calls": str(tmp_path / "calls")})
    shipped = ArtifactStore(tmp_path / "shipped").make(node)
    store = ArtifactStore(tmp_path / "store", [tmp_path / "shipped"])
    assert store.make(node) == shipped
    assert not (tmp_path / "store").exists()


def test_a_stage_that_raises_leaves_nothing(toy, tmp_path):
    store = ArtifactStore(tmp_path)
    node = Node("toy", {"raise": "broken on purpose"})
    with pytest.raises(RuntimeError, match="broken on purpose"):
        store.make(node)
    assert store.find(node) is None
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == []
    assert list((tmp_path / ".making").iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_measure_that_is_not_finite_is_refused(toy, tmp_path, value):
    with pytest.raises(ValueError, match="train_loss"):
        ArtifactStore(tmp_path).make(Node("toy", {"text": str(value), "measures": {"train_loss": value}}))


@pytest.mark.parametrize("damage", ["half a manifest", "no manifest", "another's manifest", "a file cut short"])
def test_a_damaged_artifact_counts_as_absent_and_is_made_anew(toy, tmp_path, caplog, damage):
    store = ArtifactStore(tmp_path)
    node = Node("toy", {"text": "whole"})
    folder = store.make(node).folder
    manifest = folder / "manifest.json"
    match damage:
        case "half a manifest":
            manifest.write_text(manifest.read_text()[:40])
        case "no manifest":
            manifest.unlink()
        case "another's manifest":
            manifest.write_text(manifest.read_text().replace(node.key, "toy-0"))
        case "a file cut short":
            (folder / "part" / "answer.txt").write_text("who")
    assert store.find(node) is None
    assert "damaged" in caplog.text
    store.make(node)
    assert (folder / "part" / "answer.txt").read_text() == "whole" * 1000


def test_two_processes_make_it_once(toy, toy_path, tmp_path):
    config = {"calls": str(tmp_path / "calls"), "seconds": 0.5}
    processes = [start(toy_path, tmp_path / "store", config) for _ in range(3)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len({stdout for stdout, _ in outputs}) == 1
    assert len((tmp_path / "calls").read_text().splitlines()) == 1
    assert any("Waiting for" in stderr for _, stderr in outputs)


def test_after_kill_9_the_next_takes_the_lock_and_makes_the_same_bytes(toy, toy_path, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    config = {"text": "same", "hold": str(hold)}
    root = tmp_path / "store"
    victim = start(toy_path, root, config)
    wait_for(lambda: list(root.glob(".making/*/part/answer.txt")))
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate()
    node = Node("toy", config)
    assert list((root / ".making").iterdir()), "the victim was to leave its half artifact"
    assert ArtifactStore(root).find(node) is None
    hold.unlink()
    made = ArtifactStore(root).make(node)
    whole = ArtifactStore(tmp_path / "other").make(Node("toy", {"text": "same"}))
    assert files(made.folder) == files(whole.folder)
    assert list((root / ".making").iterdir()) == []


def test_a_full_disk_is_one_sentence_and_leaves_no_half_artifact(toy, tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        store = ArtifactStore(mount)
        node = Node("toy", {"fill_bytes": 1_000_000})
        with pytest.raises(UserError, match="No space is left") as caught:
            store.make(node)
        assert "\n" not in str(caught.value)
        assert not (mount / node.key).exists()
        assert [path.name for path in (mount / ".making" / node.key).iterdir()] == ["checkpoints"]
        assert store.make(Node("toy", {"text": "small"})).folder.exists(), "the room was given back"
    finally:
        subprocess.run(["umount", str(mount)], check=True)
