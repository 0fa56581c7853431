"""The measurements of speed: on the screen and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.table import Table

from benchmarks.throughput import Measurement
from synthscale_analysis.output import write_csv

_NUMBERS = ("jobs", "answers", "wall s", "CPU s", "answers/s", "answers/CPU s", "speed-up", "FP / FN")


def throughput_table(title: str, measurements: Sequence[Measurement]) -> Table:
    """One row for each measurement; the speed-up is against the first of the same texts."""
    table = Table(
        title=title, caption="FP / FN: false positives and negatives against the labels the pairs were made by"
    )
    for name in ("texts", "source", "contender"):
        table.add_column(name)
    for name in _NUMBERS:
        table.add_column(name, justify="right")
    for one in measurements:
        table.add_row(
            str(one.recipe.style),
            one.recipe.source,
            str(one.contender),
            str(one.jobs),
            f"{one.recipe.num_pairs:,}",
            f"{one.wall_seconds:.1f}",
            f"{one.cpu_seconds:.1f}",
            f"{one.answers_per_second:,.0f}",
            f"{one.answers_per_cpu_second:,.0f}",
            f"{speed_up(one, measurements):.1f}",
            f"{one.false_positives} / {one.false_negatives}",
        )
    return table


def speed_up(measurement: Measurement, among: Sequence[Measurement]) -> float:
    """Answers per second over those of the baseline: the first measurement of the same recipe."""
    baseline = next(one for one in among if one.recipe == measurement.recipe)
    return measurement.answers_per_second / baseline.answers_per_second


def write_throughput(groups: Sequence[tuple[str, Sequence[Measurement]]], folder: Path) -> None:
    """throughput.csv, with the speed-up of each measurement within its group."""
    rows = [_row(group, one, measurements) for group, measurements in groups for one in measurements]
    write_csv(folder / "throughput.csv", pd.DataFrame(rows))


def _row(group: str, one: Measurement, measurements: Sequence[Measurement]) -> dict[str, object]:
    return {
        "measurement": group,
        "texts": str(one.recipe.style),
        "source": one.recipe.source,
        "contender": str(one.contender),
        "jobs": one.jobs,
        "num_answers": one.recipe.num_pairs,
        "wall_seconds": round(one.wall_seconds, 3),
        "cpu_seconds": round(one.cpu_seconds, 3),
        "answers_per_second": round(one.answers_per_second, 1),
        "answers_per_cpu_second": round(one.answers_per_cpu_second, 1),
        "speed_up": round(speed_up(one, measurements), 2),
        "false_positives": one.false_positives,
        "false_negatives": one.false_negatives,
    }
