"""Figures: legible letters, text kept as text, legends off the data, scripts that run alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from synthscale_analysis.curves import COLOURS, LABELS, curves_of
from synthscale_analysis.figures import error as figure_error
from synthscale_analysis.figures import fits as figure_fits
from synthscale_analysis.figures import multiplier as figure_multiplier
from synthscale_analysis.style import WIDTH_INCHES, dodges, save_figure

Records = Callable[..., pd.DataFrame]


@pytest.fixture
def prepared(records: Records) -> pd.DataFrame:
    return records().assign(negative_fraction=np.nan)


@pytest.fixture(params=["error", "multiplier"])
def figure(request: pytest.FixtureRequest, prepared: pd.DataFrame) -> Figure:
    if request.param == "error":
        return figure_error.error_figure(prepared, [None] * 4)
    return figure_multiplier.multiplier_figure(prepared, num_draws=10)


def test_letters_are_legible_at_text_width(figure: Figure) -> None:
    assert figure.get_size_inches()[0] == WIDTH_INCHES
    FigureCanvasAgg(figure).draw()
    shown = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in shown) >= 9


def test_legend_covers_no_axes(figure: Figure) -> None:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    legend = figure.legends[0].get_window_extent()
    assert not any(axes.get_window_extent().overlaps(legend) for axes in figure.axes)
    assert figure.bbox.x0 <= legend.x0 and legend.x1 <= figure.bbox.x1


def test_svg_keeps_text_and_no_date(figure: Figure, tmp_path: Path) -> None:
    _, svg = save_figure(figure, tmp_path, "figure")
    content = svg.read_text()
    assert "data size (problems)" in content
    assert "<dc:date>" not in content


@pytest.mark.filterwarnings("error")
def test_letters_that_the_font_lacks_are_boxes_without_a_warning(records: Records, tmp_path: Path) -> None:
    named = records({"sft": 1.0, "🚀 $a_$ 法": 1.7}, (64, 128)).assign(negative_fraction=np.nan)
    for figure in (figure_error.error_figure(named), figure_fits.fits_figure(named)):
        png, svg = save_figure(figure, tmp_path, "figure")
        assert png.stat().st_size > 1000 and "🚀 $a_$ 法" in svg.read_text(encoding="utf-8")


def test_every_curve_has_a_panel_with_its_band(records: Records) -> None:
    prepared = records().assign(negative_fraction=np.nan)
    panels = [axes for axes in figure_fits.fits_figure(prepared).axes if axes.get_visible()]
    assert [axes.get_title().partition("\n")[0] for axes in panels] == [curve.label for curve in curves_of(prepared)]
    assert all(len(axes.collections) == 1 and "b = " in axes.get_title() for axes in panels)
    shown = [text for axes in panels for text in axes.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in shown) >= 9


def test_power_law_is_drawn_with_its_band(records: Records) -> None:
    prepared = records({"sft": 1.0}).assign(negative_fraction=np.nan)
    axes = figure_error.error_figure(prepared).axes[0]
    lines = [line for line in axes.lines if len(np.asarray(line.get_xdata())) == 60]
    assert len(lines) == 1
    assert len(axes.collections) == 4  # the band, and three error bars


def test_many_curves_are_drawn_without_bands_or_wide_bars(prepared: pd.DataFrame) -> None:
    """Bars of two seeds come from the pooled spread, so they leave most of the axis free."""
    two_seeds = prepared[prepared["seed"] < 2]
    axes = figure_error.error_figure(two_seeds, [None] * 4).axes[0]
    bars = [collection for collection in axes.collections if isinstance(collection, LineCollection)]
    assert len(bars) == len(axes.collections) == 4 * 3
    ratios = [np.divide(*bar.get_segments()[0][::-1, 1]) for bar in bars]
    assert max(ratios) < 1.5


def test_rates_have_plain_ticks(prepared: pd.DataFrame) -> None:
    figure = figure_error.error_figure(prepared, [None] * 4)
    FigureCanvasAgg(figure).draw()
    labels = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    assert {"0.3", "0.5", "0.7", "1"} <= labels


def test_each_baseline_with_runs_has_a_panel(records: Records) -> None:
    prepared = records({"sft": 1.0, "rft": 1.7}).assign(negative_fraction=np.nan)
    assert len(figure_multiplier.multiplier_figure(prepared, num_draws=5).axes) == 1


@pytest.mark.parametrize("script", [figure_error, figure_multiplier])
def test_scripts_run_alone(script: object, tmp_path: Path, records: Records) -> None:
    records({"sft": 1.0, "rft": 1.7}, (64, 128), 1).to_csv(tmp_path / "results.csv", index=False)
    assert script.main([str(tmp_path)]) == 0  # type: ignore[attr-defined]
    assert (tmp_path / "report" / f"{script.NAME}.svg").is_file()  # type: ignore[attr-defined]
    assert script.main([str(tmp_path / "absent")]) == 2  # type: ignore[attr-defined]


def test_algorithms_keep_colour_and_marker(prepared: pd.DataFrame) -> None:
    full = {curve.algorithm: curve for curve in curves_of(prepared)}
    alone = curves_of(prepared[prepared["algorithm"] == "rft"])[0]
    assert (alone.colour, alone.marker) == (full["rft"].colour, full["rft"].marker) and alone.colour == COLOURS["rft"]
    assert len({curve.colour for curve in full.values()}) == len(full)
    assert set(COLOURS) == set(LABELS)


def test_dodges_are_small_symmetric_factors() -> None:
    factors = dodges(5, [64, 128, 256], share=0.09)
    assert factors[2] == 1.0
    assert factors[0] * factors[-1] == pytest.approx(1.0)
    assert max(factors) < 1.04
    assert dodges(1, [64], share=0.5) == [1.0]
