"""Figure: what rollouts buy: the share of pits that are truly wrong steps, and test accuracy.

A panel row a measure, a column a size and shape of pairs; a line is one way of looking for pits (rule, search, K) over
its budgets of rollouts. Bars are 95 % intervals of the mean over seeds. Dashed levels are the arms without rollouts.

    python -m synthscale_analysis.figures.credit_cost runs/credit
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synthscale_analysis.curves import LINE_STYLES, MARKERS, LineStyle
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.credit_costs import credit_cost_table
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import (
    WIDTH_INCHES,
    count_axis,
    dodges,
    draw_means,
    house_style,
    percent_axis,
    save_figure,
)

NAME = "credit_cost"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#8c6d31", "#6a3d9a", "#4d9221")
GREYS = ("#404040", "#9a9a9a")
MAX_COLUMNS = 3
MEASURES = {"pit_precision": "pits that are\nwrong steps, %", "test_accuracy": "test accuracy, %"}


def credit_cost_figure(records: pd.DataFrame) -> Figure:
    """Figure of the records of one task and model; UserError where nothing was rolled out."""
    table = credit_cost_table(records)
    rolled = table[pd.to_numeric(table["mean_rollouts"]) > 0]
    levels = table[table["mean_rollouts"].isna()]
    columns = sorted(set(zip(rolled["data_size"], rolled["shape"], strict=True)))[-MAX_COLUMNS:]
    measures = [name for name in MEASURES if rolled[f"mean_{name}"].notna().any()]
    num_entries = rolled["way"].nunique() + levels["way"].nunique()
    with house_style():
        height = 0.6 + 2.0 * len(measures) + 0.19 * -(-num_entries // (1 if _are_long(table["way"]) else 2))
        figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        grid = figure.subplots(len(measures), len(columns), sharex="col", sharey="row", squeeze=False)
        for row, name in enumerate(measures):
            for column, (size, shape) in enumerate(columns):
                _draw_ways(grid[row, column], rolled, size, shape, name)
                _draw_levels(grid[row, column], levels[levels["data_size"] == size], name)
            percent_axis(grid[row, 0], MEASURES[name])
        for column, (size, shape) in enumerate(columns):
            title = ", ".join(filter(None, [f"{size:,} problems", f"pairs by {shape}" if shape else ""]))
            grid[0, column].set_title(title, loc="left")
            count_axis(grid[-1, column], list(_at(rolled, size, shape)["mean_rollouts"].astype(float)), "rollouts")
        entries = [axes.get_legend_handles_labels() for axes in grid.ravel()]
        named = {label: handle for handles, labels in entries for handle, label in zip(handles, labels, strict=True)}
        per_row = 1 if _are_long(table["way"]) else 2
        figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=per_row, handlelength=3)
    return figure


def _are_long(labels: "pd.Series[str]") -> bool:
    """Whether two of the legend's labels do not fit beside each other."""
    return max(map(len, labels)) > 46


def _at(table: pd.DataFrame, size: int, shape: str) -> pd.DataFrame:
    return table[(table["data_size"] == size) & (table["shape"] == shape)]


def _draw_ways(axes: Axes, rolled: pd.DataFrame, size: int, shape: str, name: str) -> None:
    here, ways = _at(rolled, size, shape), list(rolled["way"].unique())
    moves = dodges(len(ways), sorted(here["mean_rollouts"].astype(float).unique()), 0.5)
    for place, (way, move) in enumerate(zip(ways, moves, strict=True)):
        own = here[here["way"] == way].dropna(subset=[f"mean_{name}"]).sort_values("mean_rollouts")
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        at = list(own["mean_rollouts"].astype(float) * move)
        line = axes.plot(at, own[f"mean_{name}"], color=colour, linewidth=1.0, alpha=0.7, zorder=2)
        line[0].set(linestyle=LINE_STYLES[place // len(COLOURS) % len(LINE_STYLES)])
        draw_means(axes, at, own, name, colour=colour, marker=marker, label=str(way))


def _draw_levels(axes: Axes, levels: pd.DataFrame, name: str) -> None:
    styles: Sequence[LineStyle] = LINE_STYLES[1:]
    for place, way in enumerate(levels["way"].unique()):
        for mean in levels[levels["way"] == way][f"mean_{name}"].dropna():
            line = axes.axhline(float(mean), color=GREYS[place % len(GREYS)], linewidth=1.0, zorder=1, label=str(way))
            line.set(linestyle=styles[place % len(styles)])


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(credit_cost_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
