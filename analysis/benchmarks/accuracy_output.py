"""The accuracy tables: on the screen, as CSV, and as a bar chart of both kinds of error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.accuracy import TOTAL, ErrorCounts, Scored
from benchmarks.contenders import Contender
from synthscale_analysis.output import write_csv
from synthscale_analysis.style import WIDTH_INCHES, house_style, save_figure

_COLOURS = {"false positives": "#d55e00", "false negatives": "#0072b2"}


def accuracy_table(counts: Sequence[ErrorCounts]) -> Table:
    """False positives / false negatives by category, contenders side by side, for the counts of one table."""
    contenders = list(dict.fromkeys(count.contender for count in counts))
    table = Table(title=f"{counts[0].table}: false positives / false negatives")
    table.add_column("category")
    table.add_column("pairs (correct)", justify="right")
    for contender in contenders:
        table.add_column(str(contender), justify="right")
    for category in dict.fromkeys(count.category for count in counts):
        row = [count for count in counts if count.category == category]
        cells = [f"{count.false_positives} / {count.false_negatives}" for count in row]
        size = f"{row[0].num_pairs} ({row[0].num_correct})"
        table.add_row(category, size, *cells, style="bold" if category == TOTAL else "", end_section=category == TOTAL)
    totals = [count for count in counts if count.category == TOTAL]
    table.add_row("error, Wilson 95 %", "", *(_rate_text(count) for count in totals))
    return table


def _rate_text(count: ErrorCounts) -> str:
    low, high = count.interval
    return f"{count.num_errors / count.num_pairs:.1%} ({low:.1%} to {high:.1%})"


def write_accuracy(counts: Sequence[ErrorCounts], scored: Sequence[Scored], folder: Path) -> None:
    """accuracy.csv, disagreements.csv (every pair that a contender gets wrong) and accuracy.png and .svg."""
    write_csv(folder / "accuracy.csv", pd.DataFrame([_count_row(count) for count in counts]))
    disputed = [_scored_row(one) for one in scored if one.is_disputed]
    write_csv(folder / "disagreements.csv", pd.DataFrame(disputed))
    save_figure(accuracy_figure(counts), folder, "accuracy")


def _count_row(count: ErrorCounts) -> dict[str, object]:
    low, high = count.interval
    return {
        "table": count.table,
        "category": count.category,
        "contender": str(count.contender),
        "num_pairs": count.num_pairs,
        "num_correct": count.num_correct,
        "false_positives": count.false_positives,
        "false_negatives": count.false_negatives,
        "error": round(count.num_errors / count.num_pairs, 5),
        "error_low_95": round(low, 5),
        "error_high_95": round(high, 5),
    }


def _scored_row(scored: Scored) -> dict[str, object]:
    pair = scored.pair
    texts = {"prediction": pair.prediction, "reference": pair.reference, "note": pair.note}
    rewards = {str(contender): int(reward) for contender, reward in scored.rewards.items()}
    return {"table": scored.table, "category": pair.category, "label": str(pair.label), **rewards, **texts}


def accuracy_figure(counts: Sequence[ErrorCounts]) -> Figure:
    """Bars of false positives and false negatives of each contender, one panel for each table."""
    totals = [count for count in counts if count.category == TOTAL]
    tables = list(dict.fromkeys(count.table for count in totals))
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 0.9 + 1.5 * len(tables)), layout="constrained")
        panels = figure.subplots(len(tables), 1, sharex=True, squeeze=False)[:, 0]
        for axes, table in zip(panels, tables, strict=True):
            _draw_panel(axes, [count for count in totals if count.table == table])
        panels[-1].set_xlabel("number of pairs")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _draw_panel(axes: Axes, totals: Sequence[ErrorCounts]) -> None:
    height = 0.38
    numbers = {
        "false positives": [count.false_positives for count in totals],
        "false negatives": [count.false_negatives for count in totals],
    }
    for place, (kind, values) in enumerate(numbers.items()):
        positions = [row + (place - 0.5) * height for row in range(len(totals))]
        bars = axes.barh(positions, values, height=height, color=_COLOURS[kind], label=kind)
        axes.bar_label(bars, padding=2)
    axes.set_yticks(range(len(totals)), [_short(count.contender) for count in totals])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.1)
    axes.set_title(f"{totals[0].table}: {totals[0].num_pairs} pairs, {totals[0].num_correct} correct", loc="left")


def _short(contender: Contender) -> str:
    return str(contender).replace(", ", ",\n")
