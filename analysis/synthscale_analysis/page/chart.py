"""Plotly figures in the house's style, and the traces of a curve in it.

Colours that depend on the page's theme (ink, grid) are left to the page's script: a figure names them `INK`, and has no
background of its own. The script also gives a figure the height of its legend on top of its own.
"""

from collections.abc import Sequence
from html import escape
from math import log10
from typing import Any

from matplotlib.colors import to_rgb
from plotly.graph_objects import Figure, Scatter

from synthscale_analysis.curves import Curve, LineStyle

#: Stands for the colour of text, which the page's script replaces: black on white, or white on black.
INK = "#000000"
#: Of what stands behind the data, and of the paper: an open marker, an outline. Also replaced.
GRID = "#e6e6e6"
PAPER = "#ffffff"
HEIGHT_PIXELS = 420
LINE_WIDTH_PIXELS = 1.8
FONT_PIXELS = 13
MAX_SIZE_TICKS = 8
#: Plotly's names of matplotlib's markers.
SYMBOLS = {
    "o": "circle",
    "s": "square",
    "D": "diamond",
    "p": "pentagon",
    "X": "x",
    "P": "cross",
    "h": "hexagon",
    "d": "diamond-tall",
    "*": "star",
    "8": "octagon",
    "H": "hexagon2",
}


def house_figure(*, height: int = HEIGHT_PIXELS) -> Figure:
    """An empty figure with the house's layout; height in pixels, without the legend's."""
    figure = Figure()
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 60, "r": 16, "t": 16, "b": 56},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "top", "y": -0.18, "x": 0, "itemwidth": 44},
        hovermode="closest",
        uirevision="kept",  # zoom and hidden traces outlive a change of theme
    )
    text = {"title_font_size": FONT_PIXELS, "title_standoff": 10, "zeroline": False, "gridcolor": GRID}
    figure.update_xaxes(**text, linecolor=INK, showline=True, ticks="outside", tickcolor=INK)
    figure.update_yaxes(**text, automargin=True)
    return figure


def size_axis(figure: Figure, sizes: Sequence[float], title: str = "data size (problems)") -> None:
    """Log axis of data sizes, with a tick at each (thinned where there are many)."""
    ticks = sorted(sizes)[:: -(-len(sizes) // MAX_SIZE_TICKS)]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{size:,.0f}" for size in ticks], title=title)


def rate_axis(figure: Figure, title: str = "test error", limits: tuple[float, float] | None = None) -> None:
    """Log axis of a rate between 0 and 1, with ticks at 1, 2, 3, 5 and 7 of every decade in plain numbers.

    limits: rates at its ends; None for those that hold all that is drawn.
    """
    ticks = [lead / 10**decade for decade in range(5, 0, -1) for lead in (1, 2, 3, 5, 7)] + [1.0]
    figure.update_yaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks], title=title)
    if limits is not None:
        figure.update_yaxes(range=[log10(end) for end in limits])


def percent_axis(figure: Figure, title: str = "test accuracy") -> None:
    """Linear axis of a share, in per cent."""
    figure.update_yaxes(tickformat=".0%", title=title)


def multiplier_ticks(doublings: int = 0) -> dict[str, Any]:
    """Ticks of a log axis of multipliers, so many doublings apart, around 1× and in plain numbers.

    doublings: 0 for 1×, 1.5×, 2×, 3×, 4× and so on.
    """
    if doublings:
        ticks = [2.0**power for power in range(-16 * doublings, 17 * doublings, doublings)]
    else:
        ticks = [lead * 2.0**power for power in range(-8, 9) for lead in (1.0, 1.5)]
    return {"tickvals": ticks, "ticktext": [_times(tick) for tick in ticks]}


def _times(multiplier: float) -> str:
    return f"{multiplier:,.0f}×" if multiplier >= 100 else f"{multiplier:.2g}×"


def of_curve(curve: Curve) -> dict[str, Any]:
    """What every trace of a curve has: its name, its group in the legend, and what the page's filter knows it by."""
    return {"name": as_text(curve.label), "legendgroup": curve.label, "meta": {"method": curve.label}}


def add_curve(
    figure: Figure,
    curve: Curve,
    x: Sequence[float],
    y: Sequence[float],
    *,
    low: Sequence[float | None] | None = None,
    high: Sequence[float | None] | None = None,
    hover: Sequence[str] | None = None,
    mode: str = "lines+markers",
    **trace: Any,
) -> None:
    """The curve's marks, or line with marks, as one entry of the legend.

    low, high: ends of the intervals, in the units of y; None where a point has none. hover: a text a point, which is
    escaped here but for `<br>`; without it plotly shows the numbers. trace: anything else of plotly's Scatter.
    """
    error = None
    if low is not None and high is not None:
        above = [None if end is None else end - at for end, at in zip(high, y, strict=True)]
        below = [None if end is None else at - end for end, at in zip(low, y, strict=True)]
        error = {"type": "data", "array": above, "arrayminus": below, "thickness": 1.2, "width": 0}
    look = {"mode": mode, "marker": marker(curve), "line": line(curve), "error_y": error}
    figure.add_trace(Scatter(x=list(x), y=list(y), **(of_curve(curve) | look | _hover(hover) | trace)))


def add_legend_entry(figure: Figure, curve: Curve, mode: str = "lines+markers") -> None:
    """An entry of the curve in the legend, where its traces have none that looks like all of them."""
    look = {"mode": mode, "marker": marker(curve), "line": line(curve)}
    figure.add_trace(Scatter(x=[None], y=[None], **(of_curve(curve) | look)))


def add_runs(
    figure: Figure, curve: Curve, x: Sequence[float], y: Sequence[float], hover: Sequence[str] | None = None
) -> None:
    """A small dot a run, without an entry in the legend."""
    dots = {"color": tint(curve.colour, 0.6), "size": 5, "symbol": "circle"}
    look = {"mode": "markers", "marker": dots, "showlegend": False}
    figure.add_trace(Scatter(x=list(x), y=list(y), **(of_curve(curve) | look | _hover(hover))))


def add_band(
    figure: Figure, curve: Curve, x: Sequence[float], low: Sequence[float], high: Sequence[float], **trace: Any
) -> None:
    """The area between two lines, which comes and goes with its curve; the page hides it where there are many."""
    outline = {"x": [*x, *reversed(x)], "y": [*high, *reversed(low)], "fill": "toself"}
    look = {"fillcolor": tint(curve.colour, 0.12), "line": {"width": 0}, "mode": "lines", "hoverinfo": "skip"}
    own = of_curve(curve) | {"showlegend": False, "meta": {"method": curve.label, "band": True}}
    figure.add_trace(Scatter(**(own | outline | look | trace)))


def line(curve: Curve, width: float = LINE_WIDTH_PIXELS) -> dict[str, Any]:
    """Plotly's line of the curve: its colour and its dashes."""
    return {"color": curve.colour, "width": width, "dash": dash(curve.line_style, width)}


def marker(curve: Curve, size: float = 9) -> dict[str, Any]:
    """Plotly's marker of the curve."""
    return {"color": curve.colour, "size": size, "symbol": SYMBOLS[curve.marker]}


def dash(style: LineStyle, width: float = LINE_WIDTH_PIXELS) -> str:
    """Plotly's dashes, in pixels, of matplotlib's, in widths of the line."""
    if isinstance(style, str):
        return "solid"
    return ",".join(f"{length * width:.1f}px" for length in style[1])


def tint(colour: str, alpha: float) -> str:
    """A colour that lets through what is behind it."""
    red, green, blue = (round(255 * channel) for channel in to_rgb(colour))
    return f"rgba({red},{green},{blue},{alpha:g})"


def as_text(text: str) -> str:
    """Text that plotly shows as it is: it reads some HTML in names and labels."""
    return escape(text, quote=False)


def _hover(texts: Sequence[str] | None) -> dict[str, Any]:
    """Texts at the pointer; `<br>` breaks a line."""
    if texts is None:
        return {}
    safe = [as_text(text).replace("&lt;br&gt;", "<br>") for text in texts]
    return {"hovertext": safe, "hovertemplate": "%{hovertext}<extra></extra>"}
