"""`synthscale fit` of rates, predictions and intervals: what is said of the test set, chance, and far sizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthscale.scaling import LAWS
from synthscale_analysis.fit.command import main
from synthscale_analysis.fit.laws import LAWS_HELP

XY = ["--x", "n", "--y", "error", "--bootstrap", "40", "--delta", "0.1"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Errors 0.8·(n/32)^-0.4 with 5 % noise at six sizes of two seeds, on 500 problems."""
    sizes = np.repeat([32, 64, 128, 256, 512, 1024], 2)
    errors = 0.8 * (sizes / 32) ** -0.4 * np.exp(np.random.default_rng(0).normal(0, 0.05, 12))
    columns = {"n": sizes, "seed": [1, 2] * 6, "error": errors, "num_test": 500, "f": sizes / 1024}
    path = tmp_path / "t.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


@pytest.fixture
def written(table: Path) -> Callable[..., dict[str, Any]]:
    def run(*options: str) -> dict[str, Any]:
        out = table.with_suffix(".json")
        assert main([str(table), *XY, "--json", str(out), *options]) == 0
        content: dict[str, Any] = json.loads(out.read_text())
        return content

    return run


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_the_column_of_test_problems_is_used_and_said(
    written: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert written()["num_test"] == "num_test"
    assert "with the binomial noise of num_test test problems" in printed(capsys)
    assert written("--num-test", "80")["num_test"] == 80
    assert "with the binomial noise of 80 test problems" in printed(capsys)
    assert written("--num-test", "none")["num_test"] is None
    assert "binomial" not in printed(capsys)


def test_a_loss_beside_a_column_of_test_problems_has_no_binomial_noise(tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "t.json"
    path.write_text("n,error,num_test\n1,2.0,10\n4,1.0,10\n16,0.5,10\n64,0.25,10\n")
    assert main([str(path), *XY, "--json", str(out)]) == 0
    assert json.loads(out.read_text())["num_test"] is None


def test_chance_scales_parameters_and_not_predictions(
    written: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    raw, scaled = written("--predict", "2048"), written("--predict", "2048", "--chance", "0.25")
    assert "laws are of error / 0.75, of which 1 is guessing" in printed(capsys)
    assert any("no better than guessing: a law says nothing of them" in note for note in scaled["fits"][0]["notes"])
    a, b = ([fits["fits"][0]["parameters"][name]["estimate"] for fits in (raw, scaled)] for name in ("a", "b"))
    assert a[1] == pytest.approx(a[0] / 0.75, rel=1e-6) and b[1] == pytest.approx(b[0])
    points = [content["predictions"]["groups"][0]["points"][0]["estimate"] for content in (raw, scaled)]
    assert points[1] == pytest.approx(points[0], rel=1e-6)


def test_predictions_are_marked_by_how_far_they_lie(
    written: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    content = written("--predict", "16,256,4096,4097")
    (group,) = content["predictions"]["groups"]
    assert [point["mark"] for point in group["points"]] == ["extrapolated", None, "extrapolated", "far"]
    assert all(point["low"] < point["estimate"] < point["high"] for point in group["points"])
    assert group["points"][1]["estimate"] == pytest.approx(0.8 * 8**-0.4, rel=0.1)
    assert "far beyond the data (> 4×)" in printed(capsys)


def test_predictions_of_two_inputs_take_pairs(tmp_path: Path) -> None:
    rows = [(n, d, 1.8 + 400 / n**0.3 + 900 / d**0.4) for n in (1e6, 1e7, 1e8) for d in (1e8, 1e9, 1e10)]
    path, out = tmp_path / "runs.csv", tmp_path / "fits.json"
    pd.DataFrame(rows, columns=["n", "d", "loss"]).to_csv(path, index=False)
    options = ["--x", "n,d", "--y", "loss", "--law", "chinchilla", "--bootstrap", "5", "--json", str(out)]
    assert main([str(path), *options, "--predict", "1e7:1e9,5e8:1e9"]) == 0
    near, far = json.loads(out.read_text())["predictions"]["groups"][0]["points"]
    assert near["estimate"] == pytest.approx(1.8 + 400 / 1e7**0.3 + 900 / 1e9**0.4, rel=1e-3)
    assert (near["mark"], far["mark"]) == (None, "far")


def test_bca_intervals_are_other_intervals_of_the_same_fit(written: Callable[..., dict[str, Any]]) -> None:
    percentile, bca = (written("--interval", kind, "--bootstrap", "200") for kind in ("percentile", "bca"))
    assert (percentile["interval"], bca["interval"]) == ("percentile", "bca")
    first, second = (content["fits"][0]["parameters"]["b"] for content in (percentile, bca))
    assert first["estimate"] == second["estimate"] and first["low"] != second["low"]


def test_every_law_is_explained_with_every_parameter() -> None:
    for law in LAWS.values():
        assert law.name in LAWS_HELP
        assert all(name in LAWS_HELP for name in law.parameter_names)
    assert LAWS_HELP.count("arXiv") >= len(LAWS)


def test_a_floor_that_is_not_identified_is_noted(written: Callable[..., dict[str, Any]]) -> None:
    (fit,) = written("--law", "power_offset")["fits"]
    assert "not identified: c (interval reaches 0)" in fit["notes"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--chance", "1"], "--chance must be at least 0 and below 1, not 1"),
        (["--num-test", "absent"], "no column absent in the table"),
        (["--num-test", "0"], "--num-test needs at least 1 problem"),
        (["--num-test", "error"], "column error holds 0.80"),
        (["--predict", "many"], "--predict many: each point is a number"),
        (["--predict", "1:2"], "each point is a number"),
        (["--predict", "0"], "law power takes positive x"),
        (["--law", "mixture"], "column n holds 32 in row 1; a fraction lies in [0, 1]"),
    ],
)
def test_mistakes_are_one_sentence(
    table: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert main([str(table), *XY, *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert sentence in line


@pytest.mark.parametrize(
    ("content", "options", "sentence"),
    [
        (
            "n,error\n1,2\n2,1\n",
            ["--chance", "0.5"],
            "column error holds 2 in row 1; --chance and --num-test need rates",
        ),
        ("n,error,n\n1,0.5,3\n2,0.4,4\n", [], "column n stands 2 times"),
        ("n,error\n1e-150,0.5\n2,0.4\n", [], "column n holds 1e-150 in row 1; a fit needs numbers below 1e+60"),
        ("n,error,num_test\n1,0.5,\n2,0.4,100\n", [], "column num_test holds nan in row 1; a test has at least 1"),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, options: list[str], sentence: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    assert main([str(path), *XY, *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert sentence in line
