"""Data multiplier against size, a chart for each baseline."""

from plotly.graph_objects import Figure, Scatter

from synthscale.scaling import DataMultiplier, Reach
from synthscale_analysis.curves import LABELS, Curve
from synthscale_analysis.figures.multiplier import NAME as STATIC
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.bounds import estimate_text, is_bound, is_untold
from synthscale_analysis.numbers.estimates import BASELINES
from synthscale_analysis.page.chart import (
    INK,
    PAPER,
    add_curve,
    add_legend_entry,
    as_text,
    house_figure,
    marker,
    multiplier_ticks,
    of_curve,
    size_axis,
)
from synthscale_analysis.page.section import Chart, Section
from synthscale_analysis.style import dodges

ANCHOR, TITLE = "multiplier", "Data multiplier"
_TRIANGLES = {Reach.MORE_THAN: "triangle-up-open", Reach.LESS_THAN: "triangle-down-open"}
_CAPTION = (
    "How many times the method's data the baseline, {baseline}, needs for the same test error. Filled marks are "
    "estimates with their 95 % interval. Open triangles are beyond range: the method's error lies outside the errors "
    "at which the baseline was measured, so the multiplier is at least (pointing up) or at most (pointing down) what "
    "the triangle stands at, and no more is claimed."
)
_SECOND = (
    "How many times the method's data another baseline, {baseline}, needs for the same test error; marks and triangles "
    "are those of the chart above."
)


def section(material: Material) -> Section | str:
    """A sentence where the study has no baseline, or it makes no errors."""
    if not material.baselines:
        return f"Data multiplier: the study has no runs of {' or '.join(BASELINES)}."
    drawn = [name for name in reversed(BASELINES) if any(material.multipliers.get(name, []))]
    if not drawn:
        return "Data multiplier: there is no method beside a baseline with a positive error."
    charts = [
        Chart(_figure(material, drawn[0]), _CAPTION.format(baseline=LABELS[drawn[0]]), STATIC),
        *(Chart(_figure(material, name), _SECOND.format(baseline=LABELS[name])) for name in drawn[1:]),
    ]
    return Section(ANCHOR, TITLE, _lead(material, drawn[0]), charts)


def _lead(material: Material, baseline: str) -> str:
    """How many estimates lie above 1 with their whole interval, below it, or neither."""
    found = [one for points in material.multipliers[baseline] for one in points]
    ends = [(one.low.value, one.high.value) for one in found if one.low is not None and one.high is not None]
    above, below = sum(low > 1 for low, _ in ends), sum(high < 1 for _, high in ends)
    beyond = sum(one.multiplier.reach is not Reach.IN_RANGE for one in found)
    return (
        f"Against {LABELS[baseline]}, {above} of {len(found)} pairs of method and size lie above 1 with their whole "
        f"interval and {below} below it; {beyond} are beyond the baseline's range."
    )


def _figure(material: Material, baseline: str) -> Figure:
    figure = house_figure()
    sizes = sorted(float(size) for size in material.records["data_size"].unique())
    size_axis(figure, sizes)
    figure.update_yaxes(type="log", title=f"times the data of {as_text(LABELS[baseline])}", **multiplier_ticks())
    figure.add_hline(1.0, line={"color": INK, "width": 1})
    shifts = dodges(len(material.curves), sizes, share=0.55)
    for curve, shift, points in zip(material.curves, shifts, material.multipliers[baseline], strict=True):
        if points:
            add_legend_entry(figure, curve, "markers")
            _add_points(figure, curve, shift, points)
    return figure


def _add_points(figure: Figure, curve: Curve, shift: float, points: list[DataMultiplier]) -> None:
    """Marks with intervals, bounds as triangles, and arrow heads where an interval ends in a bound."""
    symbols = [_TRIANGLES.get(point.multiplier.reach, marker(curve)["symbol"]) for point in points]
    look = marker(curve, size=11) | {"symbol": symbols, "line": {"color": PAPER, "width": 0}}
    add_curve(
        figure,
        curve,
        [point.size * shift for point in points],
        [point.multiplier.value for point in points],
        low=[None if point.low is None else point.low.value for point in points],
        high=[None if point.high is None else point.high.value for point in points],
        hover=[_text(curve, point) for point in points],
        mode="markers",
        marker=look,
        showlegend=False,
    )
    heads = [
        (point.size * shift, end)
        for point in points
        for end in (() if is_bound(point.multiplier, point.low, point.high) else (point.low, point.high))
        if end is not None and end.reach in _TRIANGLES
    ]
    look = {
        "color": curve.colour,
        "size": 6,
        "symbol": [_TRIANGLES[end.reach].removesuffix("-open") for _, end in heads],
    }
    rest = {"mode": "markers", "marker": look, "showlegend": False, "hoverinfo": "skip"}
    x, y = [at for at, _ in heads], [end.value for _, end in heads]
    figure.add_trace(Scatter(x=x, y=y, **(of_curve(curve) | rest)))


def _text(curve: Curve, point: DataMultiplier) -> str:
    ends = (point.multiplier, point.low, point.high)
    note = f"<br>{point.note}" if point.note else ""
    is_plain = point.multiplier.reach is Reach.IN_RANGE or is_bound(*ends) or is_untold(*ends)
    beyond = "" if is_plain else ", beyond the baseline's range"
    head = f"{curve.label}, {point.size:,.0f} problems"
    return f"{head}<br>times the data: {estimate_text(*ends)}{beyond}{note}"
