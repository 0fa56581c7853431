"""A training that was killed or stopped anywhere ends, to the last bit, as one that was left alone."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest
import torch

from synthscale.session import Session, Stopped
from synthscale.training.checkpoint import FILE, is_readable, random_state, set_random_state
from synthscale.training.config import Device, TrainerConfig
from synthscale.training.fit import FitResult

NUM_UPDATES = 7
# validations come after updates 3, 6 and 7, the last where the interval does not divide the updates
CONFIG = TrainerConfig(device=Device.cpu, num_validations=3, num_validation=4, batch_size=6)


class Killed(BaseException):
    """What kill -9 leaves behind: the checkpoints on the disk."""


class ScriptedSession(Session):
    """Saves after the updates that it is told, and dies or is asked to stop in the update that it is told."""

    def __init__(self, saves: Collection[int] = (), killed_in: int = 0, stopped_in: int = 0) -> None:
        super().__init__(self.note)
        self.update = 0
        self.updates: list[int] = []
        self.saves, self.killed_in, self.stopped_in = saves, killed_in, stopped_in

    def note(self, done: int, total: int) -> None:
        self.update = done
        self.updates.append(done)
        if done == self.killed_in:
            raise Killed
        if done == self.stopped_in:
            self.request_stop()

    def is_save_due(self) -> bool:
        return self.update in self.saves or super().is_save_due()


@pytest.fixture
def phase(train, random_policy, positives, pairs) -> Callable[..., FitResult]:
    """One process's part of a training of a policy with dropout, on positives and pairs."""

    seeds = itertools.count(5)

    def make(folder: Path, session: Session | None = None, **kwargs) -> FitResult:
        policy = random_policy(0)
        torch.manual_seed(next(seeds))  # what processes drew before they come to train differs
        for module in policy.model.modules():
            if hasattr(module, "attention_dropout"):
                module.attention_dropout = 0.4
        return train(policy, [*positives, *pairs], NUM_UPDATES, CONFIG, session, folder, **kwargs)

    return make


@pytest.fixture
def whole(phase, tmp_path) -> FitResult:
    """The training that was left alone."""
    return phase(tmp_path / "whole")


def assert_same(result: FitResult, whole: FitResult, tmp_path: Path) -> None:
    weights, expected = result.model.state_dict(), whole.model.state_dict()
    assert all(weights[name].equal(expected[name]) for name in expected)
    assert result.curves == whole.curves
    for name, one in (("result", result), ("expected", whole)):
        one.write_curves(tmp_path / name)
    assert (tmp_path / "result").read_bytes() == (tmp_path / "expected").read_bytes()
    measures, expected = result.measures(), whole.measures()
    assert measures.keys() == expected.keys() and list(measures) == list(expected)
    assert all(measures[name] == expected[name] for name in expected if name != "train_seconds")


@pytest.mark.parametrize("update", range(1, NUM_UPDATES + 1))
def test_stopped_in_any_update_and_run_again(phase, whole, tmp_path, update):
    with pytest.raises(Stopped):
        phase(tmp_path, ScriptedSession(stopped_in=update))
    session = ScriptedSession()
    assert_same(phase(tmp_path, session), whole, tmp_path)
    assert session.updates == list(range(update + 1, NUM_UPDATES + 1))


@pytest.mark.parametrize(
    ("saved", "killed"), [((), 1), ((1,), 2), ((1, 2), 3), ((2,), 6), ((3,), 4), ((3, 5), 7), ((6,), 7)]
)
def test_killed_in_any_update_and_run_again_from_the_last_that_was_saved(phase, whole, tmp_path, saved, killed):
    with pytest.raises(Killed):
        phase(tmp_path, ScriptedSession(saved, killed_in=killed))
    session = ScriptedSession()
    assert_same(phase(tmp_path, session), whole, tmp_path)
    assert session.updates == list(range(max(saved, default=0) + 1, NUM_UPDATES + 1))


@pytest.mark.parametrize("update", [3, 6, 7])
def test_killed_while_it_validates(phase, whole, tmp_path, update):
    def killed() -> float:
        raise Killed

    session = ScriptedSession(saves=range(update))
    accuracies = iter([lambda: whole.curves[2]["validation_accuracy"], lambda: whole.curves[5]["validation_accuracy"]])
    with pytest.raises(Killed):
        phase(
            tmp_path,
            session,
            accuracy=lambda: killed() if session.update == update else next(accuracies)(),
        )
    session = ScriptedSession()
    assert_same(phase(tmp_path, session), whole, tmp_path)
    assert session.updates[0] == update  # the update before the validation was not saved without it


def test_stopped_after_every_update(phase, whole, tmp_path):
    for update in range(1, NUM_UPDATES + 1):
        with pytest.raises(Stopped):
            phase(tmp_path, ScriptedSession(stopped_in=update))
    assert_same(phase(tmp_path), whole, tmp_path)


def test_saving_changes_nothing(phase, whole, tmp_path):
    assert_same(phase(tmp_path, Session(checkpoint_seconds=0)), whole, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".ckpt"] == [FILE]


def test_dropout_is_in_it(phase, whole, train, random_policy, positives, pairs, tmp_path):
    without = train(random_policy(0), [*positives, *pairs], NUM_UPDATES, CONFIG, None, tmp_path)
    assert without.curves[0]["train_loss"] != whole.curves[0]["train_loss"]


def test_what_draws_from_numpys_and_pythons_generators_goes_on_too(phase, tmp_path):
    def draw() -> float:
        return random.random() + np.random.random() + np.random.normal()

    def seed(number: int) -> None:
        random.seed(number)
        np.random.seed(number)

    seed(1)
    expected = phase(tmp_path / "whole", accuracy=draw)
    seed(1)
    with pytest.raises(Stopped):
        phase(tmp_path, ScriptedSession(stopped_in=4), accuracy=draw)
    seed(2)
    assert_same(phase(tmp_path, accuracy=draw), expected, tmp_path)


def test_seconds_are_those_of_all_processes(phase, tmp_path):
    with pytest.raises(Stopped):
        phase(tmp_path, ScriptedSession(stopped_in=2))
    path = tmp_path / FILE
    checkpoint = torch.load(path, weights_only=True)
    assert 0 < checkpoint["callbacks"]["CurveRecorder"]["seconds"] < 100
    checkpoint["callbacks"]["CurveRecorder"]["seconds"] += 5000
    torch.save(checkpoint, path)
    assert 5000 < phase(tmp_path).seconds < 5100


def test_states_of_the_generators_come_back_as_plain_values(tmp_path):
    cpu = torch.device("cpu")
    np.random.normal()  # leaves the second of a pair of normal numbers in the state
    torch.save(random_state(cpu), tmp_path / "state")
    draws = [[torch.rand(2).tolist(), np.random.normal(), np.random.random(), random.gauss(0, 1)]]
    set_random_state(torch.load(tmp_path / "state", weights_only=True), cpu)
    draws.append([torch.rand(2).tolist(), np.random.normal(), np.random.random(), random.gauss(0, 1)])
    assert draws[0] == draws[1]


class Malice:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_checkpoint_with_a_pickle_in_it_is_not_run_but_replaced(phase, whole, tmp_path, caplog):
    with pytest.raises(Stopped):
        phase(tmp_path, ScriptedSession(stopped_in=2))
    checkpoint = torch.load(tmp_path / FILE, weights_only=True)
    torch.save(checkpoint | {"more": Malice(tmp_path / "hacked")}, tmp_path / FILE)
    session = ScriptedSession(saves=[1])
    assert_same(phase(tmp_path, session), whole, tmp_path)
    assert session.updates[0] == 1
    assert "cannot be read, so the training starts anew" in caplog.text
    assert not (tmp_path / "hacked").exists()
    assert is_readable(tmp_path / FILE)
    torch.save(Malice(tmp_path / "hacked"), tmp_path / "other")
    torch.load(tmp_path / "other", weights_only=False)
    assert (tmp_path / "hacked").exists(), "the malice would have worked"


@pytest.mark.parametrize("damage", ["empty", "half", "text", "folder"])
def test_a_damaged_checkpoint_does_not_stand_in_the_way(phase, whole, tmp_path, damage, caplog):
    path = tmp_path / FILE
    with pytest.raises(Stopped):
        phase(tmp_path, ScriptedSession(stopped_in=2))
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "half":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "text":
            path.write_text("no checkpoint")
        case "folder":
            path.unlink()
            path.mkdir()
    assert_same(phase(tmp_path), whole, tmp_path)
    assert "cannot be read" in caplog.text and caplog.text.count("\n") == 1


def test_half_a_checkpoint_of_a_killed_process_is_not_the_checkpoint(phase, whole, tmp_path):
    with pytest.raises(Stopped):
        phase(tmp_path, ScriptedSession(stopped_in=2))
    (tmp_path / f".{FILE}").write_bytes(b"half a checkpo")
    session = ScriptedSession(saves=[5])
    assert_same(phase(tmp_path, session), whole, tmp_path)
    assert session.updates[0] == 3
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file() and FILE in path.name) == [FILE]


def test_a_full_disk_leaves_the_earlier_checkpoint(phase, whole, tmp_path, monkeypatch):
    def full(self, filepath, *args, **kwargs):
        raise OSError(28, "No space left on device")

    with pytest.raises(Stopped):
        phase(tmp_path, ScriptedSession(stopped_in=2))
    with monkeypatch.context() as patched:
        patched.setattr("lightning.Trainer.save_checkpoint", full)
        with pytest.raises(OSError):
            phase(tmp_path, ScriptedSession(saves=[4]))
    session = ScriptedSession()
    assert_same(phase(tmp_path, session), whole, tmp_path)
    assert session.updates[0] == 3


def test_lightning_leaves_sigterm_to_whoever_has_it(phase, whole, tmp_path):
    class Preempted(ScriptedSession):
        def is_save_due(self) -> bool:
            is_due = super().is_save_due()
            if self.update == 4:
                signal.raise_signal(signal.SIGTERM)  # too late for this update
            return is_due

    session = Preempted()
    earlier = signal.signal(signal.SIGTERM, lambda number, frame: session.request_stop())
    try:
        with pytest.raises(Stopped):
            phase(tmp_path, session)
    finally:
        signal.signal(signal.SIGTERM, earlier)
    assert session.updates == [1, 2, 3, 4, 5]
    assert_same(phase(tmp_path), whole, tmp_path)


def test_a_session_of_one_rank_trains_alone_in_a_job_of_several_tasks(phase, whole, tmp_path, monkeypatch):
    slurm = {"NTASKS": 4, "NNODES": 2, "PROCID": 3, "LOCALID": 1, "NODEID": 1, "JOB_ID": 77}
    for name, value in slurm.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hpc_ckpt_1.ckpt").touch()  # what Lightning would take for its own
    with pytest.raises(Stopped):
        phase(tmp_path / "checkpoints", ScriptedSession(stopped_in=2))
    assert_same(phase(tmp_path / "checkpoints"), whole, tmp_path)


def test_no_module_beside_lightning_and_torch_is_needed_to_read_one(phase, tmp_path):
    """Plain tensors, numbers, texts, lists and dicts: nothing of omegaconf or of ours."""
    with pytest.raises(Stopped):
        phase(tmp_path, ScriptedSession(stopped_in=2))
    code = f"import json, torch; print(json.dumps(list(torch.load({str(tmp_path / FILE)!r}, weights_only=True))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"state_dict", "optimizer_states", "lr_schedulers", "loops", "random_states"} <= set(json.loads(done.stdout))
