"""Training in processes that die, alone and together: ranks get what one process gets, and go on where they were."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from synthscale.mixture.example import Example
from synthscale.policy.config import ArchitectureConfig
from synthscale.problem import split_steps
from synthscale.session import Session, Stopped
from synthscale.stage.pretrain import PretrainConfig
from synthscale.stage.stage import Artifact, Node
from synthscale.study.manifest import write_manifest
from synthscale.study.store import ArtifactStore
from synthscale.table import write_table

RANK = Path(__file__).with_name("rank.py")
ADAPTED = {"lora": 4, "gradient_checkpointing": True}
MIXED = {"precision": "bf16_mixed"}


@pytest.fixture(scope="module")
def rank() -> ModuleType:
    """The script of a rank, for the node that it makes."""
    spec = importlib.util.spec_from_file_location("rank", RANK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def place(rank, traces, tmp_path_factory) -> Path:
    """A folder with a store `data` of composed training sets: of 20 positives and 20 pairs, and of the pairs alone."""
    place = tmp_path_factory.mktemp("ranks")
    positives = [Example(p.problem_id, p.text + "\n", trace) for p, trace in traces[:20]]
    wrong = [split_steps(trace)[0] for _, trace in traces[40:60]]
    pairs = [Example(p.problem_id, p.text + "\n", t, w, False) for (p, t), w in zip(traces[20:40], wrong, strict=True)]
    for name, examples in (("mixed", [*positives, *pairs]), ("pairs", pairs)):
        folder = place / "data" / rank.DATA[name].key
        folder.mkdir(parents=True)
        write_table(folder / "examples.parquet", Example, examples)
        write_manifest(folder, rank.DATA[name], {}, 0.0)
    return place


def srun(place: Path, actions: list[dict], num_ranks: int = 2) -> list[SimpleNamespace]:
    """Start the ranks with the variables that srun would set; what each said of its actions, and its exit status."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for number in range(num_ranks):
        slurm = {"NTASKS": num_ranks, "NTASKS_PER_NODE": num_ranks, "NNODES": 1, "NODEID": 0, "JOB_ID": port}
        slurm |= {"PROCID": number, "LOCALID": number, "JOB_NAME": "test"}
        environment = {f"SLURM_{name}": str(value) for name, value in slurm.items()}
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, str(RANK), str(place / "data"), json.dumps(actions)]
        processes.append(
            subprocess.Popen(
                command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
    results = []
    try:
        for process in processes:
            output, errors = process.communicate(timeout=400)
            said = [line.removeprefix("ACTION ") for line in output.splitlines() if line.startswith("ACTION ")]
            results.append(SimpleNamespace(said=said, status=process.returncode, errors=errors))
    finally:
        for process in processes:
            process.kill()
    return results


@pytest.fixture(scope="module")
def done(rank, place, base_folder) -> Iterator[SimpleNamespace]:
    """All that the tests look at, made in two starts of two ranks, since each takes its time to import."""
    base = str(base_folder / "model")
    stores: dict[str, ArtifactStore] = {}

    def action(root: str, **more) -> dict:
        stores[root] = ArtifactStore(place / root, [place / "data"])
        return {"root": str(place / root), "base": base, **more}

    first = srun(
        place,
        [
            action("whole"),
            action("stopped", stop_in=2),
            action("stopped", saves=[4], stop_in=6),  # the update of a validation
            action("stopped"),
            action("thin", data="pairs", batch_size=3),  # one pair or two an update
            action("killed", saves=[3, 4], kill_in=6),
        ],
    )
    second = srun(
        place,
        [
            action("killed"),
            action("sharded", strategy="fsdp"),
            action("stopped_sharded", strategy="fsdp", saves=[3], stop_in=5),
            action("stopped_sharded", strategy="fsdp"),
            action("adapted", **ADAPTED),
            action("sharded_adapted", **ADAPTED, strategy="fsdp"),
            action("stopped_adapted", **ADAPTED, strategy="fsdp", saves=[3], stop_in=5),
            action("stopped_adapted", **ADAPTED, strategy="fsdp"),
            action("sharded_mixed", **MIXED, strategy="fsdp"),
            action("mixed", **MIXED),
            action("split", strategy="fsdp", micro_batch_size=2, gradient_checkpointing=True),
            action("split_thin", data="pairs", batch_size=3, micro_batch_size=1, strategy="fsdp"),
            action("split_copies", micro_batch_size=2),
        ],
    )

    alone = srun(place, [action("alone_killed", saves=[2, 4], kill_in=6)], num_ranks=1)

    def made(root: str, **settings) -> Artifact:
        artifact = stores[root].find(rank.node(base, **settings))
        assert artifact is not None, [result.errors for result in (*first, *second)]
        return artifact

    store = ArtifactStore(place / "alone", [place / "data"])
    yield SimpleNamespace(
        first=first,
        second=second,
        made=made,
        alone=lambda **settings: store.make(rank.node(base, **settings)),
        killed_alone=alone,
        go_on_alone=lambda session: stores["alone_killed"].make(rank.node(base), session),
    )


def weights(artifact: Artifact) -> dict[str, torch.Tensor]:
    return load_file(artifact.folder / "model" / "model.safetensors")


def curves(artifact: Artifact) -> list[dict[str, float]]:
    rows = csv.DictReader((artifact.folder / "curves.csv").open())
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def assert_close(artifact: Artifact, alone: Artifact) -> None:
    """The same to the rounding of single precision, which Adam's division by small gradients magnifies."""
    trained, expected = weights(artifact), weights(alone)
    assert trained.keys() == expected.keys()
    for name, weight in expected.items():
        assert torch.allclose(trained[name], weight, rtol=0, atol=2e-4), (trained[name] - weight).abs().max()
    for row, expected_row in zip(curves(artifact), curves(alone), strict=True):
        assert row == pytest.approx(expected_row, rel=1e-3, abs=1e-4)
    assert artifact.measures["num_updates"] == alone.measures["num_updates"]


def assert_equal(artifact: Artifact, other: Artifact) -> None:
    trained, expected = weights(artifact), weights(other)
    assert all(trained[name].equal(expected[name]) for name in expected)
    assert curves(artifact) == curves(other)
    times = ("train_seconds",)
    measures = [{key: value for key, value in one.measures.items() if key not in times} for one in (artifact, other)]
    assert measures[0] == measures[1]


SECOND = ["made 5", "made 1", "stopped 1", "made 6"]
SECOND += ["made 1", "made 1", "stopped 1", "made 6", "made 1", "made 1"]
SECOND += ["made 1"] * 3


def test_all_ranks_come_to_the_same_end(done):
    for result in done.first:
        assert result.said == ["made 1", "stopped 1", "stopped 3", "made 7", "made 1"], result.errors
        assert result.status == -9
    for result in done.second:
        assert (result.said, result.status) == (SECOND, 0), result.errors


def test_two_ranks_train_what_one_does(done):
    alone = done.alone()
    assert_close(done.made("whole"), alone)
    moved = max((a - b).abs().max().item() for a, b in zip(weights(alone).values(), base_weights(done), strict=True))
    assert moved > 50 * 2e-4, "the tolerance would hide it"


def base_weights(done) -> list[torch.Tensor]:
    base = Path(done.alone().manifest["config"]["path"])
    return list(load_file(base / "model.safetensors").values())


def test_ranks_without_a_share_of_an_update_take_part_in_it(done):
    assert_close(done.made("thin", data="pairs", batch_size=3), done.alone(data="pairs", batch_size=3))


def test_tokens_are_counted_over_all_ranks(done):
    together, alone = (one.measures["num_train_tokens"] for one in (done.made("whole"), done.alone()))
    assert together == alone > 0  # no padding counts


def test_ranks_that_were_stopped_by_the_first_one_go_on_as_if_nothing_had_happened(done):
    assert_equal(done.made("stopped"), done.made("whole"))


def test_ranks_that_were_killed_go_on_as_if_nothing_had_happened(done):
    assert_equal(done.made("killed"), done.made("whole"))


def test_rank_0_alone_writes(done):
    files = [
        {path.relative_to(made.folder) for path in made.folder.rglob("*") if path.is_file()}
        for made in (done.made("whole"), done.alone())
    ]
    assert files[0] == files[1]


def test_ranks_that_hold_a_part_each_train_what_one_does(done):
    """FSDP on CPUs."""
    sharded = done.made("sharded", strategy="fsdp")
    assert_close(sharded, done.alone())
    assert_equal(done.made("stopped_sharded", strategy="fsdp"), sharded)
    for name in ("config.json", "generation_config.json", "tokenizer.json"):
        assert (sharded.folder / "model" / name).read_bytes() == (done.alone().folder / "model" / name).read_bytes()


@pytest.mark.parametrize("root", ["adapted", "sharded_adapted"])
def test_ranks_train_the_adapters_that_one_process_does(done, root):
    """Without gradient checkpointing there; and merged into plain weights here and there."""
    alone = done.alone(lora=4)
    made = done.made(root, **ADAPTED, **({"strategy": "fsdp"} if "sharded" in root else {}))
    assert_close(made, alone)
    moved = [(a - b).abs().max().item() for a, b in zip(weights(alone).values(), base_weights(done), strict=True)]
    assert max(moved) > 50 * 2e-4 and 0.0 in moved, "adapters are on linear layers alone"


def test_ranks_that_hold_a_part_of_a_policy_with_adapters_go_on_as_if_nothing_had_happened(done):
    more = {**ADAPTED, "strategy": "fsdp"}
    assert_equal(done.made("stopped_adapted", **more), done.made("sharded_adapted", **more))


def test_ranks_that_run_few_sequences_at_once_train_the_same(done):
    """Also where one has fewer rows than another, or none."""
    for root, more in (("split", {"strategy": "fsdp"}), ("split_copies", {})):
        assert_close(done.made(root, **more), done.alone())
    thin = {"data": "pairs", "batch_size": 3}
    assert_close(done.made("split_thin", **thin, strategy="fsdp"), done.alone(**thin))


def test_mixed_precision_is_the_same_in_parts_in_copies_and_in_one_process(done):
    """The first loss to single precision's rounding, since sums are; the next ones to that of bfloat16's gradients.

    From the fourth on, one process that runs its rows in other groups is as far from itself as two processes are.
    """
    alone, single = curves(done.alone(**MIXED)), curves(done.alone())
    assert abs(alone[0]["train_loss"] / single[0]["train_loss"] - 1) > 1e-5, "it is not single precision"
    for made in (done.made("mixed", **MIXED), done.made("sharded_mixed", **MIXED, strategy="fsdp")):
        assert curves(made)[0] == pytest.approx(alone[0], rel=1e-5)
        for row, expected in zip(curves(made)[:3], alone[:3], strict=True):
            assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=0.01)


def test_one_process_that_was_killed_goes_on_to_the_last_bit(done, monkeypatch):
    (killed,) = done.killed_alone
    assert (killed.said, killed.status) == ([], -9), killed.errors
    updates: list[int] = []
    # those of the killed process are there
    monkeypatch.setattr("synthscale.training.references.reference_logprobs", None)
    artifact = done.go_on_alone(Session(lambda update, _: updates.append(update)))
    assert updates == [5, 6, 7, 8]
    assert_equal(artifact, done.alone())
    files = [
        {path.relative_to(made.folder): path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
        for made in (artifact, done.alone())
    ]
    for file in files:
        file.pop(Path("manifest.json"))
    assert files[0] == files[1]


def test_pretraining_goes_on_too(tmp_path):
    config = PretrainConfig(
        num_updates=6,
        batch_size=8,
        num_problems=64,
        architecture=ArchitectureConfig(hidden_size=16, intermediate_size=32, num_layers=1, num_heads=2),
    )
    node = Node("pretrain", config)
    whole = ArtifactStore(tmp_path / "whole").make(node)
    store = ArtifactStore(tmp_path / "stopped")
    for _ in range(2):
        session = Session()
        session.request_stop()
        with pytest.raises(Stopped):
            store.make(node, session)
    assert_equal(store.make(node), whole)
