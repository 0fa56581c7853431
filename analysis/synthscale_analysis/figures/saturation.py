"""Figure: what more self-generated solutions per problem bring, a line a size and a panel a method.

Up is worse: error over that of SFT with as many updates at the same size, paired over seeds, with 95 % intervals. A
line that runs level gains nothing more; one that rises has turned (inverse scaling).

    python -m synthscale_analysis.figures.saturation runs/eightfold
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from synthscale.study.error import UserError
from synthscale_analysis.curves import LABELS, LINE_STYLES, MARKERS, label_of
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.saturation import saturation_table
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import WIDTH_INCHES, dodges, house_style, save_figure, shade

NAME = "saturation"
ABSENT = "no method was run with several numbers of solutions per problem (mixture.positives_per_problem)"
NO_BASELINE = "no runs of SFT at these sizes, so nothing to hold the gain of more solutions per problem against"
NUM_COLUMNS = 2


def saturation_figure(records: pd.DataFrame) -> Figure:
    """Figure of the records of one task and model; UserError where there is nothing to compare."""
    table = saturation_table(records).dropna(subset=["error_ratio"])
    if table.empty:
        raise UserError(ABSENT if saturation_table(records).empty else NO_BASELINE)
    panels = list(table.groupby(["algorithm", "setting"], sort=False))
    num_columns = min(NUM_COLUMNS, len(panels))
    num_rows = -(-len(panels) // num_columns)
    sizes = sorted(table["data_size"].unique())
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 0.9 + 2.7 * num_rows), layout="constrained")
        grid = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, ((algorithm, setting), rows) in zip(grid, panels, strict=False):
            _draw_panel(axes, rows, sizes)
            axes.set_title(label_of(str(algorithm), str(setting)), loc="left")
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        _axes(grid[0], table)
        for axes in grid[max(len(panels) - num_columns, 0) : len(panels)]:
            axes.set_xlabel(x_label(table))
            axes.tick_params(labelbottom=True)
        for axes in grid[::num_columns]:
            axes.set_ylabel(y_label(table))
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, handlelength=3)
    return figure


def x_label(table: pd.DataFrame) -> str:
    """What the numbers count."""
    if table["is_measured"].any():
        return "solutions trained on per problem, the teacher's too"
    return "own solutions per problem, at most"


def y_label(table: pd.DataFrame) -> str:
    """What the error is divided by."""
    baseline = str(table["baseline"].iloc[0])
    return f"test error / that of {LABELS.get(baseline, baseline)}"


def places(table: pd.DataFrame) -> dict[float, float]:
    """Where each number stands on the log axis: 0 at half the smallest other number."""
    numbers = sorted(table["solutions_per_problem"].unique())
    smallest = min((number for number in numbers if number > 0), default=1.0)
    return {float(number): float(number) if number > 0 else smallest / 2 for number in numbers}


def _draw_panel(axes: Axes, rows: pd.DataFrame, sizes: list[int]) -> None:
    at = places(rows)
    shifts = dodges(len(sizes), sorted(at.values()), share=0.3)
    for rank, (size, shift) in enumerate(zip(sizes, shifts, strict=True)):
        line = rows[rows["data_size"] == size]
        x = [at[number] * shift for number in line["solutions_per_problem"]]
        colour, mark = shade(rank, len(sizes)), MARKERS[rank % len(MARKERS)]
        drawn = axes.plot(
            x, line["error_ratio"], mark, color=colour, markersize=6, label=f"{size:,} problems", zorder=3
        )
        drawn[0].set(linestyle=LINE_STYLES[rank % len(LINE_STYLES)], zorder=3)
        drawn[0].set(markeredgecolor="white", markeredgewidth=0.6)
        low, high = (line[f"error_ratio_{end}"].astype(float) for end in ("low", "high"))
        axes.vlines(x, low, high, color=colour, linewidth=0.9, zorder=2)
    axes.axhline(1.0, color="#404040", linewidth=1.0, zorder=1)


def _axes(axes: Axes, table: pd.DataFrame) -> None:
    at = places(table)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(at.values())[:: -(-len(at) // 8)]))
    labels = {place: f"{number:g}" for number, place in at.items()}
    axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: labels.get(place, "")))
    axes.yaxis.set_major_locator(FixedLocator([*(tenth / 10 for tenth in range(1, 16)), 2, 3, 5]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}×"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(saturation_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
