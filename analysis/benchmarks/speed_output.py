"""The duels' outcomes: on the screen, as JSON and as a figure."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.table import Table

from benchmarks.duel import Outcome
from synthscale_analysis.output import write_atomically


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
    rates = sorted(turn.rate for turn in (outcome.ours if ours else outcome.theirs))
    return rates[len(rates) // 2]


def write_speed(outcomes: Sequence[Outcome], folder: Path) -> None:
    """speed.json: machine, versions and every round of every duel."""
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "transformers")},
    }
    rows = [{**asdict(one), "ratio": one.ratio, "ratios": one.ratios} for one in outcomes]
    write_atomically(folder / "speed.json", json.dumps({"machine": machine, "duels": rows}, indent=1).encode())


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
