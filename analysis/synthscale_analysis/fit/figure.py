"""Figure of `synthscale fit`: the rows of any table, the law of each group with its band, and how far it reaches.

The curve is solid where there are sizes and dashed up to `FAR` times the largest; nothing is drawn beyond.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthscale.scaling import FAR
from synthscale_analysis.curves import COLOURS as ALGORITHM_COLOURS
from synthscale_analysis.curves import FURTHER_COLOURS, MARKERS
from synthscale_analysis.numbers.fitting import FittedCurve
from synthscale_analysis.style import WIDTH_INCHES, house_style, rate_axis

COLOURS = (*ALGORITHM_COLOURS.values(), *FURTHER_COLOURS)
MOST_IN_LEGEND = 12


def table_figure(fits: Sequence[tuple[str, FittedCurve]], x: str, y: str) -> Figure:
    """One fit a group, of laws of one input; x and y: what the axes are called."""
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 0.62 * WIDTH_INCHES), layout="constrained")
        axes = figure.subplots()
        for number, (group, fitted) in enumerate(fits):
            colour = ALGORITHM_COLOURS.get(group, COLOURS[number % len(COLOURS)])
            _draw(axes, group, fitted, colour, MARKERS[number % len(MARKERS)])
        if fits and fits[0][1].law.takes_logs:
            axes.set_xscale("log")
        rate_axis(axes)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if len(fits) <= MOST_IN_LEGEND:
            axes.legend()
    return figure


def _draw(axes: Axes, group: str, fitted: FittedCurve, colour: str, marker: str) -> None:
    inputs, values = fitted.measurements.inputs[:, 0], fitted.measurements.values * fitted.measurements.unit
    axes.plot(inputs, values, marker, color=colour, markersize=4, alpha=0.7, markeredgewidth=0, zorder=3)
    if fitted.fit is None:
        axes.plot([], [], marker, color=colour, markersize=4, label=f"{group}: {fitted.notes[0]}")
        return
    inside = _grid(fitted, inputs.min(), inputs.max())
    axes.plot(inside, fitted.predict(inside), color=colour, zorder=2, label=f"{group}: {fitted.law.formula}")
    band = fitted.band(inside)
    if band is not None:
        axes.fill_between(inside, band.low, band.high, color=colour, alpha=0.15, linewidth=0, zorder=1)
    if fitted.law.takes_logs:
        beyond = _grid(fitted, inputs.max(), FAR * inputs.max())
        axes.plot(beyond, fitted.predict(beyond), "--", color=colour, linewidth=0.9, zorder=2)


def _grid(fitted: FittedCurve, low: float, high: float) -> np.ndarray:
    return np.geomspace(low, high, 80) if fitted.law.takes_logs else np.linspace(low, high, 80)
