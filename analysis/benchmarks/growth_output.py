"""The measurements of growth: on the screen, as CSV, and as lines on logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.growth_fit import Growth, fit_growth
from benchmarks.scale_phases import Measured
from synthscale_analysis.curves import COLOURS, FURTHER_COLOURS, MARKERS
from synthscale_analysis.output import write_csv
from synthscale_analysis.style import WIDTH_INCHES, house_style, save_figure

COSTS = {"seconds": "seconds", "peak_mib": "peak resident memory (MiB)"}
_LOOKS = list(zip([*COLOURS.values(), *FURTHER_COLOURS], MARKERS, strict=False))


def growth_of(measured: Sequence[Measured], phase: str, cost: str) -> Growth:
    """The fitted law of one phase's cost."""
    own = [one for one in measured if one.phase == phase]
    return fit_growth([one.num_problems for one in own], [getattr(one, cost) for one in own])


def growth_table(unit: str, measured: Sequence[Measured]) -> Table:
    """One row for each phase: costs at the largest size, and exponents with their intervals."""
    largest = max(one.num_problems for one in measured)
    caption = "cost = a + b·N^c: exponents c with 95 % intervals; flat: rises by less than half"
    table = Table(title=f"growth with {unit}, to {largest:,}", caption=caption)
    table.add_column("phase")
    for name in ("seconds", "peak MiB", "c of seconds", "c of memory"):
        table.add_column(name, justify="right")
    for phase in dict.fromkeys(one.phase for one in measured):
        at_largest = [one for one in measured if one.phase == phase and one.num_problems == largest]
        exponents = [told(growth_of(measured, phase, cost)) for cost in COSTS]
        table.add_row(
            phase,
            f"{min(one.seconds for one in at_largest):.2f}",
            f"{min(one.peak_mib for one in at_largest):,.0f}",
            *exponents,
        )
    return table


def told(growth: Growth) -> str:
    """As "0.98 [0.95, 1.02]"; an exponent that is above linear is marked."""
    if growth.exponent is None:
        return "flat" if growth.start_up is not None else "too few sizes"
    interval = "" if growth.interval is None else f" [{growth.interval.low:.2f}, {growth.interval.high:.2f}]"
    return f"{growth.exponent:.2f}{interval}{' > linear' if growth.is_worse_than_linear else ''}"


def write_growth(groups: Mapping[str, Sequence[Measured]], folder: Path) -> None:
    """growth.csv with all measurements, exponents.csv, growth.png and .svg; `groups` by the unit of their sizes."""
    rows, exponents = [], []
    for unit, measured in groups.items():
        for one in measured:
            costs = {"seconds": round(one.seconds, 4), "peak_mib": round(one.peak_mib, 1)}
            rows.append({"phase": one.phase, "unit": unit, "size": one.num_problems, **costs})
        for phase in dict.fromkeys(one.phase for one in measured):
            for cost in COSTS:
                growth = growth_of(measured, phase, cost)
                low, high = (growth.interval.low, growth.interval.high) if growth.interval else (None, None)
                law = {"start_up": growth.start_up, "exponent": growth.exponent, "low": low, "high": high}
                exponents.append({"phase": phase, "unit": unit, "cost": cost, **law})
    for name, table in (("growth", rows), ("exponents", exponents)):
        write_csv(folder / f"{name}.csv", pd.DataFrame(table).round(4))
    save_figure(growth_figure(groups), folder, "growth")


def growth_figure(groups: Mapping[str, Sequence[Measured]]) -> Figure:
    """A row of panels for each unit: seconds and memory against size, the best of the repetitions."""
    there = {unit: measured for unit, measured in groups.items() if measured}
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 3.4 * len(there)), layout="constrained")
        parts = figure.subfigures(len(there), 1, squeeze=False)[:, 0]
        for subfigure, (unit, measured) in zip(parts, there.items(), strict=True):
            panels = subfigure.subplots(1, 2)
            for axes, (cost, label) in zip(panels, COSTS.items(), strict=True):
                _draw(axes, measured, cost)
                axes.set_xlabel(unit)
                axes.set_ylabel(label)
            handles, labels = panels[0].get_legend_handles_labels()
            subfigure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _draw(axes: Axes, measured: Sequence[Measured], cost: str) -> None:
    phases = list(dict.fromkeys(one.phase for one in measured))
    for phase, (colour, marker) in zip(phases, _LOOKS, strict=False):
        best: dict[int, float] = {}
        for one in measured:
            if one.phase == phase:
                best[one.num_problems] = min(getattr(one, cost), best.get(one.num_problems, float("inf")))
        axes.plot(list(best), list(best.values()), color=colour, marker=marker, markersize=4, label=phase)
    axes.set_xscale("log")
    axes.set_yscale("log")
