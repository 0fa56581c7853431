"""Figure: what the arms of a study reach at each size, and what each is more than a baseline arm.

Above, mean accuracies with 95 % intervals, small dots the runs; below, differences from the baseline, paired over
seeds. Bars are t intervals of the seeds of both arms at that size; odds ratios with the noise pooled over the study
stand in the table.

    python -m synthscale_analysis.figures.arms runs/star_graph sft
"""

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from synthscale_analysis.curves import Curve, curves_of
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.arms import arm_table
from synthscale_analysis.numbers.estimates import BASELINES
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import (
    SIZE_LABEL,
    WIDTH_INCHES,
    draw_legend,
    draw_means,
    house_style,
    legend_rows,
    percent_axis,
    save_figure,
)

NAME = "arms"
TITLE_CHARACTERS = 66  # a line of the figure's width


def arms_figure(records: pd.DataFrame, baselines: Sequence[str] = BASELINES) -> Figure:
    """Figure of the records of one task and model; UserError where no baseline is among the arms."""
    table = arm_table(records, baselines)
    curves, sizes = curves_of(records), sorted(table["data_size"].unique())
    places = _places(curves, sizes)
    compared = table.dropna(subset=["difference"])
    with house_style():
        height = 2.6 + 1.9 * (not compared.empty) + 0.2 * legend_rows(curves)
        figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        panels = figure.subplots(2 if len(compared) else 1, 1, sharex=True, squeeze=False)[:, 0]
        for curve in curves:
            own = table[table["arm"] == curve.label]
            _draw_runs(panels[0], curve, places)
            at = [places[curve.label, size] for size in own["data_size"]]
            draw_means(panels[0], at, own, "test_accuracy", colour=curve.colour, marker=curve.marker)
            if len(panels) > 1:
                less = own.dropna(subset=["difference"])
                at = [places[curve.label, size] for size in less["data_size"]]
                draw_means(panels[1], at, less, "difference", colour=curve.colour, marker=curve.marker)
        percent_axis(panels[0], "test accuracy, %")
        if len(panels) > 1:
            percent_axis(panels[1], "difference, points", is_difference=True)
            panels[1].axhline(0.0, color="#404040", linewidth=1.0, zorder=1)
            title = textwrap.fill(f"less {_listed(compared['baseline'])}, paired over seeds", TITLE_CHARACTERS)
            panels[1].set_title(title, loc="left")
        panels[-1].set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
        panels[-1].set_xlim(-0.5, len(sizes) - 0.5)
        panels[-1].set_xlabel(SIZE_LABEL)
        draw_legend(figure, [_entry(curve) for curve in curves], handle_length=2.0)
    return figure


def _places(curves: Sequence[Curve], sizes: Sequence[int]) -> dict[tuple[str, int], float]:
    """Where each arm stands on the axis at each of its sizes: side by side, around the size's tick."""
    places: dict[tuple[str, int], float] = {}
    for tick, size in enumerate(sizes):
        labels = [curve.label for curve in curves if (curve.rows["data_size"] == size).any()]
        step = 0.7 / max(len(labels), 6)  # a few arms stand together, and do not spread to the neighbours
        places |= {(label, size): tick + step * (at - (len(labels) - 1) / 2) for at, label in enumerate(labels)}
    return places


def _draw_runs(axes: Axes, curve: Curve, places: dict[tuple[str, int], float]) -> None:
    at = [places[curve.label, int(size)] for size in curve.rows["data_size"]]
    runs = axes.plot(at, curve.rows["test_accuracy"], ".", color=curve.colour, markersize=3.5, alpha=0.6, zorder=3)
    runs[0].set(markeredgewidth=0)


def _listed(baselines: "pd.Series[str]") -> str:
    names = list(dict.fromkeys(baselines))
    return names[0] if len(names) == 1 else "the baseline of the same settings"


def _entry(curve: Curve) -> Line2D:
    entry = Line2D([], [], color=curve.colour, marker=curve.marker, linestyle="", markersize=6, label=curve.label)
    entry.set(markeredgecolor="white", markeredgewidth=0.6)
    return entry


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR, BASELINE, …])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(arms_figure(study.records, argv[1:] or BASELINES), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
