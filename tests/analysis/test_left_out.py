"""A multiplier that leaves out sizes at which the method outdid all of the baseline says which."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthscale.scaling import CensoredValue, DataMultiplier, OverallMultiplier, Reach
from synthscale_analysis.material import Material
from synthscale_analysis.page.section import Points, Section
from synthscale_analysis.sections import headline
from synthscale_analysis.studies import TaskModelRecords

OVERALL = OverallMultiplier(
    sizes=(64.0,),
    multiplier=CensoredValue(1.5, Reach.IN_RANGE),
    low=None,
    high=None,
    share_beyond=None,
    tested_sizes=(),
    p_value=None,
    note="",
)


def point(size: float, value: float, reach: Reach) -> DataMultiplier:
    known = CensoredValue(value, reach)
    return DataMultiplier(
        size=size, error=0.5, multiplier=known, low=None, high=None, p_value=None, share_beyond=None, note=""
    )


IN = point(64, 1.5, Reach.IN_RANGE)


@pytest.mark.parametrize(
    ("points", "clause"),
    [
        ([IN], ""),
        (
            [IN, point(256, 1.0, Reach.MORE_THAN)],
            "; 256 problems are left out, where it lies beyond the baseline's range, so that the number may "
            "understate it",
        ),
        (
            [IN, point(128, 4.0, Reach.MORE_THAN), point(256, 2.0, Reach.MORE_THAN)],
            "; 128 and 256 problems are left out, where it lies beyond the baseline's range, so that the number "
            "understates it",
        ),
        (
            [point(32, 1.0, Reach.LESS_THAN), IN, point(256, 1.0, Reach.MORE_THAN)],
            "; 256 problems are left out, where it lies beyond the baseline's range, and 32, where it lies below",
        ),
        ([point(32, 1.0, Reach.LESS_THAN), IN], ""),
        ([IN, point(512, 0.5, Reach.MORE_THAN)], ""),
    ],
    ids=["all in", "best beyond", "far beyond", "both sides", "below", "larger than the baseline's"],
)
def test_sizes_beyond_are_said(points: list[DataMultiplier], clause: str) -> None:
    assert headline.left_out(OVERALL, points) == clause


def test_nothing_is_left_out_of_a_bound() -> None:
    bound = replace(OVERALL, multiplier=CensoredValue(1.0, Reach.MORE_THAN))
    assert headline.left_out(bound, [point(256, 1.0, Reach.MORE_THAN)]) == headline.left_out(None, []) == ""


def test_the_section_has_the_clause(records: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    table = records({"sft": 1.0, "rft": 1.7}).assign(negative_fraction=np.nan)
    made = headline.section(Material(TaskModelRecords("task", "model", table, tmp_path / "report"), tmp_path, 20))
    assert isinstance(made, Section)
    (points,) = (block for block in made.blocks if isinstance(block, Points))
    assert (
        "; 128 and 256 problems are left out, where it lies beyond the baseline's range, so that" in points.sentences[0]
    )
