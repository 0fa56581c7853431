"""A logged point holds its curves, its config and its figures, touches no network, and never costs a record."""

from __future__ import annotations

import csv
import os

import pytest

from synthscale.study.logger import log_point
from synthscale.study.quiet_wandb import SERVICE
from synthscale.study.record import make_record, point_name
from synthscale.study.store import ArtifactStore
from wandb_runs import SECRET, forbid_network, inspect, records_of

STAGES = {
    "sft": {"curves": "update,train_loss,validation_loss\n1,2.5,\n2,1.5,1.75\n"},
    "policy": {"curves": "update,train_loss,validation_loss,margin\n1,0.5,,0.125\n"},
    "evaluate": {"measures": {"test_accuracy": 0.5}},
}


def logged(toy, tmp_path, logger: str):
    """A point that was made and logged."""
    point = toy.toy_point(tmp_path, "dpo", logger=logger, **STAGES)
    store = ArtifactStore(tmp_path / "artifacts")
    store.make(point.root)
    log_point(point, make_record(point, store), store)
    return point


@pytest.fixture
def offline(monkeypatch):
    forbid_network(monkeypatch)


def test_wandb_holds_config_curves_and_figures_and_no_key(toy, tmp_path, offline):
    point = logged(toy, tmp_path, "wandb")
    (folder,) = (tmp_path / "toy" / "wandb").glob(f"offline-run-*-{point_name(point)}")
    text = inspect(folder)
    (run,) = records_of(text, "run")
    assert run["display_name"] == point.label
    assert run["run_group"] == "toy"
    assert run["config"]["update"]["data_size"] == 64
    history = [(line["step"]["num"], line["item"]) for line in records_of(text, "history")]
    points = [(step, {k: v for k, v in item.items() if not k.startswith("_")}) for step, item in history]
    assert points == [
        (1, {"sft/update": 1, "sft/train_loss": 2.5}),
        (2, {"sft/update": 2, "sft/train_loss": 1.5, "sft/validation_loss": 1.75}),
        (3, {"policy/update": 1, "policy/train_loss": 0.5, "policy/margin": 0.125}),
    ]
    summary = {k: v for line in records_of(text, "summary") for k, v in line["update"].items()}
    assert summary["test_accuracy"] == 0.5
    assert SECRET not in text
    assert all(SECRET.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_where_wandb_listens_is_not_handed_on(toy, tmp_path, offline):
    """A process that this one starts later, or a job that it submits, would look for wandb's service in vain."""
    logged(toy, tmp_path, "wandb")
    assert SERVICE not in os.environ


def test_wandb_logs_a_point_once_and_mends_a_run_that_was_cut_off(toy, tmp_path, offline):
    point = logged(toy, tmp_path, "wandb")
    wandb = tmp_path / "toy" / "wandb"
    (first,) = wandb.glob("offline-run-*")
    logged(toy, tmp_path, "wandb")
    assert list(wandb.glob("offline-run-*")) == [first]
    (wandb / "logged" / point_name(point)).unlink()
    (first / "of-the-first").touch()
    logged(toy, tmp_path, "wandb")
    (second,) = wandb.glob("offline-run-*")
    assert not (second / "of-the-first").exists()


def test_csv_holds_the_rows_of_all_stages(toy, tmp_path):
    point = logged(toy, tmp_path, "csv")
    with (tmp_path / "toy" / "curves" / f"{point_name(point)}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["role"], row["train_loss"], row["validation_loss"], row["margin"]) for row in rows] == [
        ("sft", "2.5", "", ""),
        ("sft", "1.5", "1.75", ""),
        ("policy", "0.5", "", "0.125"),
    ]


def test_none_writes_nothing(toy, tmp_path):
    logged(toy, tmp_path, "none")
    assert not (tmp_path / "toy").exists()


def test_a_logger_that_fails_is_a_warning(toy, tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "no such mode")
    logged(toy, tmp_path, "wandb")
    assert "The logger wandb failed" in caplog.text
    assert not [path for path in (tmp_path / "toy" / "wandb" / "logged").glob("*") if path.suffix != ".lock"]
