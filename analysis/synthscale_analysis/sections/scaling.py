"""Test error against data size with fitted laws: where each method is, and how fast it falls."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure, Scatter

from synthscale.scaling import Interval
from synthscale_analysis.curves import Curve
from synthscale_analysis.figures.error import NAME as STATIC
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.estimates import STUDY_LAWS, error_by_size
from synthscale_analysis.numbers.fitting import FittedCurve, own_notes, shared_notes, verdict_on
from synthscale_analysis.numbers.limits import cuts_intervals, error_limits
from synthscale_analysis.numbers.wording import listed
from synthscale_analysis.page.chart import (
    add_band,
    add_curve,
    add_legend_entry,
    add_runs,
    house_figure,
    line,
    of_curve,
    rate_axis,
    size_axis,
)
from synthscale_analysis.page.section import Chart, DataTable, Points, Prose, Section
from synthscale_analysis.style import dodges

ANCHOR, TITLE = "scaling", "Test error against data size"
NUM_GRID_SIZES = 40
_CAPTION = (
    "Both axes are logarithmic, so a power law is a straight line. Small dots are runs, one a seed; large marks their "
    "mean with a 95 % interval, moved apart around their size; lines the power law fitted to the runs. A click on a "
    "method in the legend hides it, a double click leaves it alone; with three or fewer left, each has its law's band."
)
_NEAR_ZERO = 1e-3
_WITHOUT_TREND = "the interval of b includes 0, or there is none"
_CUT = " An interval that reaches below half the lowest run is cut off there."
_COLUMNS = ("method", "law", "a", "b", "c", "notes")
_LAWS = (
    "power: error = a · N^-b. power_offset: error = c + a · N^-b, with a floor c. In brackets 95 % bootstrap intervals "
    "over seeds."
)


def section(material: Material) -> Section | str:
    """A sentence where every run's error is exactly 0, which has no place on a log axis."""
    if not (material.records["test_error"] > 0).any():
        return (
            "Test error against data size: every run has an error of exactly 0, which a logarithmic axis does not have."
        )
    cut = _CUT if cuts_intervals(material.curves) else ""
    chart = Chart(_figure(material), f"{_CAPTION}{cut}", STATIC)
    verdicts = [f"{curve.label}: {_verdict(material, place)}." for place, curve in enumerate(material.curves)]
    shared = shared_notes([fitted for of_law in material.fits.values() for fitted in of_law if fitted is not None])
    laws = f"{_LAWS} All fits: {'; '.join(shared)}." if shared else _LAWS
    fits = DataTable(_COLUMNS, _fit_rows(material, shared), laws, frozenset(("a", "b", "c")))
    return Section(ANCHOR, TITLE, _lead(material), [chart, Prose("Which law holds:"), Points(verdicts), fits])


@dataclass(frozen=True, slots=True)
class Slope:
    """How fast a method's error falls: b of its power law, and b's interval, None where there is none."""

    label: str
    exponent: float
    interval: Interval | None

    @property
    def tells(self) -> bool:
        """Whether there is a trend: the interval leaves out 0."""
        return self.interval is not None and not self.interval.low <= 0 <= self.interval.high

    def is_beyond(self, others: Sequence["Slope"]) -> bool:
        """Whether the whole interval lies above those of the others, which all have one."""
        if self.interval is None:
            return False
        return all(other.interval is not None and self.interval.low > other.interval.high for other in others)

    def __str__(self) -> str:
        """As "RFT falls by 24 % (b = 0.40 [0.31, 0.52])"."""
        change = 2.0**-self.exponent - 1
        verb = "falls" if change <= 0 else "rises"
        return f"{self.label} {verb} by {100 * abs(change):.0f} % (b = {_estimate(self.exponent, self.interval)})"


def _lead(material: Material) -> str:
    """The fall of the methods that have one; which is slowest or fastest only where the intervals tell."""
    slopes = [
        Slope(curve.label, fitted.fit.parameters["b"], fitted.interval("b"))
        for curve, fitted in zip(material.curves, material.power_fits, strict=True)
        if fitted is not None and fitted.fit is not None
    ]
    if not slopes:
        return "There are too few sizes for a power law of any method."
    return trends(slopes)


def trends(slopes: Sequence[Slope]) -> str:
    """Sentences on one slope or more."""
    untold = [slope.label for slope in slopes if not slope.tells]
    if len(untold) == len(slopes):
        whose = "any method" if len(slopes) > 1 else slopes[0].label
        return f"No trend with more data can be told for {whose}: {_WITHOUT_TREND}."
    rest = f" No trend can be told for {listed(untold)}: {_WITHOUT_TREND}." if untold else ""
    return f"With twice the data, the error of {_extremes(slopes)}.{rest}"


def _extremes(slopes: Sequence[Slope]) -> str:
    """The fastest and the slowest fall of those that tell, and whether they stand apart from all others."""
    told = sorted((slope for slope in slopes if slope.tells), key=lambda slope: slope.exponent)
    if len(told) == 1:
        return str(told[0])
    fastest, slowest = told[-1], told[0]
    most = fastest.is_beyond([slope for slope in slopes if slope is not fastest])
    least = all(slope.is_beyond([slowest]) for slope in slopes if slope is not slowest)
    text = f"{fastest}{', the most of all' if most else ''}; that of {slowest}{', the least' if least else ''}"
    if most and least:
        return text
    unranked = "the most" if least else "the least" if most else "the most or the least"
    return f"{text}; intervals overlap, so no method is shown to fall {unranked}"


def _figure(material: Material) -> Figure:
    figure = house_figure(height=500)
    sizes = sorted(float(size) for size in material.records["data_size"].unique())
    size_axis(figure, sizes)
    rate_axis(figure, limits=error_limits(material.curves))
    shifts = dodges(len(material.curves), sizes, share=0.3)
    for curve, fitted, shift in zip(material.curves, material.power_fits, shifts, strict=True):
        add_legend_entry(figure, curve)
        _add_fit(figure, curve, fitted)
        _add_runs_and_means(figure, curve, shift)
    return figure


def _add_fit(figure: Figure, curve: Curve, fitted: FittedCurve | None) -> None:
    if fitted is None or fitted.fit is None:
        return
    sizes = curve.rows["data_size"]
    grid = np.geomspace(sizes.min(), sizes.max(), NUM_GRID_SIZES)
    if fitted.bootstrap is not None and fitted.bootstrap.resampled == "seeds":
        band = fitted.bootstrap.band(grid)
        add_band(figure, curve, _rounded(grid), _rounded(band.low), _rounded(band.high))
    look = {"mode": "lines", "line": line(curve), "opacity": 0.7, "showlegend": False, "hoverinfo": "skip"}
    figure.add_trace(Scatter(x=_rounded(grid), y=_rounded(fitted.fit.predict(grid)), **(of_curve(curve) | look)))


def _add_runs_and_means(figure: Figure, curve: Curve, shift: float) -> None:
    """A run with an error of 0 is left out, as in fits: the list of what is missing says so."""
    runs = curve.rows[curve.rows["test_error"] > 0]
    texts = [
        f"{curve.label}, seed {seed}<br>{size:,.0f} problems: error {error:.3f}"
        for seed, size, error in zip(runs["seed"], runs["data_size"], runs["test_error"], strict=True)
    ]
    add_runs(figure, curve, _rounded(runs["data_size"] * shift), runs["test_error"].tolist(), texts)
    means = {size: mean for size, mean in error_by_size(curve).items() if mean.mean > 0}
    ends = [mean.interval for mean in means.values()]
    add_curve(
        figure,
        curve,
        [size * shift for size in means],
        [mean.mean for mean in means.values()],
        low=[None if end is None else end.low for end in ends],
        high=[None if end is None else end.high for end in ends],
        hover=[_mean_text(curve, size) for size in means],
        mode="markers",
        showlegend=False,
    )


def _mean_text(curve: Curve, size: int) -> str:
    mean = error_by_size(curve)[size]
    ends = "" if mean.interval is None else f" [{mean.interval.low:.3f}, {mean.interval.high:.3f}]"
    return f"{curve.label}, mean of {mean.num_seeds}<br>{size:,} problems: error {mean.mean:.3f}{ends}"


def _verdict(material: Material, place: int) -> str:
    fits = [material.fits[law][place] for law in STUDY_LAWS]
    return verdict_on([fitted for fitted in fits if fitted is not None])


def _fit_rows(material: Material, shared: Sequence[str]) -> list[list[str]]:
    rows = []
    for place, curve in enumerate(material.curves):
        for law in STUDY_LAWS:
            fitted = material.fits[law][place]
            if fitted is None:
                rows.append([curve.label, law, "–", "–", "–", "no run has a positive error"])
            else:
                numbers = [_number(fitted, name) for name in ("a", "b", "c")]
                rows.append([curve.label, law, *numbers, own_notes(fitted, shared)])
    return rows


def _number(fitted: FittedCurve, name: str) -> str:
    """As "0.40 [0.31, 0.52]"; a dash where the law has no such parameter or there is no fit."""
    if fitted.fit is None or name not in fitted.fit.parameters:
        return "–"
    return _estimate(fitted.fit.parameters[name], fitted.interval(name))


def _estimate(value: float, interval: Interval | None) -> str:
    """As "0.40 [0.31, 0.52]"."""
    ends = "" if interval is None else f" [{_digits(interval.low)}, {_digits(interval.high)}]"
    return f"{_digits(value)}{ends}"


def _digits(number: float) -> str:
    """Three digits; what is nearer to 0 than 0.001 is 0.000 and not 8.09e-10."""
    return "0.000" if abs(number) < _NEAR_ZERO else f"{number:.3g}"


def _rounded(numbers: "np.ndarray | pd.Series[float]") -> list[float]:
    """To five digits: a chart shows no more, and a page carries thousands."""
    return [float(f"{number:.5g}") for number in numbers]
