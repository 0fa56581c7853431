"""Charts whose lines can be switched to other numbers, by buttons or a menu above the chart.

Each choice gives every line of the figure anew, in the order in which the lines were added; nothing is hidden or shown,
so that the page's filter of methods keeps its say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from plotly.graph_objects import Figure

from synthscale_analysis.curves import Curve
from synthscale_analysis.page.chart import add_curve, as_text

#: Plotly paints the chosen button nearly white in every theme; the others are grey, by names that no theme changes.
_LOOKS = {"bgcolor": "lightgrey", "font": {"color": "black"}, "borderwidth": 0}


@dataclass(frozen=True, slots=True)
class Line:
    """One curve's points under one choice. low, high: ends of intervals, None where there is none. hover: texts."""

    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float | None]
    high: Sequence[float | None]
    hover: Sequence[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """A button: its label, the lines it shows, and what of the layout changes with it."""

    label: str
    lines: Sequence[Line]
    layout: Mapping[str, Any]


def line_of(rows: pd.DataFrame, x: str, y: str, hover: Sequence[str]) -> Line:
    """Points from a table's columns; its columns `low` and `high` end the intervals."""
    low, high = ([None if pd.isna(end) else float(end) for end in rows[name]] for name in ("low", "high"))
    return Line([float(at) for at in rows[x]], [float(at) for at in rows[y]], low, high, hover)


def add_line(figure: Figure, curve: Curve, line: Line, **trace: Any) -> None:
    """The curve's line under the first choice; trace: anything else of plotly's Scatter."""
    add_curve(figure, curve, line.x, line.y, low=line.low, high=line.high, hover=line.hover, **trace)


def add_buttons(figure: Figure, choices: Sequence[Choice], shown: int = 0, *, menu: bool = False) -> None:
    """Buttons in a row, or a menu; none where there is nothing to choose. shown: number of the choice drawn first."""
    if len(choices) < 2:
        return
    buttons = [
        {"label": choice.label, "method": "update", "args": [_changes(choice.lines), dict(choice.layout)]}
        for choice in choices
    ]
    kind = {"type": "dropdown", "direction": "down"} if menu else {"type": "buttons", "direction": "right"}
    place = {"x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 8}}
    looks = {"active": shown, "showactive": True, "buttons": buttons} | _LOOKS
    figure.update_layout(updatemenus=[kind | place | looks], margin={"t": 76}, legend={"y": -0.22})


def _changes(lines: Sequence[Line]) -> dict[str, Any]:
    return {
        "x": [list(line.x) for line in lines],
        "y": [list(line.y) for line in lines],
        "error_y.array": [_lengths(line.high, line.y, 1) for line in lines],
        "error_y.arrayminus": [_lengths(line.low, line.y, -1) for line in lines],
        "hovertext": [[as_text(text).replace("&lt;br&gt;", "<br>") for text in line.hover] for line in lines],
    }


def _lengths(ends: Sequence[float | None], middle: Sequence[float], sign: int) -> list[float | None]:
    return [None if end is None else sign * (end - at) for end, at in zip(ends, middle, strict=True)]
