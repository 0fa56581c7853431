"""Slopes in words: none is the steepest, or a trend at all, that its interval does not tell."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from synthscale.scaling import Interval
from synthscale_analysis.material import Material
from synthscale_analysis.page.section import Section
from synthscale_analysis.sections import scaling
from synthscale_analysis.sections.scaling import Slope, trends
from synthscale_analysis.studies import TaskModelRecords

FLAT = Slope("SFT", 8.09e-10, Interval(-0.191, 0.182))
STEEP, STEEPER = Slope("RFT", 0.4, Interval(0.31, 0.52)), Slope("DPO", 0.9, Interval(0.8, 1.0))


def test_without_any_interval_off_0_there_is_no_trend() -> None:
    unsure = Slope("RFT", 0.21, Interval(-0.24, 0.653))
    said = trends([FLAT, unsure])
    assert said == "No trend with more data can be told for any method: the interval of b includes 0, or there is none."
    assert trends([FLAT]).startswith("No trend with more data can be told for SFT: ")
    assert trends([Slope("SFT", 0.5, None)]).startswith("No trend with more data can be told for SFT: ")


def test_a_method_without_a_trend_is_not_the_least() -> None:
    assert trends([FLAT, STEEP]) == (
        "With twice the data, the error of RFT falls by 24 % (b = 0.4 [0.31, 0.52]). No trend can be told for SFT: the "
        "interval of b includes 0, or there is none."
    )


def test_most_and_least_are_said_of_slopes_that_stand_apart() -> None:
    said = trends([STEEP, STEEPER])
    assert "DPO falls by 46 % (b = 0.9 [0.8, 1]), the most of all; that of RFT" in said
    assert said.endswith("(b = 0.4 [0.31, 0.52]), the least.")
    near = Slope("per-step mix", 0.45, Interval(0.35, 0.55))
    said = trends([STEEP, STEEPER, near])
    assert "the most of all; that of RFT" in said and "no method is shown to fall the least." in said
    said = trends([STEEP, near])
    assert "most of all" not in said and said.endswith("no method is shown to fall the most or the least.")


def test_a_slope_of_almost_nothing_is_0() -> None:
    assert str(FLAT) == "SFT falls by 0 % (b = 0.000 [-0.191, 0.182])"
    assert str(Slope("SFT", 0.3, Interval(-1e-9, 0.5))).endswith("[0.000, 0.5])")


def test_records_without_a_trend_have_none_told(records: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    table = records({"sft": 1.0, "rft": 1.0}).assign(negative_fraction=np.nan, test_error=[0.5, 0.6, 0.55] * 6)
    made = scaling.section(Material(TaskModelRecords("task", "model", table, tmp_path / "report"), tmp_path, 50))
    assert isinstance(made, Section) and made.lead.startswith("No trend with more data can be told for any method")
