"""Data size by negative fraction: which share of preference pairs does best, and where that can be told."""

from collections.abc import Hashable, Mapping
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.colors import Normalize
from plotly.graph_objects import Figure, Heatmap, Scatter

from synthscale_analysis.curves import label_of
from synthscale_analysis.figures.heat_map import ABSENT, COLOURS, cell_text, ink_on
from synthscale_analysis.figures.heat_map import NAME as STATIC
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.heat_map import heat_map_table
from synthscale_analysis.numbers.wording import listed, share_text, times_text
from synthscale_analysis.page.chart import as_text, house_figure
from synthscale_analysis.page.section import Chart, Section

ANCHOR, TITLE = "heat-map", "Share of negatives, by data size"
PANEL_PIXELS, CELL_PIXELS = 76, 46
MAX_SIZES_WITH_INTERVALS = 5
#: Ink of the cells by its plain name, which the page's theme leaves as it is.
_NAMED = {"#000000": "black", "#ffffff": "white"}
_CAPTION = (
    "A cell is the mean test accuracy over seeds in %, with its 95 % interval; lighter is better. A frame marks the "
    "best fraction at its size where it stands out: where the 95 % interval of its odds against the runner-up's, "
    "paired over seeds, leaves out 1. Where no cell of a size is framed, the seeds do not tell which fraction is best."
)


def section(material: Material) -> Section | str:
    """A sentence where no method was run with several fractions."""
    table = heat_map_table(material.records)
    if table.empty:
        return f"{TITLE}: {ABSENT}."
    groups = table.groupby(["algorithm", "variant"], sort=False)
    panels = [(label_of(str(algorithm), str(variant)), rows) for (algorithm, variant), rows in groups]
    lead = " ".join(_finding(title, rows) for title, rows in panels)
    return Section(ANCHOR, TITLE, lead, [Chart(_figure(panels), _CAPTION, STATIC)])


def _finding(title: str, rows: pd.DataFrame) -> str:
    """Of one method: the sizes at which a fraction stands out, the largest of them with its numbers."""
    told = rows[rows["stands_out"].astype(bool)]
    if told.empty:
        return f"{title}: no negative fraction stands out at any size."
    row = told.iloc[-1]
    accuracy = share_text(row["mean_test_accuracy"], row["test_accuracy_low"], row["test_accuracy_high"])
    odds = times_text(row["odds_ratio"], row["odds_ratio_low"], row["odds_ratio_high"])
    best = [
        f"{fraction:g} at {listed([f'{size:,}' for size in own['data_size']])} problems"
        for fraction, own in told.groupby("negative_fraction")
    ]
    others = [f"{size:,}" for size in sorted(set(rows["data_size"]) - set(told["data_size"]))]
    untold = f" None stands out at {listed(others)}." if others else ""
    return (
        f"{title}: the best negative fraction is {listed(best)}. At {row['data_size']:,} problems "
        f"{row['negative_fraction']:g} is right on {accuracy} of the test problems, with {odds} times the odds of the "
        f"runner-up, {row['runner_up']:g}.{untold}"
    )


def _figure(panels: list[tuple[str, pd.DataFrame]]) -> Figure:
    heights = [rows["negative_fraction"].nunique() * CELL_PIXELS for _, rows in panels]
    figure = house_figure(height=sum(heights) + PANEL_PIXELS * len(panels))
    whole = pd.concat([rows for _, rows in panels])["mean_test_accuracy"]
    norm = Normalize(whole.min(), whole.max())
    figure.set_subplots(
        rows=len(panels),
        cols=1,
        row_heights=heights,
        subplot_titles=[as_text(title) for title, _ in panels],
        vertical_spacing=min(0.9 / len(panels), PANEL_PIXELS / figure.layout.height) if len(panels) > 1 else 0,
    )
    for place, (_, rows) in enumerate(panels, start=1):
        _add_panel(figure, rows, norm, place)
    for title in figure.layout.annotations:
        title.update(x=0, xanchor="left", font={"size": 14}, yshift=4)
    figure.update_xaxes(type="category", showgrid=False, showline=False, ticks="")
    figure.update_yaxes(type="category", showgrid=False, ticks="", title="negative fraction")
    figure.update_xaxes(title="data size (problems)", row=len(panels), col=1)
    figure.update_layout(margin={"t": 36}, showlegend=False)
    return figure


def _add_panel(figure: Figure, rows: pd.DataFrame, norm: Normalize, place: int) -> None:
    means = rows.pivot(index="negative_fraction", columns="data_size", values="mean_test_accuracy")
    sizes, fractions = [f"{size:,}" for size in means.columns], [f"{fraction:g}" for fraction in means.index]
    colours = matplotlib.colormaps[COLOURS]
    scale = [[step / 16, "rgb({},{},{})".format(*colours(step / 16, bytes=True)[:3])] for step in range(17)]
    look = {"zmin": norm.vmin, "zmax": norm.vmax, "colorscale": scale, "showscale": False, "xgap": 1, "ygap": 1}
    cells = means.astype(object).where(means.notna(), None).to_numpy().tolist()
    figure.add_trace(Heatmap(x=sizes, y=fractions, z=cells, hoverinfo="skip", **look), row=place, col=1)
    shown = rows.to_dict("records")
    inks = [_NAMED[ink_on(colours(norm(row["mean_test_accuracy"])))] for row in shown]
    with_interval = len(sizes) <= MAX_SIZES_WITH_INTERVALS
    figure.add_trace(
        Scatter(
            x=[f"{row['data_size']:,}" for row in shown],
            y=[f"{row['negative_fraction']:g}" for row in shown],
            text=[cell_text(row, with_interval=with_interval).replace("\n", "<br>") for row in shown],
            mode="text",
            textfont={"color": inks, "size": 12},
            hovertext=[_hover(row) for row in shown],
            hovertemplate="%{hovertext}<extra></extra>",
            name="",
        ),
        row=place,
        col=1,
    )
    for row, ink in zip(shown, inks, strict=True):
        if row["stands_out"]:
            x, y = sizes.index(f"{row['data_size']:,}"), fractions.index(f"{row['negative_fraction']:g}")
            frame = {"x0": x - 0.45, "x1": x + 0.45, "y0": y - 0.42, "y1": y + 0.42}
            figure.add_shape(type="rect", line={"color": ink, "width": 2}, row=place, col=1, **frame)


def _hover(row: Mapping[Hashable, Any]) -> str:
    accuracy = share_text(row["mean_test_accuracy"], row["test_accuracy_low"], row["test_accuracy_high"])
    text = (
        f"{row['data_size']:,} problems, negative fraction {row['negative_fraction']:g}<br>{accuracy} right, "
        f"mean of {row['num_seeds']}"
    )
    if pd.isna(row["odds_ratio"]):
        return text
    odds = times_text(row["odds_ratio"], row["odds_ratio_low"], row["odds_ratio_high"])
    return f"{text}<br>odds against {row['runner_up']:g}: {odds} times"
