"""Figure: one panel a curve, with its runs, its fitted power law and the bootstrap band, before the baseline in grey.

In `figures/error` the curves share one panel so that they can be compared, and there is no room for their bands.

    python -m synthscale_analysis.figures.fits runs/eightfold
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
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import WIDTH_INCHES, house_style, rate_axis, save_figure, size_axis

NAME = "fits"
NUM_COLUMNS = 3
PANEL_HEIGHT_INCHES = 1.9


def fits_figure(records: pd.DataFrame, fits: Sequence[FittedCurve | None] | None = None) -> Figure:
    """Figure of the records of one task and model.

    fits: power laws in the order of `curves_of(records)`, where they were already made; fitted here otherwise.
    """
    curves = curves_of(records)
    power_fits = [fit_to_curve(curve, "power") for curve in curves] if fits is None else fits
    num_columns = min(NUM_COLUMNS, len(curves))
    num_rows = -(-len(curves) // num_columns)
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 0.5 + PANEL_HEIGHT_INCHES * num_rows), layout="constrained")
        panels = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, curve, fit in zip(panels, curves, power_fits, strict=False):
            _draw_panel(axes, curve, curves[0], fit)
        for axes in panels[len(curves) :]:
            axes.set_visible(False)
        size_axis(panels[0], sorted(records["data_size"].unique()))
        rate_axis(panels[0])
        positive = records.loc[records["test_error"] > 0, "test_error"]
        panels[0].set_ylim(0.01 if positive.empty else float(positive.min()) / 1.4, 1.0)
        for axes in panels:
            axes.set_xlabel("")
            axes.tick_params(labelsize=9)
        figure.supxlabel("data size (problems)", fontsize=9.5)
        figure.supylabel("test error", fontsize=9)
    return figure


def _draw_panel(axes: Axes, curve: Curve, baseline: Curve, fitted: FittedCurve | None) -> None:
    means = {size: error.mean for size, error in error_by_size(baseline).items() if error.mean > 0}
    axes.plot(list(means), list(means.values()), color="0.75", linewidth=1.0, zorder=1)
    runs = curve.rows[curve.rows["test_error"] > 0]
    axes.plot(runs["data_size"], runs["test_error"], ".", color=curve.colour, markersize=6, zorder=4)
    slope = ""
    if fitted is not None and fitted.fit is not None:
        grid = np.geomspace(curve.rows["data_size"].min(), curve.rows["data_size"].max(), 60)
        axes.plot(grid, fitted.fit.predict(grid), color=curve.colour, linewidth=1.3, zorder=3)
        slope = f"b = {fitted.fit.parameters['b']:.2f}"
        if fitted.bootstrap is not None:
            band, interval = fitted.bootstrap.band(grid), fitted.bootstrap.interval("b")
            axes.fill_between(grid, band.low, band.high, color=curve.colour, alpha=0.18, linewidth=0, zorder=2)
            slope += f" [{interval.low:.2f}, {interval.high:.2f}]"
    axes.set_title(f"{curve.label}\n{slope}", fontsize=9)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(fits_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
