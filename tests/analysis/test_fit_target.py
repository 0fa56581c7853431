"""`synthscale fit --target-error`: planted sizes in table and JSON, bounds outside, mistakes in one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synthscale_analysis.fit.command import main

Records = Callable[..., pd.DataFrame]
OPTIONS = ["--x", "data_size", "--y", "test_error", "--group", "algorithm", "--bootstrap", "60", "--delta", "0.1"]


@pytest.fixture
def table(tmp_path: Path, records: Records) -> Path:
    path = tmp_path / "results.csv"
    records().to_csv(path, index=False)
    return path


def asked(table: Path, *options: str) -> dict[str, dict[str, Any]]:
    """By group."""
    out = table.parent / "out.json"
    assert main([str(table), *OPTIONS, *options, "--json", str(out)]) == 0
    target = json.loads(out.read_text())["target"]
    return {found["group"]: found for found in target["groups"]}


def test_sizes_and_ratios_of_a_planted_error(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SFT has error 0.85·(N/64)^-0.5, so 0.5 at 185 problems; RFT is worth 1.7 times the data."""
    groups = asked(table, "--target-error", "0.5", "--baseline", "sft")
    sft, rft = groups["sft"], groups["rft"]
    for found, size in ((sft, 185), (rft, 109)):
        for read in (found["measured"], found["by_law"]):
            assert read["estimate"] == pytest.approx(size, rel=0.2)
            assert read["low"] <= read["estimate"] <= read["high"]
    assert sft["ratio"] is None and rft["ratio"]["estimate"] == pytest.approx(1.7, rel=0.25)
    printed = capsys.readouterr().out
    assert "data_size for test_error = 0.5" in printed and "1 (baseline)" in printed and "× data of sft" in printed


def test_beyond_the_range_measured_sizes_are_bounds_and_laws_are_marked(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0.1 takes SFT 4,624 problems, 18 times its largest size."""
    found = asked(table, "--target-error", "0.1")["sft"]
    assert found["measured"]["estimate"] == 256 and found["measured"]["estimate_status"] == "more_than"
    assert found["by_law"]["mark"] == "far" and found["by_law"]["estimate"] == pytest.approx(4624, rel=0.6)
    assert "more than 256" in capsys.readouterr().out
    assert asked(table, "--target-error", "0.35")["sft"]["by_law"]["mark"] == "extrapolated"


def test_below_a_floor_the_law_never_gets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ("a", n, seed, (8 / n + 0.1) * (1 + 0.01 * (seed - 1))) for n in (32, 64, 128, 256, 512) for seed in (0, 1, 2)
    ]
    path = tmp_path / "t.csv"
    pd.DataFrame(rows, columns=["algorithm", "data_size", "seed", "test_error"]).to_csv(path, index=False)
    found = asked(path, "--target-error", "0.05", "--law", "power_offset")["a"]["by_law"]
    assert found["never"] and found["estimate"] is None and found["floor_not_below"] == pytest.approx(0.1, rel=0.05)
    assert "never: its floor 0.1 is not below" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("slope", "size", "told"), [(0.5, 1e18, "1e+18"), (0.02, 1e100, "more than 1e+100")])
def test_a_power_law_without_a_floor_reaches_every_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], slope: float, size: float, told: str
) -> None:
    path = tmp_path / "t.csv"
    rows = [("a", n, n**-slope) for n in (32, 64, 128, 256, 512)]
    pd.DataFrame(rows, columns=["algorithm", "data_size", "test_error"]).to_csv(path, index=False)
    found = asked(path, "--target-error", "1e-9")["a"]
    assert found["by_law"]["estimate"] == pytest.approx(size, rel=1e-3) and not found["by_law"]["never"]
    assert found["by_law"]["more_than"] == (["estimate", "low", "high"] if size == 1e100 else [])
    printed = " ".join(capsys.readouterr().out.split())
    assert told in printed and "never" not in printed and "beside the crossing" not in printed


def test_without_the_question_nothing_is_said_of_it(table: Path) -> None:
    out = table.parent / "out.json"
    assert main([str(table), *OPTIONS, "--json", str(out)]) == 0
    assert not {"target", "power"} & set(json.loads(out.read_text()))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--target-error", "0"], "--target-error must be positive, not 0"),
        (["--target-error", "-1"], "--target-error must be positive, not -1"),
        (["--target-error", "1e-200"], "--target-error must lie between 1e-60 and 1e+60, not be 1e-200"),
        (["--target-error", "nan"], "--target-error must be positive, not nan"),
        (
            ["--target-error", "0.3", "--baseline", "stf"],
            "--baseline stf is no group of the table; there are my_method,",
        ),
    ],
)
def test_mistakes_are_one_sentence(
    table: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert main([str(table), *OPTIONS, *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert sentence in line


def test_what_needs_one_column_of_sizes_and_groups(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = ["--x", "data_size,seed", "--y", "test_error", "--law", "chinchilla", "--target-error", "0.3"]
    one = ["--x", "data_size", "--y", "test_error", "--target-error", "0.3", "--baseline", "sft"]
    for options, sentence in ((two, "one --x column"), (one, "needs --group")):
        assert main([str(table), *options]) == 2
        assert sentence in capsys.readouterr().err


def test_a_law_of_shares_has_no_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("f,error\n0,0.5\n0.25,0.4\n0.5,0.325\n0.75,0.26875\n1,0.2265625\n")
    options = ["--x", "f", "--y", "error", "--law", "mixture", "--bootstrap", "5", "--target-error", "0.3"]
    assert main([str(path), *options]) == 2
    assert "law mixture has none" in capsys.readouterr().err
