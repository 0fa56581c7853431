"""A sampling stage that was stopped or killed draws the missing batches only, and its artifact is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from synthscale.policy.sampler import Continuation, Sampler
from synthscale.session import Session, Stopped, checkpoints_of
from synthscale.stage.shards import ShardFolder
from synthscale.stage.stage import Artifact, Node, run_stage
from synthscale.study.recipe import build_point
from synthscale.study.store import open_store

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
    "logger=none",
)
ROLES = ("sample", "credit", "evaluate")


class ScriptedSession(Session):
    """A save is due after every n-th batch; asked to stop or killed after so many batches."""

    def __init__(self, every: int = 1, stop_after: int | None = None, kill_after: int | None = None) -> None:
        super().__init__(checkpoint_seconds=1000)
        self.every, self.stop_after, self.kill_after, self.num_asked = every, stop_after, kill_after, 0

    def is_save_due(self) -> bool:
        self.num_asked += 1
        if self.num_asked == self.kill_after:
            raise KeyboardInterrupt
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


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("every", "kill_after", "num_kept"), [(1, 1, 0), (1, 3, 2), (2, 4, 2), (3, 3, 0), (1000, 3, 0)])
def test_killed_between_shards_and_run_again(made, run, decoded, tmp_path, role, every, kill_after, num_kept):
    with pytest.raises(KeyboardInterrupt):
        run(role, ScriptedSession(every, kill_after=kill_after))
    assert len(decoded) == kill_after
    for folder in {path.parent for path in checkpoints_of(tmp_path).rglob("*.parquet")} or {checkpoints_of(tmp_path)}:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".00000099.parquet").write_bytes(b"PAR1 half a sha")  # it died while it wrote the next
    decoded.clear()
    measures = run(role, ScriptedSession())
    num_drawn = len(decoded)
    assert_same(made, role, measures, tmp_path)
    decoded.clear()
    run(role, Session())
    assert num_drawn + num_kept == len(list(checkpoints_of(tmp_path).rglob("0*.parquet"))) - (every > 1 and num_kept > 0) + (
        num_kept if every > 1 else 0
    )
    assert decoded == []
