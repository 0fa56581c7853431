"""The measurements at scale: on the screen, as CSV, and as bars of peak memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.scale_phases import Measured
from synthscale_analysis.output import write_csv
from synthscale_analysis.style import WIDTH_INCHES, house_style, save_figure

LIMIT_MIB = 2048
_COLOUR = "#0072b2"


def scale_table(measured: Sequence[Measured]) -> Table:
    """One row for each phase."""
    table = Table(
        title=f"{measured[0].num_problems:,} problems, each phase in a process of its own",
        caption="grade and credit: a stand-in for the policy; peak memory: resident, libraries included",
    )
    for name in ("phase", "rows", "seconds", "rows/s", "peak MiB"):
        table.add_column(name, justify="left" if name == "phase" else "right")
    for one in measured:
        figures = (f"{one.num_rows:,}", f"{one.seconds:.1f}", f"{one.rows_per_second:,.0f}", f"{one.peak_mib:,.0f}")
        table.add_row(one.phase, *figures)
    return table


def write_scale(measured: Sequence[Measured], folder: Path) -> None:
    """scale.csv, scale.png and scale.svg."""
    rows = [
        {
            "phase": one.phase,
            "num_problems": one.num_problems,
            "num_rows": one.num_rows,
            "seconds": round(one.seconds, 2),
            "rows_per_second": round(one.rows_per_second, 1),
            "peak_mib": round(one.peak_mib, 1),
        }
        for one in measured
    ]
    write_csv(folder / "scale.csv", pd.DataFrame(rows))
    save_figure(scale_figure(measured), folder, "scale")


def scale_figure(measured: Sequence[Measured]) -> Figure:
    """A bar of peak memory for each phase, and the limit as a line."""
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 0.9 + 0.32 * len(measured)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh([one.phase for one in measured], [one.peak_mib for one in measured], color=_COLOUR)
        axes.bar_label(bars, fmt="{:,.0f}", padding=2)
        axes.axvline(LIMIT_MIB, color="#d55e00")
        axes.annotate("2 GiB", (LIMIT_MIB, 0), xytext=(-4, 0), textcoords="offset points", ha="right", color="#d55e00")
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"peak resident memory (MiB), {measured[0].num_problems:,} problems")
    return figure
