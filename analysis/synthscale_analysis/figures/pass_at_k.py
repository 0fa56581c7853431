"""Figure: pass@k and maj@k against the number of samples k, a line a method, at the largest size that all methods have.

pass@k is the chance that one of k samples is right, maj@k that their majority vote is. Marks are means over seeds with
95 % intervals, whose spread is pooled over a method's sizes; samples are drawn at the study's temperature, so pass@1 is
not the greedy accuracy of the other figures. Nor is it maj@1: maj@k takes a problem's first k samples alone, pass@k the
mean over all sets of k of all its samples.

    python -m synthscale_analysis.figures.pass_at_k runs/eightfold
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from synthscale.study.error import UserError
from synthscale_analysis.curves import Curve, curves_of
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.pass_at_k import largest_common_size, pass_at_k_table
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import (
    WIDTH_INCHES,
    dodges,
    draw_legend,
    house_style,
    legend_entry,
    legend_rows,
    save_figure,
)

NAME = "pass_at_k"
ABSENT = "no point was sampled several times a problem, so there is no pass@k or maj@k"
METRICS = {"pass": "pass@k: one of k samples is right", "maj": "maj@k: the majority of k is right"}


def pass_at_k_figure(records: pd.DataFrame, size: int | None = None) -> Figure:
    """Figure of the records of one task and model, at this size or the largest common one; UserError if none is."""
    table = pass_at_k_table(records)
    if table.empty:
        raise UserError(ABSENT)
    size = largest_common_size(table) if size is None else size
    shown = table[table["data_size"] == size]
    curves = [curve for curve in curves_of(records) if curve.label in set(shown["curve"])]
    numbers = sorted(table["k"].unique())
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 2.9 + 0.22 * legend_rows(curves)), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (metric, title) in zip(panels, METRICS.items(), strict=True):
            for curve, shift in zip(curves, dodges(len(curves), numbers, share=0.2), strict=True):
                own = shown[(shown["curve"] == curve.label) & (shown["metric"] == metric)]
                _draw(axes, curve, own, shift)
            _number_axis(axes, numbers)
            axes.set_title(title, loc="left", fontsize=9)
        panels[0].yaxis.set_major_formatter(PercentFormatter(1.0))
        panels[0].set_ylabel(f"share of test problems, N = {size:,}")
        draw_legend(figure, [legend_entry(curve) for curve in curves])
    return figure


def _draw(axes: Axes, curve: Curve, own: pd.DataFrame, shift: float) -> None:
    at = own["k"] * shift
    line = axes.plot(at, own["mean"], curve.marker, color=curve.colour, linestyle=curve.line_style, markersize=5.5)
    line[0].set(markeredgecolor="white", markeredgewidth=0.6, linewidth=1.1, zorder=3)
    axes.vlines(at, own["low"].astype(float), own["high"].astype(float), color=curve.colour, linewidth=0.8, zorder=2)


def _number_axis(axes: Axes, numbers: list[int]) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(numbers))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.set_xlabel("samples per problem k")


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(pass_at_k_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
