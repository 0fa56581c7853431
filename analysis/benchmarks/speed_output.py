"""The duels' outcomes: on the screen, as JSON and as a figure."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from textwrap import fill

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from rich.table import Table

from benchmarks.duel import Outcome
from synthscale_analysis.machine import processor
from synthscale_analysis.output import write_atomically
from synthscale_analysis.style import WIDTH_INCHES, house_style, save_figure

_COLOUR, _BAR_COLOUR = "#0072b2", "#d55e00"


def speed_table(outcomes: Sequence[Outcome]) -> Table:
    """One row a duel."""
    table = Table(title="ours against a peer", caption="ratio: median of the rounds, with the lowest and the highest")
    for name in ("work", "peer"):
        table.add_column(name)
    for name in ("unit", "ours /s", "theirs /s", "ratio", "asked for"):
        table.add_column(name, justify="right")
    for one in outcomes:
        table.add_row(
            one.work,
            one.peer,
            one.unit,
            readable(median_rate(one, ours=True)),
            readable(median_rate(one, ours=False)),
            f"{one.ratio:.2f} [{min(one.ratios):.2f}, {max(one.ratios):.2f}]",
            "" if one.bar is None else f"{one.bar:g}",
        )
    return table


def readable(rate: float) -> str:
    """Three digits at least."""
    return f"{rate:,.3g}" if rate < 100 else f"{rate:,.0f}"


def median_rate(outcome: Outcome, *, ours: bool) -> float:
    """Units a second of the median round."""
    return statistics.median(turn.rate for turn in (outcome.ours if ours else outcome.theirs))


def write_speed(outcomes: Sequence[Outcome], folder: Path) -> None:
    """speed.json with machine, versions and every round of every duel; speed.png and speed.svg."""
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers")},
    }
    rows = [{**asdict(one), "ratio": one.ratio, "ratios": one.ratios} for one in outcomes]
    write_atomically(folder / "speed.json", json.dumps({"machine": machine, "duels": rows}, indent=1).encode())
    save_figure(speed_figure(outcomes), folder, "speed")


def speed_figure(outcomes: Sequence[Outcome]) -> Figure:
    """A row a duel: the median ratio with its range, and the ratio that was asked for."""
    places = range(len(outcomes))
    asked = [(one.bar, place) for place, one in zip(places, outcomes, strict=True) if one.bar is not None]
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 1.1 + 0.55 * len(outcomes)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(1.0, color="0.4", linewidth=0.8)
        axes.hlines(places, [min(one.ratios) for one in outcomes], [max(one.ratios) for one in outcomes], color=_COLOUR)
        axes.plot([one.ratio for one in outcomes], places, "o", color=_COLOUR, label="median, with the range of rounds")
        if asked:
            axes.plot(*zip(*asked, strict=True), "|", color=_BAR_COLOUR, ms=14, mew=2, label="asked for")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_yticks(places, [f"{fill(one.work, 42)}\nvs {one.peer}" for one in outcomes])
        axes.set_ylim(len(outcomes) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("our rate over the peer's")
        figure.legend(loc="outside lower right", ncols=2)
    return figure
