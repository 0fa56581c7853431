"""Charts of errors: one wide interval does not flatten the curves, on the page no more than in a static figure."""

from collections.abc import Callable
from math import log10
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthscale_analysis.curves import curves_of
from synthscale_analysis.figures.error import error_figure
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.estimates import error_by_size
from synthscale_analysis.numbers.limits import cuts_intervals, error_limits
from synthscale_analysis.page.section import Chart, Section
from synthscale_analysis.sections import scaling
from synthscale_analysis.studies import TaskModelRecords

Records = Callable[..., pd.DataFrame]


@pytest.fixture
def wide(records: Records) -> pd.DataFrame:
    """SFT with two runs that differ by a factor of 8, which one degree of freedom makes an interval over decades."""
    table = records({"sft": 1.0}, (64, 128), 2).assign(negative_fraction=np.nan)
    return table.assign(test_error=[0.1, 0.8, 0.3, 0.3]).drop(index=[3])


def test_an_interval_over_decades_is_cut_at_half_the_lowest_run(wide: pd.DataFrame) -> None:
    curves = curves_of(wide)
    intervals = [mean.interval for mean in error_by_size(curves[0]).values()]
    assert min(interval.low for interval in intervals if interval) < 0.02
    assert error_limits(curves) == (pytest.approx(0.05 / 1.06), 1.0) and cuts_intervals(curves)


def test_the_page_is_cut_as_the_static_figure_is(wide: pd.DataFrame, tmp_path: Path) -> None:
    made = scaling.section(Material(TaskModelRecords("task", "model", wide, tmp_path / "report"), tmp_path, 20))
    assert isinstance(made, Section)
    chart = made.blocks[0]
    assert isinstance(chart, Chart) and chart.caption.endswith("is cut off there.")
    drawn = error_figure(wide, [None]).axes[0].get_ylim()
    assert list(chart.figure.layout.yaxis.range) == pytest.approx([log10(end) for end in drawn])


def test_narrow_intervals_are_whole(records: Records) -> None:
    curves = curves_of(records())
    limits = error_limits(curves)
    assert limits is not None and not cuts_intervals(curves)
    intervals = [mean.interval for curve in curves for mean in error_by_size(curve).values()]
    assert all(limits[0] < interval.low for interval in intervals if interval)


def test_without_errors_there_are_no_limits(records: Records) -> None:
    assert error_limits(curves_of(records().assign(test_error=0.0))) is None
