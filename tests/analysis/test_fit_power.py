"""`synthscale fit --power`: a table of seeds and sizes, one sentence, and refusals."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from synthscale.scaling import Noise, Power
from synthscale_analysis.fit import power as fit_power
from synthscale_analysis.fit.command import main

Records = Callable[..., pd.DataFrame]
OPTIONS = ["--x", "data_size", "--y", "test_error", "--group", "algorithm", "--bootstrap", "5", "--delta", "0.1"]
PLAN = ["--power", "--baseline", "sft"]
SETTING = fit_power.Setting(noise=Noise(0.11, None, 8), slope=0.8, step=2.0, multiplier=2.0, num_seeds=3, num_sizes=4)


def test_the_plan_is_printed_and_written(
    tmp_path: Path, records: Records, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_power, "SEEDS", (2, 3))
    monkeypatch.setattr(fit_power, "SIZES", (3, 4))
    monkeypatch.setattr(fit_power, "power_of", partial(fit_power.power_of, num_studies=40))
    path, out = tmp_path / "results.csv", tmp_path / "out.json"
    records().to_csv(path, index=False)
    assert main([str(path), *OPTIONS, *PLAN, "--multiplier", "1.5", "--json", str(out)]) == 0
    power = json.loads(out.read_text())["power"]
    assert power["multiplier"] == 1.5 and power["step"] == pytest.approx(2.0)
    assert power["slope"] == pytest.approx(0.5, abs=0.15) and power["sd_log_error"] == pytest.approx(0.05, rel=0.4)
    assert power["degrees_of_freedom"] == 4 * 3 * 2 and power["correlation"] < 0.5
    assert [(cell["seeds"], cell["sizes"]) for cell in power["cells"]] == [(2, 3), (2, 4), (3, 3), (3, 4)]
    for cell in power["cells"]:
        assert 0.9 < cell["power"] <= 1 and cell["low"] < cell["power"] <= cell["high"] + 1e-9
    printed = " ".join(capsys.readouterr().out.split())
    assert "power to see a multiplier of 1.5" in printed and power["sentence"] in printed


def test_a_plain_effect_is_planned_without_all_the_studies(tmp_path: Path, records: Records) -> None:
    path, out = tmp_path / "results.csv", tmp_path / "out.json"
    records().to_csv(path, index=False)
    assert main([str(path), *OPTIONS, *PLAN, "--multiplier", "4", "--json", str(out)]) == 0
    cells = json.loads(out.read_text())["power"]["cells"]
    assert [cell["studies"] for cell in cells] == [100] * 20 and all(cell["power"] >= 0.99 for cell in cells)


def test_the_sentence_names_the_tables_own_design_and_the_fewest_runs() -> None:
    found = {(2, 3): Power(2, 3, 250, 300), (3, 4): Power(3, 4, 282, 300), (2, 4): Power(2, 4, 270, 300)}
    assert fit_power.sentence(found, SETTING) == (
        "with this noise (sd 0.11 in log error) and slope 0.8, 3 seeds at 4 sizes see a multiplier of 2 in 94% of "
        "studies; the fewest runs for 80% are 2 seeds × 3 sizes"
    )


def test_the_sentence_says_where_nothing_suffices() -> None:
    found = {(3, 4): Power(3, 4, 30, 300), (10, 8): Power(10, 8, 126, 300)}
    assert fit_power.sentence(found, SETTING).endswith(
        "in 10% of studies; none of these reaches 80%: 10 seeds at 8 sizes see it in 42%"
    )


@pytest.mark.parametrize(
    ("num_seeds", "options", "sentence"),
    [
        (2, ["--power"], "--power needs --group and --baseline"),
        (2, ["--multiplier", "3"], "--multiplier is what --power is to see, and so needs --power"),
        (2, ["--baseline", "sft"], "--baseline is what --target-error and --power compare with, and so needs one"),
        (2, [*PLAN, "--multiplier", "1"], "--multiplier must be more than 1, not 1"),
        (2, ["--power", "--baseline", "stf"], "--baseline stf is no group of the table"),
        (1, PLAN, "--power cannot plan from this table: no size has two seeds"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path,
    records: Records,
    capsys: pytest.CaptureFixture[str],
    num_seeds: int,
    options: list[str],
    sentence: str,
) -> None:
    path = tmp_path / "results.csv"
    records(num_seeds=num_seeds).to_csv(path, index=False)
    assert main([str(path), *OPTIONS, *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert sentence in line


def test_errors_that_do_not_fall_have_no_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    rows = [("sft", size, seed, 0.1 * size**0.3 + 0.01 * seed) for size in (1, 2, 4) for seed in (0, 1)]
    pd.DataFrame(rows, columns=["algorithm", "data_size", "seed", "test_error"]).to_csv(path, index=False)
    assert main([str(path), *OPTIONS, *PLAN]) == 2
    assert "do not fall with data_size (slope -" in capsys.readouterr().err
