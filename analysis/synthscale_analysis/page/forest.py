"""A forest plot of overall multipliers: a row a method, a mark with its interval for each baseline.

A method's name stands over its marks and not beside them, so that a phone leaves the marks their room.
"""

from collections.abc import Mapping, Sequence
from math import ceil, log2, log10
from typing import Any

from plotly.graph_objects import Figure, Scatter

from synthscale.scaling import CensoredValue, OverallMultiplier, Reach
from synthscale_analysis.curves import LABELS, Curve
from synthscale_analysis.numbers.bounds import estimate_text, is_untold
from synthscale_analysis.page.chart import INK, as_text, house_figure, marker, multiplier_ticks, of_curve

ROW_PIXELS = 64
#: Of a row's height, how far each baseline's mark lies below the name.
_OFFSETS = (0.04, -0.2)
_HEADS = {Reach.MORE_THAN: "triangle-right", Reach.LESS_THAN: "triangle-left"}
_ROOM = 1.15
#: Doublings along the axis up to which it has ticks between them, and of which each has a tick.
HALVED_DOUBLINGS, MOST_DOUBLINGS = 3, 6


def forest(curves: Sequence[Curve], overall: Mapping[str, Sequence[OverallMultiplier | None]]) -> Figure | None:
    """overall: by baseline, the one to look at first; parallel to curves. None where there is no multiplier at all."""
    rows = [
        (place, curve)
        for place, curve in enumerate(curves)
        if any(found[place] is not None and _ends(found[place]) for found in overall.values())
    ]
    ends = [end for found in overall.values() for place, _ in rows for end in _ends(found[place])]
    if not ends:
        return None
    left, right = min(*ends, 1.0) / _ROOM, max(*ends, 1.0) * _ROOM
    figure = house_figure(height=90 + ROW_PIXELS * len(rows))
    figure.update_xaxes(type="log", range=_log10(left, right), title="times the data of the baseline")
    figure.update_xaxes(**multiplier_ticks(_doublings(left, right)), tickangle=0)
    figure.update_yaxes(range=[-len(rows) + 0.5, 0.75], visible=False, fixedrange=True)
    figure.update_layout(margin={"l": 8})
    figure.add_vline(1.0, line={"color": INK, "width": 1})
    for row, (place, curve) in enumerate(rows):
        name = {"x": [left], "y": [0.34 - row], "mode": "text", "text": [as_text(curve.label)]}
        look = {"textposition": "middle right", "showlegend": False, "hoverinfo": "skip", "cliponaxis": False}
        figure.add_trace(Scatter(**(of_curve(curve) | name | look)))
        for rank, found in enumerate(overall.values()):
            _add_row(figure, curve, found[place], _OFFSETS[rank % 2] - row, is_open=rank > 0)
    for rank, baseline in enumerate(overall):
        mark = {"color": INK, "size": 9, "symbol": _symbol("circle", is_open=rank > 0)}
        label = {"name": f"against {as_text(LABELS.get(baseline, baseline))}", "mode": "markers"}
        figure.add_trace(Scatter(x=[None], y=[None], marker=mark, **label))
    return figure


def _add_row(figure: Figure, curve: Curve, found: OverallMultiplier | None, at: float, *, is_open: bool) -> None:
    """The interval as a line with heads where an end is a bound, and the mark on it.

    A bound is a triangle without a line; what cannot be told has no mark that is seen, but its text at the pointer.
    """
    if found is None or found.multiplier is None:
        return
    own: dict[str, Any] = of_curve(curve) | {"showlegend": False}
    if found.multiplier.reach is Reach.IN_RANGE and found.low is not None and found.high is not None:
        heads = [_HEADS.get(end.reach, "line-ns") for end in (found.low, found.high)]
        look = {"mode": "lines+markers", "line": {"color": curve.colour, "width": 1.5}, "hoverinfo": "skip"}
        dots = {"color": curve.colour, "size": 7, "symbol": heads}
        figure.add_trace(Scatter(x=[found.low.value, found.high.value], y=[at, at], marker=dots, **(own | look)))
    symbol = _HEADS.get(found.multiplier.reach, marker(curve)["symbol"])
    mark = {"color": curve.colour, "size": 11, "symbol": _symbol(symbol, is_open=is_open)}
    mark["opacity"] = 0.0 if is_untold(found.multiplier, found.low, found.high) else 1.0
    text = f"{as_text(curve.label)}<br>{as_text(estimate_text(found.multiplier, found.low, found.high))}"
    look = {"mode": "markers", "marker": mark, "hovertemplate": f"{text}<extra></extra>"}
    figure.add_trace(Scatter(x=[found.multiplier.value], y=[at], **(own | look)))


def _symbol(name: str, *, is_open: bool) -> str:
    return f"{name}-open" if is_open else name


def _ends(found: OverallMultiplier | None) -> list[float]:
    """All that the row has to show: of a bound, the bound alone."""
    if found is None or found.multiplier is None:
        return []
    if found.multiplier.reach is not Reach.IN_RANGE:
        return [found.multiplier.value]
    values: list[CensoredValue | None] = [found.multiplier, found.low, found.high]
    return [value.value for value in values if value is not None]


def _doublings(left: float, right: float) -> int:
    """Between ticks, so that a phone has room for their numbers side by side; 0 for ticks at 1.5×, 3× as well."""
    shown = log2(right / left)
    return 0 if shown <= HALVED_DOUBLINGS else ceil(shown / MOST_DOUBLINGS)


def _log10(*ends: float) -> list[float]:
    return [log10(end) for end in ends]
