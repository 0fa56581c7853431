"""The benchmark of growth: planted exponents come back, start-up is told from growth, and the phases run in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import growth
from benchmarks.growth_fit import fit_growth
from benchmarks.growth_output import growth_table, told, write_growth
from benchmarks.growth_study import STUDY_PHASES
from benchmarks.scale_phases import Measured

SIZES = [128, 512, 2_048, 8_192, 32_768, 65_536] * 2


def costs(start_up: float, rise: float, exponent: float, noise: float = 0.03) -> list[float]:
    """start_up + rise·N^exponent, with some per cent of noise."""
    random = np.random.default_rng(0)
    return [(start_up + rise * size**exponent) * float(np.exp(random.normal(0, noise))) for size in SIZES]


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("start_up", [1e-9, 2.0])
def test_planted_exponents_come_back_whatever_start_up_takes(start_up: float, exponent: float) -> None:
    growth_ = fit_growth(SIZES, costs(start_up, 60 / 65_536**exponent, exponent))
    assert growth_.exponent == pytest.approx(exponent, abs=0.08)
    assert growth_.interval is not None
    assert growth_.interval.low < exponent + 0.02 and growth_.interval.high > exponent - 0.02
    assert growth_.is_worse_than_linear == (exponent > 1.2)


def test_what_does_not_rise_above_its_start_up_has_no_exponent() -> None:
    flat = fit_growth(SIZES, costs(300.0, 1e-4, 1.0))
    assert (flat.exponent, flat.interval, flat.is_worse_than_linear) == (None, None, False)
    assert flat.start_up == pytest.approx(300, rel=0.1)
    assert told(flat) == "flat"


def test_three_sizes_are_too_few_for_three_parameters() -> None:
    few = fit_growth([1, 10, 100], [1.0, 10.0, 100.0])
    assert few.exponent is None and told(few) == "too few sizes"


def test_tables_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = costs(2.0, 60 / 65_536**1.5, 1.5)
    measured = [Measured("grade", size, size, cost, 500.0) for size, cost in zip(SIZES, seconds, strict=True)]
    write_growth({"problems": measured, "points": []}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"growth.csv", "exponents.csv", "growth.png", "growth.svg"}
    assert len(pd.read_csv(tmp_path / "growth.csv")) == len(SIZES)
    exponents = pd.read_csv(tmp_path / "exponents.csv").set_index("cost")
    assert exponents.loc["seconds", "exponent"] == pytest.approx(1.5, abs=0.1)
    assert pd.isna(exponents.loc["peak_mib", "exponent"]), "what has no exponent has an empty cell"
    assert exponents.loc["peak_mib", "start_up"] == 500
    *_, of_seconds, of_memory = (next(iter(column.cells)) for column in growth_table("problems", measured).columns)
    assert str(of_seconds).endswith("> linear") and of_memory == "flat"


def test_the_phases_of_a_study_do_what_they_say(tmp_path: Path) -> None:
    assert [phase(4, tmp_path) for phase in STUDY_PHASES.values()] == [4] * 4
    assert len(pd.read_csv(tmp_path / "runs" / "many" / "results.csv")) == 4
    (tmp_path / "runs" / "many" / "points").rename(tmp_path / "elsewhere")
    with pytest.raises(RuntimeError, match="it has no points"):
        STUDY_PHASES["status"](4, tmp_path)


def test_the_command_measures_each_size_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    asked = []

    def measure(phase, name, size, root):
        asked.append((name, size))
        return Measured(name, size, size, 1.0, 100.0)

    monkeypatch.setattr(growth, "measure", measure)
    monkeypatch.setattr(growth, "PHASES", {"first": None, "second": None})
    assert growth.main(["--sizes", "10", "20", "--points", "--repeats", "2", "--out", str(tmp_path)]) == 0
    assert asked == [(name, size) for size in (10, 10, 20, 20) for name in ("first", "second")]
    assert "first" in capsys.readouterr().out
