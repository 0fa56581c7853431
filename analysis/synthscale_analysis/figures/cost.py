"""Figure: test error against what it cost, in tokens and in seconds, a line a method over its sizes.

Costs are means over seeds; bars are 95 % intervals of the mean error, with a spread pooled over the sizes of a curve.
Of two lines, the one further left reaches the same error at less cost.

    python -m synthscale_analysis.figures.cost runs/eightfold
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthscale.study.error import UserError
from synthscale_analysis.curves import Curve, curves_of
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.costs import COSTS, cost_table
from synthscale_analysis.numbers.limits import error_limits
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import (
    WIDTH_INCHES,
    count_ticks,
    draw_legend,
    house_style,
    legend_entry,
    legend_rows,
    rate_axis,
    save_figure,
)

NAME = "cost"
ABSENT = "neither tokens nor seconds of these points are known"
_BROKEN = {"train_tokens": "tokens\ntrained on", "all_tokens": "tokens trained on\nand sampled"}
_BROKEN |= {"seconds": "seconds of training\nand sampling"}


def cost_figure(records: pd.DataFrame) -> Figure:
    """Figure of the records of one task and model, a panel a cost; UserError where none is known."""
    table = cost_table(records)
    table = table[table["mean_test_error"] > 0]
    if table.empty:
        raise UserError(ABSENT)
    costs = [cost for cost in COSTS if cost in set(table["cost"])]
    curves = [curve for curve in curves_of(records) if curve.label in set(table["curve"])]
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 2.9 + 0.22 * legend_rows(curves)), layout="constrained")
        panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
        for axes, cost in zip(panels, costs, strict=True):
            count_ticks(axes, list(table.loc[table["cost"] == cost, "mean_cost"]))
            for curve in curves:
                _draw(axes, curve, table[(table["curve"] == curve.label) & (table["cost"] == cost)])
            axes.set_xlabel(_BROKEN[cost])
        rate_axis(panels[0])
        limits = error_limits(curves)
        if limits is not None:
            panels[0].set_ylim(*limits)
        panels[0].set_ylabel("test error")
        draw_legend(figure, [legend_entry(curve) for curve in curves])
    return figure


def _draw(axes: Axes, curve: Curve, own: pd.DataFrame) -> None:
    own = own.sort_values("mean_cost")
    line = axes.plot(own["mean_cost"], own["mean_test_error"], curve.marker, color=curve.colour, markersize=5.5)
    line[0].set(linestyle=curve.line_style, markeredgecolor="white", markeredgewidth=0.6, linewidth=1.1, zorder=3)
    low, high = own["low"].astype(float), own["high"].astype(float)
    axes.vlines(own["mean_cost"], low, high, color=curve.colour, linewidth=0.8, zorder=2)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(cost_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
