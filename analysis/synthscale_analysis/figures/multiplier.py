"""Figure: data multiplier against data size, per method, one panel for each baseline.

A multiplier of 2 says: the baseline needs twice the problems for the same test error. Filled marks lie inside the
baseline's range, with a 95 % joint-bootstrap interval; open triangles are bounds, pointing to where the multiplier lies
("at least" up, "at most" down), without a bar, which would look like a measured interval. An interval whose end is a
bound ends in an arrow head. What cannot be told is not drawn; the panel's title says how many points that are.

    python -m synthscale_analysis.figures.multiplier runs/eightfold
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synthscale.scaling import CensoredValue, DataMultiplier, Reach
from synthscale.study.error import UserError
from synthscale_analysis.curves import LABELS, Curve, curves_of
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.bounds import is_untold
from synthscale_analysis.numbers.estimates import BASELINES, multipliers_of
from synthscale_analysis.protocol import NUM_DRAWS, SEED
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import (
    SIZE_LABEL,
    WIDTH_INCHES,
    bound_entries,
    dodges,
    draw_legend,
    house_style,
    multiplier_axis,
    save_figure,
    size_axis,
)

NAME = "data_multiplier"
_TRIANGLES = {Reach.MORE_THAN: "^", Reach.LESS_THAN: "v"}


def multiplier_figure(records: pd.DataFrame, num_draws: int = NUM_DRAWS, seed: int = SEED) -> Figure:
    """Figure of the records of one task and model; num_draws and seed are those of the multipliers' bootstrap."""
    curves, sizes = curves_of(records), sorted(records["data_size"].unique())
    baselines = [name for name in BASELINES if name in set(records["algorithm"])]
    if not baselines:
        raise UserError(f"no multiplier can be drawn: the records hold no runs of {' or '.join(BASELINES)}")
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 1.4 + 2.4 * len(baselines)), layout="constrained")
        panels = figure.subplots(len(baselines), 1, sharex=True, squeeze=False)[:, 0]
        for axes, baseline in zip(panels, baselines, strict=True):
            points = [multipliers_of(records, curve, baseline, num_draws, seed) for curve in curves]
            _prepare_panel(axes, sizes, baseline, sum(_untold(point) for own in points for point in own))
            for curve, shift, own in zip(curves, dodges(len(curves), sizes, share=0.55), points, strict=True):
                for point in own:
                    _draw_point(axes, curve, point, point.size * shift)
            _limits_around_one(axes)
        panels[-1].set_xlabel(SIZE_LABEL)
        drawn = [curve for curve in curves if set(baselines) != {curve.algorithm}]
        draw_legend(figure, _legend(drawn), handle_length=2.0)
    return figure


def _untold(point: DataMultiplier) -> bool:
    return is_untold(point.multiplier, point.low, point.high)


def _prepare_panel(axes: Axes, sizes: Sequence[float], baseline: str, num_untold: int) -> None:
    size_axis(axes, sizes)
    axes.set_xlabel("")
    axes.set_yscale("log", base=2)
    multiplier_axis(axes)
    axes.axhline(1.0, color="#404040", linewidth=1.0, zorder=1)
    axes.set_ylabel("data multiplier")
    untold = f" ({num_untold} point{'s' * (num_untold != 1)} cannot be told: not drawn)" if num_untold else ""
    axes.set_title(f"against {LABELS[baseline]}{untold}", loc="left")


def _limits_around_one(axes: Axes) -> None:
    """Room above and below 1 even where every point is a bound at 1."""
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.7), max(high, 1.5))


def _draw_point(axes: Axes, curve: Curve, multiplier: DataMultiplier, at: float) -> None:
    """A mark with its interval, or a bound as a triangle alone; nothing for what cannot be told."""
    if _untold(multiplier):
        return
    is_estimate = multiplier.multiplier.reach is Reach.IN_RANGE
    if is_estimate and multiplier.low is not None and multiplier.high is not None:
        axes.vlines(at, multiplier.low.value, multiplier.high.value, color=curve.colour, linewidth=1.0, zorder=2)
        for end in (multiplier.low, multiplier.high):
            _draw_arrow_head(axes, curve, end, at)
    triangle = _TRIANGLES.get(multiplier.multiplier.reach)
    axes.plot(
        at,
        multiplier.multiplier.value,
        triangle or curve.marker,
        color=curve.colour,
        markerfacecolor="white" if triangle else curve.colour,
        markeredgecolor=curve.colour if triangle else "white",
        markeredgewidth=1.2 if triangle else 0.6,
        markersize=7,
        zorder=4,
    )


def _draw_arrow_head(axes: Axes, curve: Curve, end: CensoredValue, at: float) -> None:
    triangle = _TRIANGLES.get(end.reach)
    if triangle:
        axes.plot(at, end.value, triangle, color=curve.colour, markersize=3.5, zorder=3)


def _legend(curves: list[Curve]) -> list[Line2D]:
    """One entry a method, and one for each kind of triangle."""
    entries = [
        Line2D([], [], marker=curve.marker, color=curve.colour, linestyle="", markersize=6, label=curve.label)
        for curve in curves
    ]
    return entries + bound_entries(" (beyond the baseline)")


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(multiplier_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
