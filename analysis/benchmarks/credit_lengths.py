"""A simulation, no policy: what searches for one pit cost as solutions grow longer.

    python analysis/benchmarks/credit_lengths.py [--solutions 300] [--out FOLDER]

A solution of L steps has its pit anywhere. A rollout goes on along the solution with chance 1/2 at each step; where it
leaves before the pit it is right with chance 0.6, after it never. There are no samples, so nothing is free.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.options import positive, writable_folder
from synthscale.credit.search import Search, Steps, chains_of
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.output import report_console, write_csv
from synthscale_analysis.style import WIDTH_INCHES, house_style, save_figure

OUT = Path(__file__).resolve().parents[2] / "analysis/results/credit_search"
LENGTHS = (2, 4, 8, 16, 32, 64)
CHANCE_ON, CHANCE_RIGHT = 0.5, 0.6
NUM_EACH = 5  # rollouts after which a node without a right one is taken as dead
COLOURS = {"exhaustive": "#000000", "scan": "#e69f00", "bisection": "#009e73", "adaptive": "#0072b2"}

Roll = Callable[[int], tuple[int, bool]]
"""A rollout from a node: where it left the solution, and whether it was right."""


class Simulated:
    """One solution and its pit; counts the rollouts."""

    def __init__(self, num_steps: int, generator: np.random.Generator) -> None:
        self.pit = int(generator.integers(1, num_steps + 1))
        self.num_rollouts = 0
        self.num_steps, self._generator = num_steps, generator

    def roll(self, node: int) -> tuple[int, bool]:
        """See `Roll`."""
        self.num_rollouts += 1
        while node < self.num_steps and self._generator.random() < CHANCE_ON:
            node += 1
        return node, node < self.pit and self._generator.random() < CHANCE_RIGHT

    def is_alive(self, node: int) -> bool:
        """Whether one of so many rollouts is right; the first right one is the last."""
        return any(self.roll(node)[1] for _ in range(NUM_EACH))


def exhaustive(one: Simulated) -> int:
    """The first node of which no rollout is right, of as many from every node."""
    alive = [sum(one.roll(node)[1] for _ in range(NUM_EACH)) > 0 for node in range(1, one.num_steps)]
    return 1 + next((i for i, is_alive in enumerate(alive) if not is_alive), one.num_steps - 1)


def scan(one: Simulated) -> int:
    """From the first node on, until one seems dead."""
    return next((node for node in range(1, one.num_steps) if not one.is_alive(node)), one.num_steps)


def bisection(one: Simulated) -> int:
    """Halve what is open."""
    low, high = 0, one.num_steps
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one.is_alive(middle) else (low, middle)
    return high


def adaptive(one: Simulated) -> int:
    """The search of the credit stage."""
    steps: Steps = tuple(map(str, range(one.num_steps)))
    search = Search(chains_of([steps], []), alive_mean=CHANCE_RIGHT, confidence=0.9, max_rollouts=1000)
    while asked := search.asks():
        for prefix in asked:
            left, right = one.roll(len(prefix))
            search.count(prefix, steps if left == one.num_steps else (*steps[:left], "other"), right)
    return search.pit(0).step


SEARCHES: dict[str, Callable[[Simulated], int]] = {
    "exhaustive": exhaustive,
    "scan": scan,
    "bisection": bisection,
    "adaptive": adaptive,
}


def first_asked(num_steps: int) -> int:
    """From which node the adaptive search asks first."""
    search = Search(
        chains_of([tuple(map(str, range(num_steps)))], []), alive_mean=CHANCE_RIGHT, confidence=0.9, max_rollouts=1
    )
    return len(search.asks()[0])


def simulate(num_solutions: int) -> pd.DataFrame:
    """Rollouts a solution and the share of pits found, for each search and length; all see the same solutions."""
    rows = []
    for num_steps in LENGTHS:
        for name, search in SEARCHES.items():
            solutions = [Simulated(num_steps, np.random.default_rng([num_steps, i])) for i in range(num_solutions)]
            found = [search(one) == one.pit for one in solutions]
            row = {"steps": num_steps, "search": name, "found": np.mean(found)}
            row |= {"rollouts": np.mean([one.num_rollouts for one in solutions])}
            rows.append(row | {"first_asked": first_asked(num_steps) if name == "adaptive" else None})
    return pd.DataFrame(rows).astype({"first_asked": "Int64"}).round(3)


def lengths_table(table: pd.DataFrame) -> Table:
    """A row for each length."""
    shown = Table(title="simulation: rollouts a solution (share of pits found)", caption="asked: adaptive's first node")
    for name in ("steps", *SEARCHES, "asked"):
        shown.add_column(name, justify="right")
    for num_steps, of_length in table.groupby("steps"):
        cells = [f"{row.rollouts:.1f} ({row.found:.2f})" for row in of_length.itertuples()]
        shown.add_row(str(num_steps), *cells, str(of_length["first_asked"].max()))
    return shown


def lengths_figure(table: pd.DataFrame) -> Figure:
    """Rollouts, and the share of pits found, against steps."""
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 2.6), layout="constrained")
        panels = figure.subplots(1, 2)
        for axes, column, label in zip(
            panels, ("rollouts", "found"), ("rollouts a solution", "pits found"), strict=True
        ):
            for name, rows in table.groupby("search", sort=False):
                axes.plot(rows["steps"], rows[column], color=COLOURS[str(name)], marker="o", markersize=3, label=name)
            axes.set_xscale("log", base=2)
            axes.set_xticks(LENGTHS, [str(length) for length in LENGTHS])
            axes.set_xlabel("steps (simulated)")
            axes.set_ylabel(label)
        panels[0].set_yscale("log")
        panels[0].legend()
        panels[1].set_ylim(0, 1.02)
    return figure


@one_sentence_errors
def main(argv: Sequence[str]) -> int:
    """Simulate, print and write: `main([--solutions N ...])`."""
    parser = argparse.ArgumentParser(prog="credit_lengths.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--solutions", type=positive, default=300, help="of each length")
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder for table and figure")
    options = parser.parse_args(argv)
    table = simulate(options.solutions)
    report_console().print(lengths_table(table))
    write_csv(options.out / "lengths.csv", table)
    save_figure(lengths_figure(table), options.out, "lengths")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
