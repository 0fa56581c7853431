"""The searches for pits: on the screen, as CSV, and as curves of what is found against what is paid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table

from synthscale_analysis.output import write_csv
from synthscale_analysis.style import WIDTH_INCHES, house_style, save_figure

if TYPE_CHECKING:
    from benchmarks.credit_search import Score

FIGURES = {"precision": "true-pit precision", "recall_first": "first wrong step found", "agreement": "agreement"}
BASELINE = ("exhaustive", "K=5")
_STYLES = {
    "exhaustive": ("#000000", "o"),
    "scan, early stop": ("#e69f00", "s"),
    "bisection, early stop": ("#009e73", "^"),
    "adaptive": ("#0072b2", "D"),
    "adaptive, without samples": ("#cc79a7", "v"),
}


def baseline(scores: Sequence[Score]) -> Score:
    """The search that the others are held against."""
    return next(one for one in scores if (one.family, one.setting) == BASELINE)


def curve_table(scores: Sequence[Score], seeds: Sequence[int]) -> Table:
    """One row a search, all of one rule; what differs from exhaustive K=5, seed by seed."""
    table = Table(
        title=f"pits by {scores[0].rule.value}: rollouts, and how many pits are truly wrong steps",
        caption="ratio: rollouts to those of exhaustive K=5; points: precision less that of exhaustive K=5, by seed",
    )
    for name in ("search", "setting"):
        table.add_column(name)
    for name in ("rollouts", "ratio", "coverage", "precision", "points", "first wrong", "agreement"):
        table.add_column(name, justify="right")
    than = baseline(scores)
    for one in scores:
        shares = one.shares(one.counts)
        ratio = shares["rollouts_per_negative"] / than.shares(than.counts)["rollouts_per_negative"]
        points = [100 * (one.of_seed(s)["precision"] - than.of_seed(s)["precision"]) for s in seeds]
        table.add_row(
            one.family,
            one.setting,
            f"{shares['rollouts_per_negative']:.2f}",
            f"{ratio:.2f}",
            *(f"{shares[name]:.3f}" for name in ("coverage", "precision")),
            " ".join(f"{point:+.1f}" for point in points),
            *(f"{shares[name]:.3f}" for name in ("recall_first", "agreement")),
        )
    return table


def write_curve(scores: Sequence[Score], seeds: Sequence[int], folder: Path, name: str) -> None:
    """NAME.csv, NAME.png and NAME.svg."""
    rows = []
    for one in scores:
        row: dict[str, object] = {"rule": one.rule.value, "search": one.family, "setting": one.setting}
        row |= {key: round(value, 4) for key, value in one.shares(one.counts).items()}
        for figure in FIGURES:
            low, high = one.interval(figure)
            row |= {f"{figure}_low": round(low, 4), f"{figure}_high": round(high, 4)}
        row |= {f"precision_seed_{seed}": round(one.of_seed(seed)["precision"], 4) for seed in seeds}
        rows.append(row)
    write_csv(folder / f"{name}.csv", pd.DataFrame(rows))
    save_figure(curve_figure(pd.DataFrame(rows)), folder, name)


def curve_figure(table: pd.DataFrame) -> Figure:
    """Each figure against rollouts a negative, a row of panels for each rule."""
    rules = list(dict.fromkeys(table["rule"]))
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 0.6 + 2.1 * len(rules)), layout="constrained")
        panels = figure.subplots(len(rules), len(FIGURES), sharex=True, sharey=True, squeeze=False)
        for rule, row in zip(rules, panels, strict=True):
            for (name, label), axes in zip(FIGURES.items(), row, strict=True):
                draw_panel(axes, table[table["rule"] == rule], name)
                axes.set_title(label)
            row[0].set_ylabel(str(rule).replace("_", " "))
        for axes in panels[-1]:
            axes.set_xlabel("rollouts a negative")
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def draw_panel(axes: Axes, table: pd.DataFrame, name: str) -> None:
    """The curves of one figure, with their intervals; a symmetric log axis, since free samples cost nothing."""
    for family, (colour, marker) in _STYLES.items():
        rows = table[table["search"] == family].sort_values("rollouts_per_negative")
        if rows.empty:
            continue
        spent = rows["rollouts_per_negative"].to_numpy(float)
        middle = rows[name].to_numpy(float)
        axes.plot(spent, middle, color=colour, marker=marker, markersize=3, label=family)
        low, high = rows[f"{name}_low"].to_numpy(float), rows[f"{name}_high"].to_numpy(float)
        axes.fill_between(spent, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xlim(left=-0.05)
    axes.set_xticks([0, 1, 3, 10, 30], ["0", "1", "3", "10", "30"])
