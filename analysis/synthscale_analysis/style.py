"""How figures look and how they are written.

6.5 inches is the text width of a letter page with one-inch margins, so a figure is printed at the size it is drawn and
its 9-point letters stay 9-point. SVG keeps its text as text. The same records give the same bytes: no date, fixed ids.
"""

import warnings
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from synthscale_analysis.curves import Curve
from synthscale_analysis.output import FORMATS, write_atomically

matplotlib.use("Agg")

WIDTH_INCHES = 6.5
MAX_LABEL_OF_TWO_COLUMNS = 36  # letters
FONT_POINTS = 9.0
SIZE_LABEL = "data size (problems)"
RC: Any = {
    "font.size": FONT_POINTS,
    "axes.titlesize": FONT_POINTS + 1,
    "axes.labelsize": FONT_POINTS,
    "xtick.labelsize": FONT_POINTS,
    "ytick.labelsize": FONT_POINTS,
    "legend.fontsize": FONT_POINTS,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "text.parse_math": False,  # a $ in a name is a $
    "svg.fonttype": "none",
    "svg.hashsalt": "synthscale",
}


def house_style() -> AbstractContextManager[None]:
    """The settings above, for the drawing of one figure."""
    return matplotlib.rc_context(RC)


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write NAME.png and NAME.svg into the folder, each whole or not at all."""
    paths = figure_paths(folder, name)
    for path in paths:
        save_figure_as(figure, path)
    return paths


def figure_paths(folder: Path, name: str) -> list[Path]:
    """Where a figure of that name is written."""
    return [folder / f"{name}.{extension}" for extension in ("png", "svg")]


def save_figure_as(figure: Figure, path: Path) -> None:
    """Write the figure in the format that the file's ending says, one of `FORMATS`.

    A letter that matplotlib's font lacks (an algorithm may be called 🚀) is drawn as an empty box; an
    SVG has it as text, which its viewer draws.
    """
    extension, buffer = path.suffix[1:], BytesIO()
    with house_style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        figure.savefig(buffer, format=extension, metadata=FORMATS[extension])
    write_atomically(path, buffer.getvalue())


def size_axis(axes: Axes, sizes: Sequence[float], max_ticks: int = 8) -> None:
    """Log axis of data sizes, with a tick at every size measured (thinned where they are more than that)."""
    axes.set_xscale("log")
    step = -(-len(sizes) // max_ticks)
    axes.xaxis.set_major_locator(FixedLocator(list(sizes)[::step]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    margin = 1.3
    axes.set_xlim(min(sizes) / margin, max(sizes) * margin)
    axes.set_xlabel(SIZE_LABEL)


def rate_axis(axes: Axes) -> None:
    """Log axis of an error rate, with ticks at 1, 2, 3, 5 and 7 of every decade in plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))


def multiplier_axis(axes: Axes) -> None:
    """A logarithmic vertical axis of ratios, as 1.5×; set its scale and limits before."""
    axes.yaxis.set_major_locator(LogLocator(base=2, subs=(1.0, 1.5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda multiplier, _: f"{multiplier:g}×"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def bound_entries(behind: str = "") -> list[Line2D]:
    """What a legend says of the triangles that are bounds."""
    look: Any = {"linestyle": "", "color": "#404040", "markerfacecolor": "white", "markersize": 7}
    return [
        Line2D([], [], marker=mark, label=told + behind, **look) for mark, told in (("^", "at least"), ("v", "at most"))
    ]


def legend_entry(curve: Curve) -> Line2D:
    """The curve's line and mark, with its label."""
    entry = Line2D([], [], color=curve.colour, marker=curve.marker, markersize=6)
    entry.set(linestyle=curve.line_style, markeredgecolor="white", markeredgewidth=0.6, label=curve.label)
    return entry


def draw_legend(figure: Figure, entries: Sequence[Line2D], *, handle_length: float = 4.0) -> None:
    """The entries below the panels, as wide as their labels let them be; handle_length: in letters, 2 for marks."""
    columns = _legend_columns(str(entry.get_label()) for entry in entries)
    figure.legend(handles=entries, loc="outside lower center", ncols=columns, handlelength=handle_length)


def legend_rows(curves: Sequence[Curve]) -> int:
    """How many rows a legend of the curves has."""
    return -(-len(curves) // _legend_columns(curve.label for curve in curves))


def _legend_columns(labels: Iterable[str]) -> int:
    """Two; one where a label is too long for half the width."""
    return 1 if max(map(len, labels), default=0) > MAX_LABEL_OF_TWO_COLUMNS else 2


def shade(rank: int, num: int) -> str:
    """Colour of the rank-th of so many; dark to light, without the ends that vanish on black or on white."""
    return to_hex(matplotlib.colormaps["viridis"](0.2 + 0.58 * rank / max(num - 1, 1)))


def dodges(num_curves: int, sizes: Sequence[float], share: float) -> list[float]:
    """Factor by which each curve is moved along a log size axis, so that curves do not hide each other.

    share: of the narrowest gap between two sizes, what all curves together may fill.
    """
    narrowest = float(np.min(np.diff(np.log(sizes)))) if len(sizes) > 1 else float(np.log(2.0))
    step = min(share * narrowest / max(num_curves - 1, 1), 0.08)
    return [float(np.exp(step * (place - (num_curves - 1) / 2))) for place in range(num_curves)]


def draw_means(
    axes: Axes, at: Sequence[float], rows: pd.DataFrame, name: str, *, colour: str, marker: str, label: str = ""
) -> None:
    """Marks at the means of a table's rows, with its intervals: columns `mean_NAME`, or `NAME`, NAME_low, NAME_high."""
    means = rows[f"mean_{name}" if f"mean_{name}" in rows else name].astype(float)
    low, high = (rows[f"{name}_{end}"].astype(float) for end in ("low", "high"))
    axes.vlines(at, low, high, color=colour, linewidth=0.9, zorder=2)
    marks = axes.plot(at, means, marker, color=colour, markersize=6, label=label or None, zorder=4)
    marks[0].set(markeredgecolor="white", markeredgewidth=0.6)


def percent_axis(axes: Axes, label: str, *, is_difference: bool = False) -> None:
    """Axis of shares in percent; of differences in percentage points, with their signs."""

    def text(share: float, _: float) -> str:
        percent = round(100 * share, 9)
        return f"{percent:{'+' if is_difference and percent else ''}.3g}".replace("-", "−")

    axes.yaxis.set_major_formatter(FuncFormatter(text))
    axes.set_ylabel(label)


def count_axis(axes: Axes, counts: Sequence[float], label: str) -> None:
    """Log axis of a count, as tokens or rollouts, with `count_ticks` and room at both ends."""
    count_ticks(axes, counts)
    axes.set_xlim(min(counts) / 1.25, max(counts) * 1.25)
    axes.set_xlabel(label)


def count_ticks(axes: Axes, counts: Sequence[float]) -> None:
    """Log axis in plain numbers, with a tick at 1, 2 and 5 of each decade where there are few."""
    axes.set_xscale("log")
    decades = float(np.log10(max(counts) / min(counts)))
    subs = (1.0, 2.0, 5.0) if decades < 1.3 else (1.0, 3.0) if decades < 2.6 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_locator(NullLocator())
