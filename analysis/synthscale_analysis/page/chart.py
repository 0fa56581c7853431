"""Plotly figures in the house's style.

Colours that depend on the page's theme (ink, grid) are left to the page's script: a figure names them `INK`, and has no
background of its own.
"""

from collections.abc import Sequence

from plotly.graph_objects import Figure

#: Stands for the colour of text, which the page's script replaces: black on white, or white on black.
INK = "#000000"
HEIGHT_PIXELS = 420


def house_figure(*, height: int = HEIGHT_PIXELS) -> Figure:
    """An empty figure with the house's layout."""
    figure = Figure()
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 64, "r": 16, "t": 16, "b": 56},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "top", "y": -0.18, "x": 0},
        hovermode="closest",
    )
    return figure


def size_axis(figure: Figure, sizes: Sequence[float]) -> None:
    """Log axis of data sizes, with a tick at each."""
    ticks = sorted(sizes)
    figure.update_xaxes(
        type="log", tickvals=ticks, ticktext=[f"{size:,.0f}" for size in ticks], title="data size (problems)"
    )
