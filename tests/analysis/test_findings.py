"""The findings: figures from the records alone, byte for byte the same, and one sentence for what cannot be made."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from planted_findings import STUDIES as PLANTED
from planted_findings import search, spurious, write_results
from synthscale_analysis.findings.__main__ import main
from synthscale_analysis.findings.contents import STUDIES

FEW_DRAWS = ["--bootstrap", "50"]


def made(results: Path, *more: str) -> int:
    return main(["--results", str(results), *FEW_DRAWS, *more])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_planted_study_is_one_of_the_findings() -> None:
    assert set(PLANTED) <= set(STUDIES)


def test_figures_and_tables_are_the_same_bytes_every_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = write_results(tmp_path)
    assert made(results) == 0
    first = contents(results)
    assert made(results) == 0
    assert contents(results) == first
    said = capsys.readouterr().out
    assert "eightfold: left out, there are no records of eightfold yet" in said and "rounds: 4 files" in said
    for name in ("rounds/rounds", "credit/credit_cost", "slope/slope", "spurious/arms", "mixture/heat_map"):
        assert {f"{name}.{ending}" for ending in ("png", "svg", "csv")} <= set(first)
    assert {"search/search.csv", "search/search.md", "rounds/rounds_by_seed.csv", "slope/slope_multipliers.csv"} <= set(
        first
    )
    assert "slope/precedence_a125__tiny/summary.csv" in first
    assert b"<dc:date>" not in first["slope/slope.svg"]


def test_another_process_makes_the_same_bytes(tmp_path: Path) -> None:
    ours, theirs = (write_results(tmp_path / name, "rounds") for name in ("ours", "theirs"))
    command = [sys.executable, "-m", "synthscale_analysis.findings", "--results", str(theirs), "--study", "rounds"]
    subprocess.run(command, check=True, capture_output=True)
    assert made(ours, "--study", "rounds") == 0
    assert contents(ours) == contents(theirs)


def test_findings_need_no_torch(tmp_path: Path) -> None:
    results = write_results(tmp_path, "rounds")
    code = (
        "import sys; from synthscale_analysis.findings.__main__ import main; "
        f"main(['--results', {str(results)!r}]); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip().endswith("False")


def test_what_the_records_no_longer_give_is_removed(tmp_path: Path) -> None:
    results = write_results(tmp_path, "search", "spurious")
    assert made(results) == 0
    assert (results / "spurious" / "arms.svg").exists()
    other = pd.DataFrame(spurious()).assign(algorithm="my_method", variant="")
    other.drop_duplicates(["data_size", "seed"]).to_csv(results / "spurious" / "results.csv", index=False)
    assert made(results) == 2
    assert not list((results / "spurious").glob("arms.*"))


def test_a_reason_is_told_once_for_all_its_files_and_worlds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = write_results(tmp_path, "spurious")
    records = pd.DataFrame(spurious())
    records = pd.concat([records, records.assign(task="other")])
    records.to_csv(results / "spurious" / "results.csv", index=False)
    assert made(results) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if "there is no arm sft_matched" in line]
    assert len(told) == 1
    for part in ("arms_less_sft.csv", "arms_less_sft_overall.csv", "arms_less_sft.png", "precedence, ", "other, "):
        assert told[0].count(part) == 1, part


def with_cell(text: str, column: str, value: str) -> str:
    """The records with this value in the first row."""
    table = pd.read_csv(io.StringIO(text), dtype=str)
    table[column] = table[column] if column in table.columns else None
    table.loc[0, column] = value
    return table.to_csv(index=False)


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err.strip()
    assert "\n" not in error and error.startswith("synthscale: ")
    return error


def test_an_unknown_study_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(tmp_path, "--study", "mixtures") == 2
    assert "there is no study mixtures; there are eightfold, " in one_sentence(capsys)


def test_a_study_without_records_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(tmp_path, "--study", "mixture") == 2
    assert "there are no records of mixture yet" in one_sentence(capsys)


def test_results_that_are_not_there_and_too_many_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(tmp_path / "absent") == 2
    assert "is no folder; give" in one_sentence(capsys)
    assert made(tmp_path, "--bootstrap", "1000000000") == 2
    assert "2 to 100,000 draws" in one_sentence(capsys)


def test_no_studies_at_all_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(tmp_path) == 0
    assert capsys.readouterr().out.count("left out") == len(STUDIES)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text.replace("test_accuracy", "accuracy"), "no column test_accuracy"),
        (lambda text: text.replace(",0.48,", ",half,", 1), "is not a number"),
        (lambda text: text.splitlines()[0] + "\n", "has no rows"),
        (lambda _: "", "cannot read"),
        (lambda text: text[: text.rindex(",")], "the file was cut off"),
        (lambda text: text.replace(",0.48,", ",1.7,", 1), "which no point can have"),
        (lambda text: text + "x" * 200_000, "field larger than field limit"),
        (lambda text: text.splitlines()[0] + "\n" + ",x\n".join(text.splitlines()[1:]) + ",x\n", "header has fewer"),
        (lambda text: with_cell(text, "negative_fraction", "-inf"), "column negative_fraction holds -inf in row 1"),
        (lambda text: with_cell(text, "num_updates", "inf"), "column num_updates holds inf in row 1"),
        (lambda text: with_cell(text, "train_seconds", "-3"), "column train_seconds holds -3.0 in row 1"),
        (lambda text: with_cell(text, "pass_at_1", "7"), "column pass_at_1 holds 7.0 in row 1"),
    ],
    ids=[
        "a column is missing",
        "a word for a number",
        "no rows",
        "empty",
        "cut off",
        "an impossible share",
        "an endless cell",
        "cells without a column",
        "an endless fraction",
        "an endless count",
        "seconds below zero",
        "a share above one",
    ],
)
def test_corrupt_records_are_one_sentence_and_the_others_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage, told
) -> None:
    results = write_results(tmp_path, "rounds", "mixture")
    path = results / "rounds" / "results.csv"
    path.write_text(damage(path.read_text()))
    assert made(results) == 2
    assert told in one_sentence(capsys)
    assert (results / "mixture" / "heat_map.png").exists()


def test_records_without_a_finished_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = write_results(tmp_path, "search")
    pd.DataFrame(search()).assign(test_error=None).to_csv(results / "search" / "results.csv", index=False)
    assert made(results, "--study", "search") == 2
    assert "no row of" in one_sentence(capsys)
