"""Figure: what credit assignment found: values around the pit, along the steps, where pits fall, how many are right.

Top left, mean Q before and after the pit at each method's largest size; top right, mean Q along the steps of wrong
solutions, a line for each step that the pit falls on, where every prefix has a value. Bottom left, where pits fall;
bottom right, in a world that knows, the share of pits that are truly wrong steps.

    python -m synthscale_analysis.figures.credit runs/eightfold
"""

import sys
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from synthscale_analysis.curves import Curve
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.extract.tables import NO_ARTIFACTS
from synthscale_analysis.figures.of_artifacts import draw_of_artifacts
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.credit import SHOWN_OFFSETS, CreditCell, credit_cells, largest_cells, telling_cell
from synthscale_analysis.style import WIDTH_INCHES, house_style, shade, size_axis

NAME = "credit"
NOT_ASSIGNED = "no method assigned credit to steps"
ABSENT = f"no values of steps; {NO_ARTIFACTS}"
MAX_LINES = 6  # pits at later steps have no line of their own


def absent(material: Material) -> str:
    """Why there are no values of steps: none were asked for, or what holds them is gone."""
    rollouts = material.records.get("num_rollouts")
    return NOT_ASSIGNED if rollouts is not None and rollouts.fillna(0).eq(0).all() else ABSENT


def credit_figure(material: Material) -> Figure | None:
    """Figure of one task and model; None where no credit was assigned, or nothing is left of it."""
    cells = credit_cells(material)
    if not cells:
        return None
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 5.6), layout="constrained")
        (around, along), (where, right) = figure.subplots(2, 2)
        _draw_around(around, largest_cells(cells))
        _draw_along(along, telling_cell(cells))
        _draw_where(where, largest_cells(cells))
        _draw_right(right, precision_curves(material))
        handles, labels = around.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, handlelength=4)
    return figure


def precision_curves(material: Material) -> list[tuple[Curve, pd.DataFrame]]:
    """The curves with a known precision of pits, each with its rows that have one."""
    if "pit_precision" not in material.records.columns:
        return []
    found = [(curve, curve.rows[curve.rows["pit_precision"].notna()]) for curve in material.curves]
    return [(curve, rows) for curve, rows in found if len(rows)]


def _draw_around(axes: Axes, cells: Sequence[CreditCell]) -> None:
    for cell in cells:
        rows = cell.of("from_pit")
        rows = rows[rows["place"].between(*SHOWN_OFFSETS)]
        axes.plot(rows["place"], rows["value"], **_look(cell.curve), label=cell.curve.label)
    axes.axvline(-0.5, color="#404040", linewidth=0.8, linestyle=(0, (2, 2)))
    axes.annotate("the pit", (-0.5, 1), xytext=(3, -2), textcoords="offset points", va="top")
    axes.set_ylim(0, 1)
    axes.set_xlabel("steps after the pit (0: just after it)")
    axes.set_ylabel("mean Q")


def _draw_along(axes: Axes, cell: CreditCell) -> None:
    steps = cell.pit_steps()[:MAX_LINES]
    for rank, step in enumerate(steps):
        rows = cell.of("by_step", str(step))
        axes.plot(rows["place"], rows["value"], "o-", color=shade(rank, len(steps)), markersize=4)
        end = rows[rows["place"] == step - 1]
        if len(end):
            axes.annotate(
                f"pit {step}", (step - 1, float(end["value"].iloc[0])), xytext=(3, 3), textcoords="offset points"
            )
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("steps taken")
    axes.set_ylabel("mean Q")
    axes.set_title(f"{cell.curve.label},\n{cell.data_size:,} problems", loc="left", fontsize=9)


def _draw_where(axes: Axes, cells: Sequence[CreditCell]) -> None:
    for cell in cells:
        rows = cell.of("pit_step")
        axes.plot(rows["place"], rows["value"], **_look(cell.curve))
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("step that the pit falls on")
    axes.set_ylabel("share of pits")


def _draw_right(axes: Axes, curves: Sequence[tuple[Curve, pd.DataFrame]]) -> None:
    if not curves:
        axes.text(0.5, 0.5, "no one knows which\nsteps are wrong", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    for curve, rows in curves:
        means = rows.groupby("data_size")["pit_precision"].mean()
        axes.plot(means.index, means, **_look(curve))
    size_axis(axes, sorted({float(size) for _, rows in curves for size in rows["data_size"]}))
    axes.set_ylim(top=1)
    axes.yaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel("pits that are wrong steps")


def _look(curve: Curve) -> dict[str, Any]:
    look: dict[str, Any] = {"color": curve.colour, "linestyle": curve.line_style, "marker": curve.marker}
    return look | {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.6}


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    return draw_of_artifacts(argv, credit_figure, NAME, ABSENT)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
