"""A sampling stage that was stopped or killed draws the missing batches only, and its artifact is the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from synthscale.policy.sampler import Continuation, Sampler
from synthscale.policy.shards import DrawnRow, ShardFolder
from synthscale.session import Session, Stopped, checkpoints_of
from synthscale.stage.stage import Artifact, Node, run_stage
from synthscale.study.recipe import build_point
from synthscale.study.store import open_store
from synthscale.table import write_table

OVERRIDES = (
    "algorithm=step_dpo",
    "data_size=8",
    "trainer.num_validation=8",
    "trainer.device=cpu",
    "evaluation.num_test=16",
    "evaluation.num_sampled_problems=4",
    "algorithm.first.updates_per_problem=0.25",
    "algorithm.second.updates_per_problem=0.25",
    "sampler.max_batch_rows=16",
    "credit.max_negatives_per_problem=1",
    "credit.num_rollouts=2",
    "credit.best_of=1",
    "logger=none",
)
ROLES = ("sample", "credit", "evaluate")


class Killed(BaseException):
    """What kill -9 leaves behind: the shards on the disk."""


class ScriptedSession(Session):
    """A save is due after every n-th batch; asked to stop or killed after so many batches."""

    def __init__(self, every: int = 1, stop_after: int | None = None, kill_after: int | None = None) -> None:
        super().__init__(checkpoint_seconds=1000)
        self.every, self.stop_after, self.kill_after, self.num_asked = every, stop_after, kill_after, 0

    def is_save_due(self) -> bool:
        self.num_asked += 1
        if self.num_asked == self.kill_after:
            raise Killed
        if self.num_asked == self.stop_after:
            self.request_stop()
        return super().is_save_due() or self.num_asked % self.every == 0


@pytest.fixture(scope="module")
def made(compose_run, tmp_path_factory) -> dict[str, tuple[Node, Artifact, dict[str, Artifact]]]:
    """Each sampling stage of a point: its node, its artifact when it was left alone, and its inputs."""
    store = open_store(tmp_path_factory.mktemp("runs"))
    point = build_point(compose_run(*OVERRIDES))
    store.make(point.root)
    return {
        role: (node, store.find(node), {name: store.find(child) for name, child in node.inputs.items()})
        for role, node in point.nodes.items()
        if role in ROLES
    }


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """A mark for each batch that was drawn."""
    marks: list[int] = []
    decode = Sampler._decode

    def count(self, *args):
        marks.append(len(marks))
        return decode(self, *args)

    monkeypatch.setattr(Sampler, "_decode", count)
    return marks


@pytest.fixture
def run(made, tmp_path) -> Callable:
    """Runs a sampling stage in this process as the store would, in a folder that outlives the process."""

    def start(role: str, session: Session) -> dict:
        node, _, inputs = made[role]
        return run_stage(node, inputs, tmp_path, session)

    return start


def assert_same(made, role: str, measures: dict, out: Path) -> None:
    artifact = made[role][1]
    tables = sorted(path.name for path in artifact.folder.glob("*.parquet"))
    assert tables == sorted(path.name for path in out.glob("*.parquet"))
    for name in tables:
        assert pq.read_table(out / name).equals(pq.read_table(artifact.folder / name)), name
    assert measures.keys() == artifact.measures.keys()
    for name, value in artifact.measures.items():
        assert name == "sample_seconds" or measures[name] == value


@pytest.mark.parametrize("role", ROLES)
def test_stopped_at_every_shard_and_run_again(made, run, decoded, tmp_path, role):
    measures, num_processes = None, 0
    while measures is None:
        try:
            measures = run(role, ScriptedSession(stop_after=1))
        except Stopped:
            num_processes += 1
            assert len(decoded) == num_processes, "each process drew one batch"
    assert len(decoded) == num_processes >= 3
    assert len(list(checkpoints_of(tmp_path).rglob("*.parquet"))) == num_processes
    assert_same(made, role, measures, tmp_path)


def kept_batches(out: Path) -> list[tuple[Path, int]]:
    """The batches that stand in shards, by their folder and number."""
    folders = {path.parent for path in checkpoints_of(out).rglob("[0-9]*.parquet")}
    return [(folder, index) for folder in sorted(folders) for index in ShardFolder(folder, Session()).load()]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("every", "kill_after"), [(1, 1), (1, 3), (2, 3), (1000, 3)])
def test_killed_between_shards_and_run_again(made, run, decoded, tmp_path, role, every, kill_after):
    with pytest.raises(Killed):
        run(role, ScriptedSession(every, kill_after=kill_after))
    assert len(decoded) == kill_after
    kept = kept_batches(tmp_path)
    assert len(kept) == kill_after - 1 if every == 1 else len(kept) <= kill_after - 1
    for folder in {folder for folder, _ in kept} | {checkpoints_of(tmp_path)}:
        folder.mkdir(exist_ok=True)  # it died while it wrote the next one
        write_table(folder / ".00000099.parquet", DrawnRow, [DrawnRow(0, 1.0, "not all of the batch", 1, True)])
    decoded.clear()
    measures = run(role, ScriptedSession())
    assert_same(made, role, measures, tmp_path)
    assert not set(kept) - set(kept_batches(tmp_path))
    assert len(decoded) == len(kept_batches(tmp_path)) - len(kept)


@pytest.mark.parametrize("role", ["sample", "credit"])
def test_seconds_are_those_of_all_processes(run, tmp_path, role, monkeypatch):
    ticks = itertools.count(0, 1000)
    monkeypatch.setattr("synthscale.policy.shards.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    for _ in range(2):
        with pytest.raises(Stopped):
            run(role, ScriptedSession(stop_after=1))
    monkeypatch.undo()
    assert 2000 <= run(role, Session())["sample_seconds"] < 2100


@pytest.mark.parametrize("role", ["sample", "credit"])
def test_in_several_chunks_it_goes_on_as_well(made, tmp_path, role, monkeypatch):
    monkeypatch.setattr("synthscale.stage.draw.NUM_DRAWS_AT_ONCE", 20)
    node, whole, inputs = made[role]
    for name in ("at_once", "stopped", "killed"):
        (tmp_path / name).mkdir()
    measures = run_stage(node, inputs, tmp_path / "at_once", Session())
    again, num_processes = None, 0
    while again is None:
        try:
            again = run_stage(node, inputs, tmp_path / "stopped", ScriptedSession(stop_after=1))
        except Stopped:
            num_processes += 1
    assert num_processes > 2
    with pytest.raises(Killed):
        run_stage(node, inputs, tmp_path / "killed", ScriptedSession(every=1000, kill_after=4))
    assert len({folder for folder, _ in kept_batches(tmp_path / "killed")}) >= 1, "a chunk that is done is kept"
    run_stage(node, inputs, tmp_path / "killed", Session())
    tables = sorted(path.name for path in whole.folder.glob("*.parquet"))
    for name in tables:
        rows = pq.read_table(tmp_path / "at_once" / name)
        for other in ("stopped", "killed"):
            assert pq.read_table(tmp_path / other / name).equals(rows)
    assert {**measures, "sample_seconds": 0} == {**again, "sample_seconds": 0}
    assert len(list(checkpoints_of(tmp_path / "stopped").iterdir())) > 1


def continuations(number: int) -> list[Continuation]:
    return [Continuation(f"text {number}.{i}\n", 10 * number + i, i == 0) for i in range(number + 1)]


def test_batches_since_the_last_save_share_a_shard(tmp_path):
    shards = ShardFolder(tmp_path / "shards", ScriptedSession(every=3))
    assert shards.load() == {}
    for number in range(5):
        shards.keep(number, continuations(number))
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["00000002.parquet"]
    assert ShardFolder(tmp_path / "shards", Session()).load() == {number: continuations(number) for number in range(3)}


def test_a_shard_that_the_disk_damaged_is_drawn_again(tmp_path, caplog):
    shards = ShardFolder(tmp_path, ScriptedSession())
    for number in range(3):
        shards.keep(number, continuations(number))
    path = tmp_path / "00000001.parquet"
    path.write_bytes(path.read_bytes()[:50])
    shards = ShardFolder(tmp_path, ScriptedSession())
    assert shards.load() == {number: continuations(number) for number in (0, 2)}
    assert "00000001.parquet cannot be read" in caplog.text
    shards.keep(1, continuations(1))
    assert ShardFolder(tmp_path, Session()).load() == {number: continuations(number) for number in range(3)}


def test_nothing_is_written_while_no_save_is_due(tmp_path):
    shards = ShardFolder(tmp_path / "shards", Session(checkpoint_seconds=1000))
    shards.keep(0, continuations(0))
    assert not (tmp_path / "shards").exists()
