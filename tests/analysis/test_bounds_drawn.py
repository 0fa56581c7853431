"""What is known only as a bound has no bar, and what cannot be told no mark: in static figures as on the page."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from synthscale.scaling import CensoredValue, DataMultiplier, OverallMultiplier, Reach
from synthscale_analysis.curves import curves_of
from synthscale_analysis.figures import multiplier as static
from synthscale_analysis.material import Material
from synthscale_analysis.page.forest import forest
from synthscale_analysis.page.section import Chart, Section
from synthscale_analysis.sections import multiplier as page
from synthscale_analysis.studies import TaskModelRecords

Records = Callable[..., pd.DataFrame]
ONE_OR_LESS, ONE_OR_MORE = CensoredValue(1.0, Reach.LESS_THAN), CensoredValue(1.0, Reach.MORE_THAN)
FOUR = CensoredValue(4.0, Reach.IN_RANGE)


def point(size: float, value: CensoredValue, low: CensoredValue, high: CensoredValue) -> DataMultiplier:
    return DataMultiplier(
        size=size, error=0.5, multiplier=value, low=low, high=high, p_value=0.5, share_beyond=0.5, note=""
    )


#: An estimate, a bound whose draws reach to the other side, and one of which nothing can be told.
POINTS = [
    point(64, CensoredValue(2.0, Reach.IN_RANGE), ONE_OR_LESS, FOUR),
    point(128, ONE_OR_LESS, ONE_OR_LESS, FOUR),
    point(256, ONE_OR_MORE, ONE_OR_LESS, ONE_OR_MORE),
]


def material(table: pd.DataFrame, folder: Path) -> Material:
    made = Material(TaskModelRecords("task", "model", table, folder / "report"), folder, 20)
    vars(made)["multipliers"] = {"sft": [[] if curve.algorithm == "sft" else POINTS for curve in made.curves]}
    return made


def test_on_the_page_a_bound_has_no_bar_and_the_untold_only_its_text(records: Records, tmp_path: Path) -> None:
    made = page.section(material(records({"sft": 1.0, "rft": 1.7}), tmp_path))
    assert isinstance(made, Section) and isinstance(made.blocks[0], Chart)
    marks, heads = made.blocks[0].figure.data[-2:]
    assert list(marks.error_y.array) == [2.0, None, None] and list(marks.error_y.arrayminus) == [1.0, None, None]
    assert list(marks.marker.opacity) == [1.0, 1.0, 0.0] and list(heads.y) == [1.0]
    assert "not told (&lt; 1.00 to &gt; 1.00)" in marks.hovertext[2]
    caption = made.blocks[0].caption
    assert "An open triangle is a bound and no estimate" in caption and "It has no bar" in caption
    assert caption.endswith("nothing can be told: RFT at 256.")


def test_in_the_static_figure_too(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    found = lambda records, curve, *rest: [] if curve.algorithm == "sft" else POINTS  # noqa: E731
    monkeypatch.setattr(static, "multipliers_of", found)
    (axes,) = static.multiplier_figure(records({"sft": 1.0, "rft": 1.7}).assign(negative_fraction=np.nan)).axes
    bars = [bar for bar in axes.collections if isinstance(bar, LineCollection)]
    assert len(bars) == 1 and bars[0].get_segments()[0][:, 1].tolist() == [1.0, 4.0]
    marks = sorted(line.get_marker() for line in axes.lines if line.get_markersize() == 7)
    assert len(marks) == 2 and "v" in marks and "^" not in marks
    assert axes.get_title("left") == "against SFT (1 point cannot be told: not drawn)"


@pytest.mark.parametrize(("value", "high", "opacity"), [(ONE_OR_LESS, FOUR, 1.0), (ONE_OR_MORE, ONE_OR_MORE, 0.0)])
def test_in_the_forest_too(records: Records, value: CensoredValue, high: CensoredValue, opacity: float) -> None:
    overall = OverallMultiplier(
        sizes=(64.0,),
        multiplier=value,
        low=ONE_OR_LESS,
        high=high,
        share_beyond=0.5,
        tested_sizes=(64.0,),
        p_value=0.5,
        note="",
    )
    (curve,) = curves_of(records({"rft": 1.0}))
    figure = forest([curve], {"sft": [overall]})
    assert figure is not None and not any("lines" in str(trace.mode) for trace in figure.data)
    (mark,) = (trace for trace in figure.data if trace.hovertemplate)
    assert mark.marker.opacity == opacity and mark.x == (1.0,)
