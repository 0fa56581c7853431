"""Figure: training loss and validation accuracy by update, a row a phase, at the largest size; a thin line a seed.

Losses of different methods are of different things (imitation, preference, or both), so only their course compares.

    python -m synthscale_analysis.figures.training runs/eightfold
"""

import sys
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.extract.tables import NO_ARTIFACTS
from synthscale_analysis.figures.of_artifacts import draw_of_artifacts
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.training import QUANTITIES, Phase, phases_of
from synthscale_analysis.style import WIDTH_INCHES, house_style

NAME = "training"
ABSENT = f"no curves of training; {NO_ARTIFACTS}"
SHOWN = ("train_loss", "validation_accuracy")


def training_figure(material: Material) -> Figure | None:
    """Figure of one task and model; None where no curves are known."""
    phases = phases_of(material)
    if not phases:
        return None
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 0.7 + 2.4 * len(phases)), layout="constrained")
        grid = figure.subplots(len(phases), len(SHOWN), squeeze=False)
        for row, phase in zip(grid, phases, strict=True):
            _draw_phase(row, phase)
        handles = {
            text: line for axes in grid.ravel() for line, text in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=2, handlelength=4)
    return figure


def _draw_phase(row: Sequence[Axes], phase: Phase) -> None:
    largest = max(size for size, _ in phase.cells)
    cells = [cell for cell in phase.cells if cell[0] == largest]
    for axes, quantity in zip(row, SHOWN, strict=True):
        for curve in phase.curves:
            for number, cell in enumerate(cells):
                line = phase.line(curve, cell, quantity)
                look: dict[str, Any] = {"color": curve.colour, "linestyle": curve.line_style, "linewidth": 0.9}
                marker = curve.marker if quantity == "validation_accuracy" else None
                label = curve.label if number == 0 and len(line) else None
                axes.plot(line["update"], line[quantity], marker=marker, markersize=4, label=label, **look)
        axes.set_xlabel("update")
        axes.set_ylabel(QUANTITIES[quantity])
    row[0].set_title(f"{phase.title}, {largest:,} problems", loc="left", fontsize=9)
    row[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    return draw_of_artifacts(argv, training_figure, NAME, ABSENT)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
