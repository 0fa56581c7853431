"""Figure: test accuracy by data size and negative fraction, a panel for each method that has several fractions.

A number is the mean accuracy over seeds in %, with its 95 % interval where there is room. A frame marks the best
fraction at a size where it stands out: where the interval of its odds against the runner-up's, paired over seeds,
leaves out 1. Testing the best against the second best needs no correction for having chosen it (Gutmann and Maymin
1987).

    python -m synthscale_analysis.figures.heat_map runs/eightfold
"""

import sys
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from synthscale.study.error import UserError
from synthscale_analysis.curves import label_of
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.numbers.heat_map import heat_map_table
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import SIZE_LABEL, WIDTH_INCHES, house_style, save_figure

NAME = "heat_map"
ABSENT = "no method was run with several negative fractions, so no fraction can be compared with another"
COLOURS = "cividis"
MAX_SIZES_SIDE_BY_SIDE = 4
CELL_HEIGHT_INCHES = 0.42
INTERVAL_WIDTH_INCHES = 0.55


def heat_map_figure(records: pd.DataFrame) -> Figure:
    """Figure of the records of one task and model; UserError where there is nothing to compare."""
    table = heat_map_table(records)
    if table.empty:
        raise UserError(ABSENT)
    panels = list(table.groupby(["algorithm", "variant"], sort=False))
    sizes = max(rows["data_size"].nunique() for _, rows in panels)
    per_row = 2 if len(panels) > 1 and sizes <= MAX_SIZES_SIDE_BY_SIDE else 1
    num_rows = -(-len(panels) // per_row)
    fractions = max(rows["negative_fraction"].nunique() for _, rows in panels)
    colours = matplotlib.colormaps[COLOURS]
    norm = Normalize(table["mean_test_accuracy"].min(), table["mean_test_accuracy"].max())
    with house_style():
        height = 0.6 + num_rows * (0.75 + CELL_HEIGHT_INCHES * fractions)
        figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        grid = figure.subplots(num_rows, per_row, squeeze=False).ravel()
        for axes, (names, rows) in zip(grid, panels, strict=False):
            _draw_panel(axes, rows, colours, norm, has_room=WIDTH_INCHES * 0.85 / per_row / sizes)
            axes.set_title(label_of(str(names[0]), str(names[1])), loc="left")
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        figure.supxlabel(f"{SIZE_LABEL}; test accuracy in %, framed where a fraction stands out", fontsize=9)
        figure.supylabel("negative fraction", fontsize=9)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, colours: Colormap, norm: Normalize, has_room: float) -> None:
    means = rows.pivot(index="negative_fraction", columns="data_size", values="mean_test_accuracy")
    image = colours(norm(means.to_numpy()))
    image[means.isna().to_numpy()] = (1, 1, 1, 1)
    axes.imshow(image, aspect="auto", origin="lower", interpolation="nearest")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(range(means.shape[1]), [f"{size:,}" for size in means.columns])
    axes.set_yticks(range(means.shape[0]), [f"{fraction:g}" for fraction in means.index])
    places = {name: place for place, name in enumerate(means.columns)}, {n: p for p, n in enumerate(means.index)}
    for row in rows.to_dict("records"):
        at = places[0][row["data_size"]], places[1][row["negative_fraction"]]
        ink = ink_on(colours(norm(row["mean_test_accuracy"])))
        text = cell_text(row, with_interval=has_room >= INTERVAL_WIDTH_INCHES)
        axes.text(*at, text, ha="center", va="center", color=ink, fontsize=9, linespacing=1.1)
        if row["stands_out"]:
            corner = (at[0] - 0.46, at[1] - 0.44)
            axes.add_patch(Rectangle(corner, 0.92, 0.88, fill=False, edgecolor=ink, linewidth=1.6))


def cell_text(row: Mapping[Hashable, Any], *, with_interval: bool) -> str:
    """As "63", or with its interval on a line of its own."""
    mean, low, high = (row[name] for name in ("mean_test_accuracy", "test_accuracy_low", "test_accuracy_high"))
    text = f"{100 * mean:.0f}"
    return f"{text}\n[{100 * low:.0f}, {100 * high:.0f}]" if with_interval and pd.notna(low) else text


def ink_on(colour: tuple[float, ...]) -> str:
    """Black or white, whichever stands out more on the colour (relative luminance of WCAG 2)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
    return "#000000" if luminance > 0.179 else "#ffffff"


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        print(*save_figure(heat_map_figure(study.records), study.folder, NAME), sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
