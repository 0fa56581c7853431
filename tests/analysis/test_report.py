"""`synthscale report`: complete and half-finished studies, the same bytes twice, mistakes in one sentence."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from synthscale.study.summary import accuracy_cell
from synthscale_analysis.numbers.wording import accuracy_text
from synthscale_analysis.protocol import STUDY_DELTA
from synthscale_analysis.report.command import main
from synthscale_analysis.studies import studies_in

Records = Callable[..., pd.DataFrame]
FILES = {f"{name}.{ext}" for name in ("error_vs_size", "fits", "data_multiplier") for ext in ("png", "svg")}
FILES |= {"index.html", "summary.csv", "fits.csv", "multipliers.csv", "made_from.txt"}
FEW_DRAWS = ["--bootstrap", "10"]


def report(folder: Path, table: pd.DataFrame, *options: str) -> Path:
    """Write the table as a study's records, report on it, and return the report's folder."""
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "results.csv", index=False)
    assert main([str(folder), *FEW_DRAWS, *options]) == 0
    return folder / "report"


def cell(summary: pd.DataFrame, algorithm: str, size: int) -> "pd.Series[float]":
    return summary[(summary["algorithm"] == algorithm) & (summary["data_size"] == size)].iloc[0]


def test_complete_study(tmp_path: Path, records: Records, capsys: pytest.CaptureFixture[str]) -> None:
    folder = report(tmp_path, records())
    assert {path.name for path in folder.iterdir()} >= FILES
    summary = pd.read_csv(folder / "summary.csv")
    assert len(summary) == 4 * 3
    rft = cell(summary, "rft", 128)
    assert rft["num_seeds"] == 3 and rft["mean_num_updates"] == 20 * 128
    assert pd.isna(rft["mean_train_seconds"])
    assert rft["test_error_low"] < rft["mean_test_error"] < rft["test_error_high"]
    assert rft["multiplier_vs_sft"] == pytest.approx(1.7, rel=0.2)
    assert rft["multiplier_vs_sft_status"] == "in_range"
    assert cell(summary, "rft", 256)["multiplier_vs_sft_status"] == "more_than"
    assert cell(summary, "my_method", 64)["multiplier_vs_sft_status"] == "less_than"
    assert pd.isna(cell(summary, "sft", 64)["multiplier_vs_sft"])
    assert 0 < rft["multiplier_vs_sft_p"] <= 1 and pd.isna(cell(summary, "sft", 64)["multiplier_vs_sft_p"])
    multipliers = pd.read_csv(folder / "multipliers.csv").set_index(["algorithm", "baseline"])
    assert len(multipliers) == 2 * 4 - 2
    whole = multipliers.loc["rft", "sft"]
    assert whole["multiplier"] == pytest.approx(1.7, rel=0.2) and whole["sizes"] == "64 128"
    assert whole["tested_sizes"] == "64 128 256" and whole["multiplier_p"] < 0.2
    fits = pd.read_csv(folder / "fits.csv")
    assert sorted(fits["law"].unique()) == ["power", "power_offset"]
    assert (fits["delta"] == STUDY_DELTA).all() and STUDY_DELTA == 0.1
    assert rft["degrees_of_freedom"] == 3 * (3 - 1) and rft["pooled_sd_log_odds"] > 0
    printed = capsys.readouterr().out
    assert "SFT, matched updates" in printed and "my_method" in printed and "1 (baseline)" in printed
    assert "Missing" not in printed
    assert f"Open {folder / 'index.html'}" in printed


def test_half_finished_study(tmp_path: Path, records: Records, capsys: pytest.CaptureFixture[str]) -> None:
    table = records()
    table.loc[(table["algorithm"] == "rft") & (table["data_size"] == 256), "test_error"] = None
    table = table[~((table["algorithm"] == "my_method") & (table["seed"] > 0))]
    table.loc[(table["algorithm"] == "sft") & (table["data_size"] == 256) & (table["seed"] == 0), "test_error"] = 0.0
    folder = report(tmp_path, table)
    assert {path.name for path in folder.iterdir()} >= FILES
    printed = " ".join(capsys.readouterr().out.split())
    assert "rft at 256 (all)" in printed
    assert "my_method at 64 (seed 1, 2)" in printed
    assert "One seed only, so no interval of the multiplier: my_method at 64" in printed
    assert "no interval of the mean at their sizes: 1." in printed
    summary = pd.read_csv(folder / "summary.csv")
    single = cell(summary, "my_method", 128)
    assert pd.isna(single["test_error_low"]) and pd.isna(single["multiplier_vs_sft_low"])
    assert single["multiplier_vs_sft_note"] == "one seed: no interval"
    assert pd.isna(single["multiplier_vs_sft_p"])


def test_one_point_is_enough_for_a_report(tmp_path: Path, records: Records) -> None:
    folder = report(tmp_path, records({"sft": 1.0}, (64,), 1))
    fits = pd.read_csv(folder / "fits.csv")
    assert fits["a"].isna().all()
    assert fits["notes"].str.contains("needs").all()


def test_a_baseline_of_one_size_gives_bounds_and_no_p_value_beyond_them(
    tmp_path: Path, records: Records, capsys: pytest.CaptureFixture[str]
) -> None:
    table = records({"sft": 1.0, "rft": 1.7})
    table.loc[(table["algorithm"] == "rft") & (table["data_size"] == 256), "test_error"] = 0.8
    folder = report(tmp_path, table[(table["algorithm"] == "rft") | (table["data_size"] == 64)])
    at_256 = cell(pd.read_csv(folder / "summary.csv"), "rft", 256)
    assert at_256["multiplier_vs_sft"] == 0.25 and at_256["multiplier_vs_sft_status"] == "more_than"
    assert pd.isna(at_256["multiplier_vs_sft_p"])
    assert at_256["multiplier_vs_sft_note"] == "beyond this bound the baseline was not measured"
    (whole,) = pd.read_csv(folder / "multipliers.csv").to_dict("records")
    assert whole["multiplier"] == 0.5 and whole["multiplier_p"] > 0 and whole["tested_sizes"] == 64
    assert whole["note"] == "beyond this bound the baseline was not measured"
    printed = " ".join(capsys.readouterr().out.split())
    assert "at least 0.25 (beyond: not measured)" in printed and "[>" not in printed
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "RFT is worth at least 0.50 times the data of SFT, over 64–256 problems; beyond that" in page


def test_without_a_baseline_there_is_no_multiplier(
    tmp_path: Path, records: Records, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = report(tmp_path, records({"rft": 1.7}))
    assert not (folder / "data_multiplier.png").exists()
    assert "No runs of sft: no multipliers against it." in capsys.readouterr().out


def test_perfect_scores_everywhere_are_reported(tmp_path: Path, records: Records) -> None:
    table = records({"sft": 1.0, "rft": 1.7})
    table["test_error"], table["test_accuracy"] = 0.0, 1.0
    assert pd.read_csv(report(tmp_path, table) / "summary.csv")["multiplier_vs_sft"].isna().all()


def test_same_records_same_bytes(tmp_path: Path, records: Records) -> None:
    table = records({"sft": 1.0, "rft": 1.7})
    first, second = report(tmp_path / "a", table), report(tmp_path / "b", table)
    names = {path.name for path in first.iterdir()}
    assert names == {path.name for path in second.iterdir()}
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_negative_fractions_are_curves_of_their_own_only_where_they_vary(tmp_path: Path, records: Records) -> None:
    parts = [records({"sft": 1.0}), records({"dpo": 1.2}).assign(negative_fraction=0.5)]
    parts += [records({"step_mix": 2.0}).assign(negative_fraction=fraction) for fraction in (0.25, 0.75)]
    fits = pd.read_csv(report(tmp_path, pd.concat(parts)) / "fits.csv")
    power = fits[fits["law"] == "power"]
    assert list(power["algorithm"]) == ["sft", "dpo", "step_mix", "step_mix"]
    assert list(power["negative_fraction"].fillna(-1)) == [-1, -1, 0.25, 0.75]


def test_each_task_and_model_has_a_folder(tmp_path: Path, records: Records) -> None:
    tables = [records({"sft": 1.0}), records({"sft": 1.0}).assign(model="org/7b")]
    folder = report(tmp_path, pd.concat(tables))
    assert {path.name for path in folder.iterdir()} == {"precedence__tiny", "precedence__org-7b", "index.html"}


def test_long_names_of_tasks_have_folders_of_their_own(tmp_path: Path, records: Records) -> None:
    one = records({"sft": 1.0})
    parts = studies_in(pd.concat([one.assign(task="t" * 300 + end) for end in "ab"]), tmp_path)
    assert len({part.folder for part in parts}) == 2
    for part in parts:
        part.folder.mkdir()


@pytest.mark.parametrize("pair", [(0.136, 0.215), (0.285, 0.202), (0.139, 0.212), (0.453, 0.624)])
def test_a_mean_between_two_digits_is_rounded_as_in_the_table_of_the_run(pair: tuple[float, float]) -> None:
    values = pd.Series(pair)
    assert accuracy_cell(pair) == accuracy_text(values.mean(), values.std())


def test_an_index_leads_to_the_page_of_each_task_and_model(
    tmp_path: Path, records: Records, capsys: pytest.CaptureFixture[str]
) -> None:
    single = records({"sft": 1.0, "rft": 1.7})
    folder = report(tmp_path, single)
    table = pd.concat([single, single.head(5).assign(model="<b>&amp;")])
    report(tmp_path, table)
    assert capsys.readouterr().out.rstrip().endswith(f"Open {folder / 'index.html'}")
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert index.count("<li>") == 2 and "<h1>made_up</h1>" in index
    assert "p-values are corrected for the methods compared on that page only" in index
    for linked in re.findall('href="([^"]*)"', index):
        assert (folder / linked).is_file()
    assert "&lt;b&gt;&amp;amp;" in index and "<b>" not in index
    assert ">18 points<" in index and ">5 points<" in index
    assert "The best mean accuracy is" in index
    assert (
        "http" not in index.replace("http-equiv", "")
        and "script-src &#39;none&#39;;" in index
        and "<script" not in index
    )
    page = (report(tmp_path, single) / "index.html").read_text(encoding="utf-8")
    assert "made_up: precedence, tiny" in page, "one part again has its page there again"


def test_filter_by_model(tmp_path: Path, records: Records, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.concat([records({"sft": 1.0}), records({"sft": 1.0}).assign(model="org/7b")])
    folder = report(tmp_path, table, "--model", "org/7b")
    assert {path.name for path in folder.iterdir()} == {"precedence__org-7b", "index.html"}
    assert f"Open {folder / 'precedence__org-7b' / 'index.html'}" in capsys.readouterr().out
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert "precedence__org-7b/index.html" in index and "precedence__tiny" not in index
    assert "p-values" not in index, "of one page there is nothing to say"
    assert main([str(tmp_path), "--model", "huge"]) == 2
    assert "there are precedence with org/7b, precedence with tiny" in capsys.readouterr().err


def test_parquet_records(tmp_path: Path, records: Records) -> None:
    records({"sft": 1.0}).to_parquet(tmp_path / "results.parquet")
    assert main([str(tmp_path), *FEW_DRAWS]) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda table: table.drop(columns="test_error"), "no column test_error"),
        (lambda table: table.assign(test_error=None), "has a test_error yet"),
        (lambda table: table.assign(test_error=1.5), "column test_error holds 1.5 in row 1"),
        (lambda table: table.assign(data_size=0), "column data_size holds 0.0 in row 1"),
        (lambda table: table.assign(seed=0), "row 2 repeats row 1 (and "),
        (lambda table: table.head(0), "has no rows"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path,
    records: Records,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[pd.DataFrame], pd.DataFrame],
    sentence: str,
) -> None:
    change(records({"sft": 1.0})).to_csv(tmp_path / "results.csv", index=False)
    assert main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1


def test_a_folder_without_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "holds no results.csv or results.parquet" in capsys.readouterr().err
