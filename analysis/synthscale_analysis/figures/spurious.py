"""Figure: wrong steps in accepted solutions by data size, and accuracy against those that were learnt from.

Left, the share of right test answers that hold a wrong step, of each method; middle, that of the positives it was
trained on. Right, runs of the same size against each other: more wrong steps in the positives, and what accuracy they
reached. Only marks of one colour differ in nothing but a setting.

    python -m synthscale_analysis.figures.spurious runs/eightfold
"""

import sys
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.extract.spurious import POSITIVES
from synthscale_analysis.figures.of_artifacts import draw_of_artifacts
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.spurious import SOURCES, TEST, relative_to_size, spurious_table
from synthscale_analysis.style import WIDTH_INCHES, house_style, size_axis

NAME = "spurious"
_MARKS: dict[str, Any] = {"markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.6}
ABSENT = "nobody knows which steps of this task are wrong, or nothing that tells is left of the study"


def spurious_figure(material: Material) -> Figure | None:
    """Figure of one task and model; None where nothing is known of its steps."""
    table = spurious_table(material)
    if table.empty:
        return None
    shown = [source for source in (TEST, POSITIVES) if (table["source"] == source).any()]
    has_positives = POSITIVES in shown
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 3.3), layout="constrained")
        panels = list(figure.subplots(1, len(shown) + has_positives, squeeze=False)[0])
        for axes, source in zip(panels, shown, strict=False):
            _draw_shares(axes, table[table["source"] == source], material)
            axes.set_title(SOURCES[source], loc="left", fontsize=9)
        panels[0].set_ylabel("with a wrong step")
        if has_positives:
            _draw_effect(panels[-1], relative_to_size(table), material)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, handlelength=4)
    return figure


def _draw_shares(axes: Axes, table: pd.DataFrame, material: Material) -> None:
    for curve in material.curves:
        means = table[table["label"] == curve.label].groupby("data_size")["share"].mean()
        look: dict[str, Any] = {"color": curve.colour, "linestyle": curve.line_style, "marker": curve.marker}
        axes.plot(means.index, means, **look, **_MARKS, label=curve.label)
    sizes = sorted({float(size) for size in table["data_size"]})
    size_axis(axes, sizes if len(sizes) < 5 else sizes[::2])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))


def _draw_effect(axes: Axes, table: pd.DataFrame, material: Material) -> None:
    for curve in material.curves:
        own = table[table["label"] == curve.label]
        axes.plot(100 * own["share_less"], 100 * own["accuracy_less"], curve.marker, color=curve.colour, markersize=4)
    axes.axhline(0, color="#404040", linewidth=0.8)
    axes.axvline(0, color="#404040", linewidth=0.8)
    axes.set_title("less the size's mean", loc="left", fontsize=9)
    axes.set_xlabel("such positives (pp)")
    axes.set_ylabel("accuracy (pp)")


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    return draw_of_artifacts(argv, spurious_figure, NAME, ABSENT)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
