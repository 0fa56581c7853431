"""A report in wandb is one run of the study that holds all its files, touches no network and never costs the report."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from synthscale_analysis.report.command import main
from wandb_runs import SECRET, forbid_network, inspect, records_of

Records = Callable[..., pd.DataFrame]


@pytest.fixture
def study(tmp_path: Path, records: Records, monkeypatch: pytest.MonkeyPatch) -> Path:
    forbid_network(monkeypatch)
    folder = tmp_path / "my study"
    folder.mkdir()
    records({"sft": 1.0, "rft": 1.7}, (64, 128)).to_csv(folder / "results.csv", index=False)
    return folder


def report(study: Path, *more: str) -> list[Path]:
    """Report with few draws; the offline runs there are afterwards."""
    assert main([str(study), "report.bootstrap=5", "report.wandb=true", *more]) == 0
    return sorted((study / "wandb").glob("offline-run-*"))


def logged_in(text: str) -> set[str]:
    """Keys of the media that a run's history holds."""
    keys = {key for item in records_of(text, "history") for key in item["item"]}
    return {key.removesuffix("._type") for key in keys if key.endswith("._type")}


def test_the_run_holds_figures_tables_page_and_headline_and_no_key(study: Path) -> None:
    (folder,) = report(study)
    assert folder.name.endswith("-report-my-study")
    text = inspect(folder)
    (run,) = records_of(text, "run")
    assert run["run_group"] == "my study" and run["job_type"] == "report" and run["project"] == "synthscale"
    kinds = {".png": "figure", ".csv": "table", ".html": "page"}
    written = {f"{path.stem}/{kinds[path.suffix]}" for path in (study / "report").iterdir() if path.suffix in kinds}
    assert {"error_vs_size/figure", "data_multiplier/figure", "summary/table", "index/page"} <= written
    assert logged_in(text) == written
    media = folder / "files" / "media"
    assert len(list(media.glob("images/**/*.png"))) == len(list((study / "report").glob("*.png")))
    assert len(list(media.glob("html/**/*.html"))) == 1
    summary = {key: value for item in records_of(text, "summary") for key, value in item["update"].items()}
    table = pd.read_csv(study / "report" / "summary.csv").set_index(["algorithm", "data_size"])
    assert summary["rft/test_accuracy_at_largest_size"] == pytest.approx(table.loc[("rft", 128), "mean_test_accuracy"])
    assert summary["rft/multiplier_vs_sft"] > 1
    assert (study / "wandb" / "artifacts").is_dir()
    assert SECRET not in text
    assert all(SECRET.encode() not in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_an_unchanged_report_is_logged_once_and_a_changed_one_in_its_place(study: Path) -> None:
    (first,) = report(study)
    assert report(study) == [first]
    (first / "of-the-first").touch()
    (second,) = report(study, "report.seed=1")
    assert second.name.endswith("-report-my-study") and not (second / "of-the-first").exists()


def test_without_the_option_there_is_no_run(study: Path) -> None:
    assert main([str(study), "--bootstrap", "5", "report.wandb=false"]) == 0
    assert not (study / "wandb").exists()


def test_tasks_and_models_share_the_run(study: Path, records: Records) -> None:
    tables = [records({"sft": 1.0}, (64,), 1), records({"sft": 1.0}, (64,), 1).assign(model="org/7b")]
    pd.concat(tables).to_csv(study / "results.csv", index=False)
    (folder,) = report(study)
    keys = logged_in(inspect(folder))
    assert {"precedence__tiny/summary/table", "precedence__org-7b/summary/table"} <= keys


def test_a_failure_of_wandb_is_a_warning(
    study: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_MODE", "no such mode")
    assert report(study) == []
    assert "wandb failed for the report" in caplog.text
    assert (study / "report" / "index.html").is_file()
