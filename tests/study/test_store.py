"""An artifact is there whole or not at all, and is made once, whoever asks and whatever dies."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthscale.session import Session, Stopped
from synthscale.stage.stage import Artifact, Node
from synthscale.study.error import UserError
from synthscale.study.store import ArtifactStore


def start(toy_path: Path, root: Path, config: dict) -> subprocess.Popen:
    """Make a toy node in a process of its own."""
    command = [sys.executable, str(toy_path), "make", str(root), json.dumps(config)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def crowd(toy_path: Path, root: Path, config: dict, num_processes: int) -> tuple[list[str], list[int]]:
    """Make a toy node in many processes at once; the folders that they got, and how they ended."""
    command = [sys.executable, str(toy_path), "crowd", str(root), json.dumps(config), str(num_processes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    *folders, exits = done.stdout.splitlines()
    return folders, json.loads(exits.removeprefix("EXITS "))


def files(folder: Path) -> dict[str, bytes]:
    """All files but the manifest, whose times differ."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


def lines(path: Path) -> list[str]:
    """The marks that a stage has left."""
    return path.read_text().splitlines() if path.exists() else []


def stop_after_first_step(store: ArtifactStore, node: Node) -> None:
    """Have the stage take its first step, save and leave, as a job does whose end is near."""
    session = Session(checkpoint_seconds=1000)
    session.request_stop()
    with pytest.raises(Stopped):
        store.make(node, session)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mount)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


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
    node = Node("toy", {"steps": 2, "raise": "broken on purpose"})
    with pytest.raises(RuntimeError, match="broken on purpose"):
        store.make(node, Session(checkpoint_seconds=0))
    assert store.find(node) is None
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == []
    assert list((tmp_path / ".making").iterdir()) == []


def journaled(store: ArtifactStore, node: Node) -> list[Path]:
    """What is left of the node's unfinished artifact."""
    folder = store.root / ".making" / node.key
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


JOURNALS = [Path("checkpoints/answers.journal"), Path("checkpoints/part/answers.journal")]


def test_a_stage_that_raises_leaves_its_journals_and_nothing_else(toy, tmp_path):
    store, once = ArtifactStore(tmp_path / "store"), tmp_path / "once"
    once.touch()
    node = Node("toy", {"steps": 2, "journals": ["a", "b"], "raise_once": str(once), "taken": str(tmp_path / "taken")})
    with pytest.raises(RuntimeError, match="raised once"):
        store.make(node, Session(checkpoint_seconds=0))
    assert journaled(store, node) == JOURNALS
    made = store.make(node, Session(checkpoint_seconds=0))
    assert lines(tmp_path / "taken") == ["0", "1", "0", "1"], "its steps were thrown away"
    assert (made.folder / "journals.txt").read_text() == "abab", "the second time it found what the first had written"
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "journals.txt",
        "manifest.json",
        "part",
        "steps.json",
    ]
    assert list((store.root / ".making").iterdir()) == []


def test_journals_outlive_other_versions_and_a_measure_that_is_refused(toy, tmp_path):
    store = ArtifactStore(tmp_path)
    node = Node("toy", {"steps": 2, "journals": ["a", "b"], "measures": {"train_loss": float("nan")}})
    with pytest.raises(ValueError, match="train_loss"):
        store.make(node)
    assert journaled(store, node) == JOURNALS
    stamp = store.root / ".making" / node.key / "checkpoints" / "versions.json"
    stamp.write_text("{}")
    with pytest.raises(ValueError, match="train_loss"):
        store.make(node)
    content = [(store.root / ".making" / node.key / path).read_text() for path in JOURNALS]
    assert content == ["aa", "bb"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_measure_that_is_not_finite_is_refused(toy, tmp_path, value):
    with pytest.raises(ValueError, match="train_loss"):
        ArtifactStore(tmp_path).make(Node("toy", {"text": str(value), "measures": {"train_loss": value}}))


@pytest.mark.parametrize(
    "damage", ["half a manifest", "no manifest", "another's manifest", "no list of files", "a file cut short"]
)
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
        case "no list of files":
            manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "files": 3}))
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


def test_fifty_processes_make_it_once(toy, toy_path, tmp_path):
    config = {"calls": str(tmp_path / "calls"), "seconds": 0.3}
    folders, exits = crowd(toy_path, tmp_path / "store", config, 50)
    assert folders == [str(tmp_path / "store" / Node("toy", config).key)] * 50
    assert exits == [0] * 50
    assert len(lines(tmp_path / "calls")) == 1


def test_of_fifty_processes_one_makes_up_for_the_first_that_is_killed(toy, toy_path, tmp_path):
    deadly = tmp_path / "deadly"
    deadly.touch()
    config = {"calls": str(tmp_path / "calls"), "die_once": str(deadly), "seconds": 0.1}
    folders, exits = crowd(toy_path, tmp_path / "store", config, 50)
    assert exits == [-signal.SIGKILL] + [0] * 49
    assert len(folders) == 49 and len(set(folders)) == 1
    assert len(lines(tmp_path / "calls")) == 2


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


def test_who_waits_takes_over_at_once_from_a_maker_killed_with_kill_9(toy, toy_path, tmp_path):
    hold, calls = tmp_path / "hold", tmp_path / "calls"
    hold.touch()
    config = {"hold": str(hold), "calls": str(calls)}
    victim = start(toy_path, tmp_path / "store", config)
    wait_for(lambda: len(lines(calls)) == 1)
    heir = start(toy_path, tmp_path / "store", config)
    assert "Waiting for" in heir.stderr.readline()
    os.kill(victim.pid, signal.SIGKILL)
    wait_for(lambda: len(lines(calls)) == 2, seconds=3)
    hold.unlink()
    heir.communicate(timeout=20)
    victim.communicate()
    assert lines(calls) == [str(victim.pid), str(heir.pid)]
    assert heir.returncode == 0


def test_waiting_is_bounded_and_names_the_maker_who_goes_on(toy, toy_path, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    config = {"hold": str(hold)}
    node = Node("toy", config)
    maker = start(toy_path, tmp_path / "store", config)
    wait_for(lambda: list(tmp_path.glob("store/.making/*/part/answer.txt")))
    said: list[str] = []
    store = ArtifactStore(tmp_path / "store", max_wait_seconds=0.5)
    with pytest.raises(UserError) as caught:
        store.make(node, waiting=said.append)
    for sentence in (*said, str(caught.value)):
        assert f"{node.key}, which process {maker.pid} on {socket.gethostname()} (since " in sentence
    assert len(said) == 1
    assert "\n" not in str(caught.value) and "execution.max_wait_minutes" in str(caught.value)
    assert store.find(node) is None
    assert not (tmp_path / "store" / node.key).exists()
    hold.unlink()
    maker.communicate(timeout=20)
    assert store.find(node) is not None, "who gave up waiting did not disturb the maker"


def test_is_being_made_while_a_process_holds_the_lock_and_not_after_its_end(toy, toy_path, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    config = {"hold": str(hold)}
    key = Node("toy", config).key
    store = ArtifactStore(tmp_path / "store")
    assert not store.is_being_made(key)
    maker = start(toy_path, tmp_path / "store", config)
    wait_for(lambda: list(tmp_path.glob("store/.making/*/part/answer.txt")))
    assert store.is_being_made(key)
    maker.kill()
    maker.communicate()
    assert not store.is_being_made(key)
    hold.unlink()
    store.make(Node("toy", config))
    assert not store.is_being_made(key)


def test_two_who_ask_whether_it_is_being_made_do_not_take_each_other_for_the_maker(toy, tmp_path):
    store = ArtifactStore(tmp_path)
    key = store.make(Node("toy", {})).folder.name
    with (tmp_path / ".locks" / f"{key}.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not store.is_being_made(key)


def test_who_may_only_read_the_store_sees_what_is_there_and_that_nothing_is_being_made(toy, small_disk):
    store = ArtifactStore(small_disk)
    made = store.make(Node("toy", {"text": "x"}))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert store.find_key(made.folder.name) == made
    assert not store.is_being_made(made.folder.name)


def test_a_killed_stage_goes_on_from_its_checkpoint_and_the_artifact_has_the_same_bytes(toy, toy_path, tmp_path):
    hold, taken = tmp_path / "hold", tmp_path / "taken"
    hold.touch()
    config = {"steps": 4, "hold_step": 2, "hold": str(hold), "taken": str(taken)}
    root = tmp_path / "store"
    victim = start(toy_path, root, config)
    wait_for(lambda: lines(taken) == ["0", "1"] and list(root.glob(".making/*/checkpoints/steps.json")))
    wait_for(lambda: json.loads(next(root.glob(".making/*/checkpoints/steps.json")).read_text()) == [0, 1])
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate()
    hold.unlink()
    made = ArtifactStore(root).make(Node("toy", config), Session(checkpoint_seconds=0))
    assert lines(taken) == ["0", "1", "2", "3"]
    whole = ArtifactStore(tmp_path / "other").make(Node("toy", {"steps": 4}))
    assert files(made.folder) == files(whole.folder)
    assert sorted(path.name for path in made.folder.iterdir()) == ["manifest.json", "part", "steps.json"]
    assert "checkpoints" not in json.dumps(dict(made.manifest))


def test_a_stage_that_was_asked_to_stop_leaves_its_checkpoints(toy, tmp_path):
    node = Node("toy", {"steps": 3, "taken": str(tmp_path / "taken")})
    store = ArtifactStore(tmp_path / "store")
    stop_after_first_step(store, node)
    assert store.find(node) is None
    assert not store.is_being_made(node.key)
    store.make(node)
    assert lines(tmp_path / "taken") == ["0", "1", "2"]


def test_checkpoints_written_with_other_versions_are_thrown_away(toy, tmp_path):
    node = Node("toy", {"steps": 3, "taken": str(tmp_path / "taken")})
    store = ArtifactStore(tmp_path / "store")
    stop_after_first_step(store, node)
    versions = tmp_path / "store" / ".making" / node.key / "checkpoints" / "versions.json"
    versions.write_text(json.dumps(json.loads(versions.read_text()) | {"torch": "0.1"}))
    store.make(node)
    assert lines(tmp_path / "taken") == ["0", "0", "1", "2"]


def test_a_full_disk_is_one_sentence_and_leaves_only_checkpoints(toy, small_disk, tmp_path):
    store = ArtifactStore(small_disk)
    node = Node("toy", {"steps": 2, "taken": str(tmp_path / "taken"), "fill_bytes": 1_000_000})
    for _ in range(2):
        with pytest.raises(UserError, match="No space is left") as caught:
            store.make(node, Session(checkpoint_seconds=0))
        assert "\n" not in str(caught.value)
        assert not (small_disk / node.key).exists()
        assert files(small_disk / ".making" / node.key).keys() == {
            "checkpoints/steps.json",
            "checkpoints/versions.json",
        }
    assert lines(tmp_path / "taken") == ["0", "1"], "the second time it went on from the last"
    assert store.make(Node("toy", {"text": "small"})).folder.exists(), "the room was given back"


def test_a_checkpoint_that_finds_no_room_leaves_the_earlier_one(toy, small_disk, tmp_path):
    store = ArtifactStore(small_disk)
    node = Node("toy", {"steps": 3, "taken": str(tmp_path / "taken"), "padding_bytes": 1_000_000})
    with pytest.raises(UserError, match="No space is left"):
        store.make(node, Session(checkpoint_seconds=0))
    assert json.loads((small_disk / ".making" / node.key / "checkpoints" / "steps.json").read_text()) == [0, 1]
    assert store.make(node, Session(checkpoint_seconds=1000)).folder.exists(), "without a checkpoint there is room"
    assert lines(tmp_path / "taken") == ["0", "1", "2", "2"]


def rank(store: ArtifactStore, node: Node, number: int, made: list[Artifact], token: str = "5-1") -> threading.Thread:
    """Make the node as one of two ranks, in a thread."""

    def make() -> None:
        made.append(store.make(node, Session(rank=number, num_ranks=2, token=token)))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    return thread


def test_two_ranks_make_it_once_together(toy, tmp_path):
    child = Node("toy", {"ranks": str(tmp_path / "first"), "text": "in"})
    node = Node("toy", {"ranks": str(tmp_path / "second"), "text": "out"}, {"data": child})
    made: list[Artifact] = []
    store = ArtifactStore(tmp_path / "store", max_wait_seconds=20)
    for thread in [rank(store, node, number, made) for number in (1, 0)]:
        thread.join(20)
    assert made == [store.find(node)] * 2
    assert sorted(lines(tmp_path / "first")) == sorted(lines(tmp_path / "second")) == ["0", "1"]
    assert files(made[0].folder).keys() == {"part/answer.txt"}


def test_a_rank_does_not_join_an_earlier_start(toy, tmp_path):
    node = Node("toy", {"ranks": str(tmp_path / "ranks")})
    left = tmp_path / "store" / ".making" / node.key / ".ranks"
    left.parent.mkdir(parents=True)
    left.write_text("5-0")
    made: list[Artifact] = []
    store = ArtifactStore(tmp_path / "store", max_wait_seconds=20)
    early = rank(store, node, 1, made)
    early.join(0.6)
    assert early.is_alive() and lines(tmp_path / "ranks") == []
    for thread in (rank(store, node, 0, made), early):
        thread.join(20)
    assert made == [store.find(node)] * 2
    assert sorted(lines(tmp_path / "ranks")) == ["0", "1"]


def test_a_rank_waits_no_longer_for_the_first_than_for_any_other_maker(toy, tmp_path):
    store = ArtifactStore(tmp_path / "store", max_wait_seconds=0.3)
    with pytest.raises(UserError, match="Rank 1 waited in vain for rank 0 to make toy-"):
        store.make(Node("toy", {}), Session(rank=1, num_ranks=2, token="5-0"))
