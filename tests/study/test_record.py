"""A record holds what was measured and nothing else; a study's table holds each point once."""

from __future__ import annotations

import csv
import dataclasses
import json
import multiprocessing as mp
import os

import pandas as pd
import pyarrow.parquet as pq
import pytest

from synthscale.study.record import COLUMNS, Record, make_record, point_name, read_records, write_record, write_tables
from synthscale.study.store import ArtifactStore

DPO = {
    "sft": {"measures": {"num_updates": 10, "num_train_tokens": 100, "train_seconds": 1.5, "device": "cpu"}},
    "sample": {"measures": {"num_sampled_tokens": 7, "sample_seconds": 0.25, "device": "cpu"}},
    "credit": {"measures": {"num_sampled_tokens": 30, "num_rollouts": 5, "sample_seconds": 0.5, "device": "cuda"}},
    "compose": {
        "measures": {"num_train_positives": 3, "num_train_pairs": 4, "pit_precision": 0.75, "filter_recall": 0.5}
    },
    "policy": {"measures": {"num_updates": 20, "num_train_tokens": 200, "train_seconds": 2.0, "device": "cuda"}},
    "evaluate": {"measures": {"num_test": 1000, "test_accuracy": 0.512, "pass_at_4": 0.7, "num_sampled_tokens": 9999}},
}


def made(toy, tmp_path, algorithm, **stages):
    """A point's record, its stages made."""
    point = toy.toy_point(tmp_path, algorithm, **stages)
    store = ArtifactStore(tmp_path / "artifacts")
    store.make(point.root)
    return make_record(point, store)


def record(seed: int = 0, **values) -> Record:
    """A record with nothing measured but what is given."""
    axes = {"study": "s", "task": "t", "model": "m", "algorithm": "sft", "data_size": 64, "negative_fraction": None}
    return Record(**axes | {"seed": seed} | values)


def rows(study) -> list[dict[str, str]]:
    """The table as text."""
    with (study / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_sums_are_over_the_points_own_graph(toy, tmp_path):
    row = made(toy, tmp_path, "dpo", **DPO)
    assert (row.num_updates, row.num_train_tokens, row.train_seconds) == (30, 300, 3.5)
    assert (row.num_sampled_tokens, row.num_rollouts, row.sample_seconds) == (37, 5, 0.75), "the evaluation's not among"
    assert (row.num_train_positives, row.num_train_pairs, row.pit_precision) == (3, 4, 0.75)
    assert (row.filter_recall, row.filter_precision, row.num_accepted_judged) == (0.5, None, None)
    assert (row.num_test, row.test_accuracy, row.test_error, row.pass_at_4) == (1000, 0.512, 0.488, 0.7)
    assert row.device == "cpu+cuda"
    assert row.artifact == toy.toy_point(tmp_path, "dpo", **DPO).root.key


def test_what_was_not_measured_is_none_also_in_a_sum(toy, tmp_path):
    row = made(toy, tmp_path, "dpo", **DPO | {"credit": {"measures": {"num_rollouts": 5}}})
    assert row.num_sampled_tokens is None, "a sum without one of its parts would be wrong"
    sft = made(toy, tmp_path, "sft")
    assert {name for name in COLUMNS if getattr(sft, name) is None} >= {
        "test_accuracy", "test_error", "num_rollouts", "num_sampled_tokens", "train_seconds", "pit_precision",
    }  # fmt: skip


def test_missing_is_an_empty_cell_and_a_null(tmp_path):
    write_record("a", record(test_accuracy=0.0, num_train_pairs=0), tmp_path)
    write_tables(tmp_path)
    (row,) = rows(tmp_path)
    assert tuple(row) == COLUMNS
    assert (row["test_accuracy"], row["num_train_pairs"]) == ("0.0", "0"), "a measured zero is a zero"
    assert (row["num_test"], row["test_error"], row["negative_fraction"], row["device"]) == ("", "", "", "")
    table = pq.read_table(tmp_path / "results.parquet")
    assert tuple(table.column_names) == COLUMNS
    assert table.column("num_test").null_count == 1
    assert str(table.schema.field("num_test").type) == "int64"
    assert "nan" not in (tmp_path / "results.csv").read_text().lower()


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.1 + 0.2, 1e-17])
def test_floats_read_back_as_they_were(tmp_path, value):
    write_record("a", record(test_accuracy=value), tmp_path)
    write_tables(tmp_path)
    assert float(rows(tmp_path)[0]["test_accuracy"]) == value
    assert pd.read_parquet(tmp_path / "results.parquet")["test_accuracy"][0] == value


def test_nan_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record("a", record(test_accuracy=float("nan")), tmp_path)
    assert read_records(tmp_path) == []


def test_the_same_point_again_takes_its_own_row(toy, tmp_path):
    point = toy.toy_point(tmp_path)
    for accuracy in (0.1, 0.2):
        write_record(point_name(point), record(test_accuracy=accuracy), tmp_path)
    other = toy.toy_point(tmp_path, seed=1)
    write_record(point_name(other), record(seed=1), tmp_path)
    write_tables(tmp_path)
    assert [row["test_accuracy"] for row in rows(tmp_path)] == ["0.2", ""]


def test_names_differ_where_any_axis_or_the_last_key_differs(toy, tmp_path):
    points = [toy.toy_point(tmp_path, a, n, s) for a in ("sft", "dpo") for n in (64, 128) for s in (0, 1)]
    points.append(toy.toy_point(tmp_path, evaluate={"num_test": 7}))
    moved = toy.toy_point(tmp_path)
    moved.config.mixture.negative_fraction = 0.25
    assert len({point_name(point) for point in [*points, moved]}) == 10


def test_rows_come_in_the_order_of_the_axes(tmp_path):
    axes = [("step_dpo", 64, 0), ("sft", 128, 0), ("rft", 64, 1), ("rft", 64, 0), ("another", 64, 0), ("sft", 64, 0)]
    for index, (algorithm, size, seed) in enumerate(axes):
        write_record(str(index), record(seed, algorithm=algorithm, data_size=size), tmp_path)
    write_tables(tmp_path)
    assert [(r["algorithm"], int(r["data_size"]), int(r["seed"])) for r in rows(tmp_path)] == [
        ("sft", 64, 0), ("sft", 128, 0), ("rft", 64, 0), ("rft", 64, 1), ("step_dpo", 64, 0), ("another", 64, 0),
    ]  # fmt: skip


def test_a_file_that_is_no_record_is_left_out_with_a_warning(tmp_path, caplog):
    write_record("good", record(), tmp_path)
    (tmp_path / "records" / "bad.json").write_text('{"study":')
    assert len(read_records(tmp_path)) == 1
    assert "bad.json" in caplog.text


def test_a_record_of_an_older_version_reads_with_empty_cells(tmp_path):
    write_record("old", record(test_accuracy=0.5), tmp_path)
    path = tmp_path / "records" / "old.json"
    row = json.loads(path.read_text())
    del row["pit_precision"]
    path.write_text(json.dumps(row | {"a_column_of_another_version": 1}))
    assert read_records(tmp_path) == [record(test_accuracy=0.5)]


def write_some(study, first: int) -> None:
    """What a process of a cluster does: its own records, and the tables after each."""
    for seed in range(first, first + 10):
        write_record(f"r{seed}", record(seed), study)
        write_tables(study)


def test_two_processes_lose_no_row(tmp_path):
    context = mp.get_context("fork")  # the test's own module is not importable in a spawned process
    processes = [context.Process(target=write_some, args=(tmp_path, first)) for first in (0, 10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert [int(row["seed"]) for row in rows(tmp_path)] == list(range(20))
    assert len(pq.read_table(tmp_path / "results.parquet")) == 20


def test_columns_are_those_promised():
    assert tuple(column.name for column in dataclasses.fields(Record)) == COLUMNS
    assert COLUMNS[:8] == ("study", "task", "model", "algorithm", "data_size", "negative_fraction", "seed", "num_test")


def test_cells_stay_where_their_artifacts_have_gone(tmp_path):
    full = record(artifact="evaluate-1", num_rollouts=740)
    write_record("point", full, tmp_path)
    write_record("point", dataclasses.replace(full, num_rollouts=None), tmp_path)
    assert read_records(tmp_path) == [full]
    other = dataclasses.replace(full, artifact="evaluate-2", num_rollouts=None)
    write_record("point", other, tmp_path)
    assert read_records(tmp_path) == [other], "another artifact's cells are not this one's"


def test_a_record_with_a_cell_of_the_wrong_type_is_left_out(tmp_path, caplog):
    write_record("good", record(), tmp_path)
    (tmp_path / "records" / "bad.json").write_text(json.dumps({**dataclasses.asdict(record()), "data_size": "x"}))
    assert read_records(tmp_path) == [record()]
    assert "data_size" in caplog.text


K = "mixture.positives_per_problem"


def test_a_sweep_over_a_key_of_its_own_is_a_variant(tmp_path):
    for k in (1, 4):
        for seed in (0, 1):
            settings = {K: k, "algorithm.beta": 0.1, "trainer.batch_size": 32 + seed}
            write_record(f"rft-{k}-{seed}", record(seed, algorithm="rft"), tmp_path, settings)
    write_record("sft", record(), tmp_path, {K: 4, "algorithm.beta": 0.1})
    write_tables(tmp_path)
    one, four = f"{K}=1", f"{K}=4"
    assert [(row["algorithm"], row["seed"], row["variant"]) for row in rows(tmp_path)] == [
        ("sft", "0", ""), ("rft", "0", one), ("rft", "0", four), ("rft", "1", one), ("rft", "1", four),
    ]  # fmt: skip


def test_of_records_of_one_point_the_newest_counts(tmp_path):
    for number, name in enumerate(("b", "a")):  # by when they were written, not by name
        write_record(name, record(test_accuracy=0.5 + number / 4, artifact=f"evaluate-{name}"), tmp_path, {K: 4})
        os.utime(tmp_path / "records" / f"{name}.json", ns=(0, number))
    (kept,) = read_records(tmp_path)
    assert (kept.test_accuracy, kept.variant) == (0.75, None)
