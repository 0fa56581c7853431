"""Figure: test accuracy by the number of on-policy rounds against total compute, and what further rounds bring.

Above, a panel a size: mean accuracy with 95 % intervals against the tokens trained on, sampled and rolled out; the
number beside a mark is that of rounds, a line joins those of a method. Below, the difference from one round: small dots
are seeds, each against its own run with one round, marks their mean with its paired t interval.

    python -m synthscale_analysis.figures.rounds runs/rounds
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from synthscale.study.error import UserError
from synthscale_analysis.curves import distinct_looks
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.rounds import method_label, rounds_by_seed, rounds_table
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import WIDTH_INCHES, count_axis, draw_means, house_style, percent_axis, save_figure

NAME = "rounds"
NO_TOKENS = "the tokens of these points are not known, so no round can be held against its compute"
MAX_SIZES = 3
Looks = Mapping[str, tuple[str, str]]
"""Colour and marker of each method."""


def rounds_figure(records: pd.DataFrame) -> Figure:
    """Figure of the records of one task and model; UserError where no method has several numbers of rounds."""
    table = rounds_table(records).dropna(subset=["mean_total_tokens"])
    if table.empty:
        raise UserError(NO_TOKENS)
    seeds = rounds_by_seed(records)
    sizes = sorted(table["data_size"].unique())[-MAX_SIZES:]
    looks = distinct_looks({method: method.partition(" ")[0] for method in table["method"].astype(str)})
    with house_style():
        height = 4.6 + 0.2 * len(looks)
        figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        grid = figure.subplots(2, len(sizes), sharey="row", squeeze=False)
        for column, size in enumerate(sizes):
            here = table[table["data_size"] == size]
            _draw_accuracies(grid[0, column], here, looks)
            grid[0, column].set_title(f"{size:,} problems", loc="left")
            _draw_differences(grid[1, column], here, seeds[seeds["data_size"] == size], looks)
        percent_axis(grid[0, 0], "test accuracy, %")
        percent_axis(grid[1, 0], "less one round, points", is_difference=True)
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center")
    return figure


def _draw_accuracies(axes: Axes, here: pd.DataFrame, looks: Looks) -> None:
    for method, (colour, marker) in looks.items():
        own = here[here["method"] == method].sort_values("num_rounds")
        tokens = own["mean_total_tokens"].astype(float)
        axes.plot(tokens, own["mean_test_accuracy"], color=colour, linewidth=1.0, alpha=0.6, zorder=2)
        draw_means(axes, list(tokens), own, "test_accuracy", colour=colour, marker=marker, label=method_label(method))
        for at, accuracy, number in zip(tokens, own["mean_test_accuracy"], own["num_rounds"], strict=True):
            axes.annotate(str(number), (at, accuracy), (5, 4), textcoords="offset points", color=colour, fontsize=9)
    count_axis(axes, list(here["mean_total_tokens"].astype(float)), "tokens trained on and drawn")


def _draw_differences(axes: Axes, here: pd.DataFrame, seeds: pd.DataFrame, looks: Looks) -> None:
    for place, (method, (colour, marker)) in enumerate(looks.items()):
        shift = 0.5 * ((place + 0.5) / len(looks) - 0.5)
        own = here[(here["method"] == method) & here["difference"].notna()].sort_values("num_rounds")
        runs = seeds[seeds["method"] == method]
        dots = axes.plot(runs["num_rounds"] + shift, runs["difference"], ".", color=colour, markersize=4, alpha=0.6)
        dots[0].set(markeredgewidth=0, zorder=3)
        draw_means(axes, list(own["num_rounds"] + shift), own, "difference", colour=colour, marker=marker)
    axes.axhline(0.0, color="#404040", linewidth=1.0, zorder=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("rounds")


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(rounds_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
