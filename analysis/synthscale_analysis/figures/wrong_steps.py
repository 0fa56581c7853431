"""Figure: which errors remain, a panel for wrong decisions and one for wrong executions, a line an arm.

Test problems, solved greedily, by the kind of their first wrong step, with 95 % intervals: wrong executions of all
problems, wrong decisions of those without one before. What falls with data in the left panel is learnt; what rises in
the right one is unlearnt.

    python -m synthscale_analysis.figures.wrong_steps runs/eightfold
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.wrong_steps import OF_OTHERS, curves_that_know, wrong_steps_table
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import (
    WIDTH_INCHES,
    dodges,
    draw_legend,
    draw_means,
    house_style,
    legend_entry,
    legend_rows,
    percent_axis,
    save_figure,
    size_axis,
)

NAME = "wrong_steps"
MAX_TICKS = 6  # of a panel
PANELS = {
    OF_OTHERS: "a wrong decision, of problems\nwithout a wrong execution before",
    "wrong_execution_share": "a wrong execution first,\nof all problems",
}


def wrong_steps_figure(records: pd.DataFrame) -> Figure:
    """Figure of the records of one task and model; UserError where they do not say which steps are wrong."""
    table = wrong_steps_table(records)
    curves = curves_that_know(records)
    sizes = sorted(table["data_size"].unique())
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 3.3 + 0.2 * legend_rows(curves)), layout="constrained")
        panels = figure.subplots(1, len(PANELS), sharex=True, sharey=True)
        for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
            size_axis(axes, sizes, MAX_TICKS)
            axes.set_title(title, loc="left")
            for curve, shift in zip(curves, dodges(len(curves), sizes, share=0.3), strict=True):
                own = table[table["arm"] == curve.label]
                at = [size * shift for size in own["data_size"]]
                axes.plot(at, own[f"mean_{name}"], color=curve.colour, linestyle=curve.line_style, linewidth=1.0)
                draw_means(axes, at, own, name, colour=curve.colour, marker=curve.marker)
        percent_axis(panels[0], "test problems, %")
        panels[0].set_ylim(bottom=0.0)
        draw_legend(figure, [legend_entry(curve) for curve in curves])
    return figure


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(wrong_steps_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
