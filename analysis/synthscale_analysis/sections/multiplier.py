"""Data multiplier against size, a chart for each baseline."""

from plotly.graph_objects import Figure, Scatter

from synthscale.scaling import CensoredValue, DataMultiplier, Reach
from synthscale_analysis.curves import LABELS, Curve
from synthscale_analysis.figures.multiplier import NAME as STATIC
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.bounds import estimate_text, is_bound, is_untold
from synthscale_analysis.numbers.estimates import BASELINES
from synthscale_analysis.numbers.wording import listed
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
    "estimates with their 95 % interval. An open triangle is a bound and no estimate: the method's mean error lies "
    "outside the errors at which the baseline was measured, so the multiplier is at least (pointing up) or at most "
    "(pointing down) what the triangle stands at. It has no bar, which would look like a measured interval; how far "
    "its draws reach is told at the pointer."
)
_SECOND = (
    "How many times the method's data another baseline, {baseline}, needs for the same test error; marks and triangles "
    "are those of the chart above."
)
_UNTOLD = " Not drawn, as its draws lie beyond the baseline's range on either side and nothing can be told: {points}."


def section(material: Material) -> Section | str:
    """A sentence where the study has no baseline, or it makes no errors."""
    if not material.baselines:
        return f"Data multiplier: the study has no runs of {' or '.join(BASELINES)}."
    drawn = [name for name in reversed(BASELINES) if any(material.multipliers.get(name, []))]
    if not drawn:
        return "Data multiplier: there is no method beside a baseline with a positive error."
    charts = [
        Chart(_figure(material, drawn[0]), _caption(_CAPTION, material, drawn[0]), STATIC),
        *(Chart(_figure(material, name), _caption(_SECOND, material, name)) for name in drawn[1:]),
    ]
    return Section(ANCHOR, TITLE, _lead(material, drawn[0]), charts)


def _caption(start: str, material: Material, baseline: str) -> str:
    """With the points that are left out of the chart."""
    untold = [
        f"{curve.label} at {listed([f'{point.size:,.0f}' for point in left_out])}"
        for curve, points in zip(material.curves, material.multipliers[baseline], strict=True)
        if (left_out := [point for point in points if _is_untold(point)])
    ]
    return start.format(baseline=LABELS[baseline]) + (_UNTOLD.format(points="; ".join(untold)) if untold else "")


def _is_untold(point: DataMultiplier) -> bool:
    return is_untold(point.multiplier, point.low, point.high)


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
    """Marks with intervals, with arrow heads where one ends in a bound; bounds as triangles without.

    What cannot be told has no mark that is seen, but its text at the pointer.
    """
    bars = [_bar(point) for point in points]
    symbols = [_TRIANGLES.get(point.multiplier.reach, marker(curve)["symbol"]) for point in points]
    seen = [0.0 if _is_untold(point) else 1.0 for point in points]
    look = marker(curve, size=11) | {"symbol": symbols, "opacity": seen, "line": {"color": PAPER, "width": 0}}
    add_curve(
        figure,
        curve,
        [point.size * shift for point in points],
        [point.multiplier.value for point in points],
        low=[None if low is None else low.value for low, _ in bars],
        high=[None if high is None else high.value for _, high in bars],
        hover=[_text(curve, point) for point in points],
        mode="markers",
        marker=look,
        showlegend=False,
    )
    heads = [
        (point.size * shift, end)
        for point, bar in zip(points, bars, strict=True)
        for end in bar
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


def _bar(point: DataMultiplier) -> tuple[CensoredValue | None, CensoredValue | None]:
    """The ends of an estimate's interval; a bound has none to draw, as a bar looks like what was measured."""
    return (point.low, point.high) if point.multiplier.reach is Reach.IN_RANGE else (None, None)


def _text(curve: Curve, point: DataMultiplier) -> str:
    ends = (point.multiplier, point.low, point.high)
    note = f"<br>{point.note}" if point.note else ""
    is_plain = point.multiplier.reach is Reach.IN_RANGE or is_bound(*ends) or is_untold(*ends)
    beyond = "" if is_plain else ", beyond the baseline's range"
    head = f"{curve.label}, {point.size:,.0f} problems"
    return f"{head}<br>times the data: {estimate_text(*ends)}{beyond}{note}"
