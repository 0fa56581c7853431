"""Figure: test error against data size, log-log, one curve a method.

Small dots are runs (one a seed), large marks their mean with a 95 % t interval whose spread is pooled over the sizes of
a curve, lines the power law fitted to the runs. Lines stand where they were fitted, because the distance between two
lines along the size axis is the data multiplier; marks are moved apart around their size, so that none hides another.
Up to three curves have the bootstrap band of their line as well; more bands lie over each other and say nothing, and
the slopes' intervals stand in fits.csv.

    python -m synthscale_analysis.figures.error runs/eightfold
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthscale_analysis.curves import Curve, curves_of
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.estimates import error_by_size, fit_to_curve
from synthscale_analysis.numbers.fitting import FittedCurve
from synthscale_analysis.numbers.limits import error_limits
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import (
    WIDTH_INCHES,
    dodges,
    draw_legend,
    house_style,
    legend_entry,
    rate_axis,
    save_figure,
    size_axis,
)

NAME = "error_vs_size"
MAX_BANDS = 3


def error_figure(records: pd.DataFrame, fits: Sequence[FittedCurve | None] | None = None) -> Figure:
    """Figure of the records of one task and model.

    fits: power laws in the order of `curves_of(records)`, where they were already made; fitted here otherwise.
    """
    curves = curves_of(records)
    power_fits = [fit_to_curve(curve, "power") for curve in curves] if fits is None else fits
    sizes = sorted(records["data_size"].unique())
    shifts = dodges(len(curves), sizes, share=0.3)
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 4.6), layout="constrained")
        axes = figure.add_subplot()
        size_axis(axes, sizes)
        rate_axis(axes)
        axes.set_ylabel("test error")
        for curve, fit, shift in zip(curves, power_fits, shifts, strict=True):
            _draw_fit(axes, curve, fit, with_band=len(curves) <= MAX_BANDS)
            _draw_runs(axes, curve, shift)
        limits = error_limits(curves)
        if limits is not None:
            axes.set_ylim(*limits)
        draw_legend(figure, [legend_entry(curve) for curve in curves])
    return figure


def _draw_fit(axes: Axes, curve: Curve, fitted: FittedCurve | None, *, with_band: bool) -> None:
    if fitted is None or fitted.fit is None:
        return
    sizes = curve.rows["data_size"]
    grid = np.geomspace(sizes.min(), sizes.max(), 60)
    axes.plot(
        grid,
        fitted.fit.predict(grid),
        color=curve.colour,
        linestyle=curve.line_style,
        alpha=0.6,
        linewidth=1.1,
        zorder=2,
    )
    if with_band and fitted.bootstrap is not None and fitted.bootstrap.resampled == "seeds":
        band = fitted.bootstrap.band(grid)
        axes.fill_between(grid, band.low, band.high, color=curve.colour, alpha=0.12, linewidth=0, zorder=1)


def _draw_runs(axes: Axes, curve: Curve, shift: float) -> None:
    runs = curve.rows[curve.rows["test_error"] > 0]
    sizes = runs["data_size"] * shift
    axes.plot(
        sizes, runs["test_error"], ".", color=curve.colour, markersize=3.5, alpha=0.7, markeredgewidth=0, zorder=4
    )
    for size, error in error_by_size(curve).items():
        if error.mean == 0:
            continue
        at = size * shift
        if error.interval is not None:
            axes.vlines(at, error.interval.low, error.interval.high, color=curve.colour, linewidth=0.8, zorder=3)
        mark = axes.plot(at, error.mean, curve.marker, color=curve.colour, markersize=6, zorder=5)
        mark[0].set(markeredgecolor="white", markeredgewidth=0.6)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(error_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
