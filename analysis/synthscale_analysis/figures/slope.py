"""Figure: over worlds with other tails, what a method is worth in data against the slope of the baseline's error.

A panel a baseline: its fitted slope b with interval across, the data multiplier over all sizes with interval up; curves
are what a method is worth that makes r times the baseline's errors at every size, r^(-1/b). Open triangles are bounds.
The last panel has the fitted slopes against the tail exponent a, and the theory's (a - 1)/a.

    python -m synthscale_analysis.figures.slope runs/slope
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synthscale.scaling import Reach
from synthscale.study.error import UserError
from synthscale_analysis.curves import COLOURS, LABELS, LINE_STYLES, MARKERS, distinct_looks
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.slopes import multiplier_at, slope_multipliers, slope_table
from synthscale_analysis.protocol import NUM_DRAWS, SEED
from synthscale_analysis.records import read_records
from synthscale_analysis.style import WIDTH_INCHES, bound_entries, draw_means, house_style, multiplier_axis, save_figure

NAME = "slope"
RATIOS = (0.9, 0.8, 0.7)
NO_SLOPE = "no law can be fitted to a baseline of these records: it takes two sizes"
_TRIANGLES = {Reach.MORE_THAN.value: "^", Reach.LESS_THAN.value: "v"}
_GREY = "#6b6b6b"
Looks = Mapping[str, tuple[str, str]]
"""Colour and marker of each method, by its label."""


def slope_figure(records: pd.DataFrame, num_draws: int = NUM_DRAWS, seed: int = SEED) -> Figure:
    """Figure of all worlds of the records; num_draws and seed are those of fits and multipliers."""
    slopes = slope_table(records, num_draws, seed)
    multipliers = slope_multipliers(records, num_draws, seed)
    slopes = slopes[slopes["slope"].astype(float) > 0]
    if slopes.empty:
        raise UserError(NO_SLOPE)
    multipliers = multipliers[(multipliers["slope"].astype(float) > 0) & multipliers["multiplier"].notna()]
    baselines = list(dict.fromkeys(multipliers["baseline"]))
    arms = multipliers.drop_duplicates("arm")
    looks = distinct_looks(dict(zip(arms["arm"].astype(str), arms["algorithm"].astype(str), strict=True)))
    with house_style():
        num_rows = -(-(len(baselines) + 1) // 2)
        height = 0.5 + 2.7 * num_rows + 0.2 * -(-(len(looks) + 5) // 3)
        figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        grid = figure.subplots(num_rows, 2, squeeze=False).ravel()
        for axes, baseline in zip(grid, baselines, strict=False):
            _draw_multipliers(axes, multipliers[multipliers["baseline"] == baseline], looks)
            axes.set_title(f"against {LABELS.get(baseline, baseline)}", loc="left")
        _draw_slopes(grid[len(baselines)], slopes)
        for axes in grid[len(baselines) + 1 :]:
            axes.set_visible(False)
        figure.legend(handles=_entries(looks), loc="outside lower center", ncols=3, handlelength=3)
    return figure


def _draw_multipliers(axes: Axes, rows: pd.DataFrame, looks: Looks) -> None:
    for one in rows.to_dict("records"):
        colour, marker = looks[str(one["arm"])]
        at, value = one["slope"], one["multiplier"]
        triangle = _TRIANGLES.get(one["multiplier_status"])
        if triangle is None:
            axes.vlines(at, one["multiplier_low"], one["multiplier_high"], color=colour, linewidth=0.9, zorder=3)
            for end in ("low", "high"):
                head = _TRIANGLES.get(one[f"multiplier_{end}_status"])
                if head:
                    axes.plot(at, one[f"multiplier_{end}"], head, color=colour, markersize=3.5, zorder=3)
        axes.hlines(value, one["slope_low"], one["slope_high"], color=colour, linewidth=0.9, alpha=0.5, zorder=2)
        mark = axes.plot(at, value, triangle or marker, color=colour, markersize=6.5, zorder=4)
        if triangle:
            mark[0].set(markerfacecolor="white", markeredgecolor=colour, markeredgewidth=1.2)
        else:
            mark[0].set(markeredgecolor="white", markeredgewidth=0.6)
    axes.set_yscale("log", base=2)
    low, high = axes.get_ylim()
    _draw_theory(axes, (min(low, 0.7), max(high, 1.5)))
    axes.set_xlabel("slope b of the baseline's error")
    axes.set_ylabel("data multiplier")


def _draw_theory(axes: Axes, limits: tuple[float, float]) -> None:
    """r^(-1/b) over the panel's own slopes, cut off at its limits."""
    left, right = axes.get_xlim()
    slopes = np.linspace(max(left, right / 100), right, 200)
    for style, ratio in zip(LINE_STYLES[1:], RATIOS, strict=False):
        line = axes.plot(slopes, multiplier_at(slopes, ratio), color=_GREY, linewidth=1.0, zorder=1)
        line[0].set(linestyle=style)
    axes.axhline(1.0, color="#404040", linewidth=1.0, zorder=1)
    axes.set_xlim(max(left, 0.0), right)
    axes.set_ylim(*limits)
    multiplier_axis(axes)


def _draw_slopes(axes: Axes, slopes: pd.DataFrame) -> None:
    names: Sequence[str] = list(dict.fromkeys(slopes["baseline"].astype(str)))
    exponents = slopes["tail_exponent"].astype(float)
    span = max(exponents.max() - exponents.min(), 0.1)
    for place, name in enumerate(names):
        own = slopes[slopes["baseline"] == name].sort_values("tail_exponent")
        at = list(own["tail_exponent"].astype(float) + 0.012 * span * (place - (len(names) - 1) / 2))
        colour = COLOURS.get(name, _GREY)
        draw_means(axes, at, own, "slope", colour=colour, marker=MARKERS[place], label=LABELS.get(name, name))
    grid = np.linspace(max(exponents.min() - 0.1 * span, 1.0), max(exponents.max() + 0.1 * span, 1.05), 100)
    axes.plot(grid, (grid - 1) / grid, color=_GREY, linewidth=1.0, zorder=1, label="theory, (a − 1)/a")
    axes.set_xlabel("tail exponent a of the world")
    axes.set_ylabel("fitted slope b")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_title("slope of the baseline", loc="left")
    axes.legend(loc="lower right", handlelength=1.5)


def _entries(looks: Looks) -> list[Line2D]:
    """Methods, theory curves, and the two kinds of triangle."""
    entries = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=6, label=label)
        for label, (colour, marker) in looks.items()
    ]
    for style, ratio in zip(LINE_STYLES[1:], RATIOS, strict=False):
        curve = Line2D([], [], color=_GREY, linewidth=1.0, label=f"theory, r = {ratio:g}")
        curve.set(linestyle=style)
        entries.append(curve)
    return entries + bound_entries()


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of all worlds in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    print(*save_figure(slope_figure(read_records(folder)), folder / "report", NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
