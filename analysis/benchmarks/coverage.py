"""How often the 95 % intervals of a fit hold the truth, on planted tables.

    python analysis/benchmarks/coverage.py [--tables 200] [--draws 400] [--out FOLDER]

Percentile and BCa intervals are read off the same draws. Each design is written as soon as it is measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.coverage_designs import DESIGNS, NUM_TEST, Design
from benchmarks.options import positive, writable_folder
from synthscale.evaluation.metrics import wilson_interval
from synthscale.scaling import FitBootstrap, IntervalKind, bootstrap_fit
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.output import with_progress, write_atomically, write_csv

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "analysis/results/fits"
LOW, HIGH = 0.90, 0.98


def measure(design: Design, num_tables: int, num_draws: int) -> list[dict[str, object]]:
    """One row for each parameter and kind of interval."""
    bootstraps = [
        bootstrap_fit(
            design.fitted,
            design.table(np.random.default_rng([seed, 1])),
            num_draws=num_draws,
            seed=seed,
            delta=design.delta,
            kind=IntervalKind.BCA,
        )
        for seed in range(num_tables)
    ]
    return [_row(design, bootstraps, name, kind) for name in design.fitted.parameter_names for kind in IntervalKind]


def _row(design: Design, bootstraps: Sequence[FitBootstrap], name: str, kind: IntervalKind) -> dict[str, object]:
    truth = float(design.truth[design.fitted.parameter_names.index(name)])
    intervals = [replace(bootstrap, kind=kind).interval(name) for bootstrap in bootstraps]
    num_held = sum(one.low <= truth <= one.high for one in intervals)
    low, high = wilson_interval(num_held, len(intervals))
    return {
        "design": design.name,
        "law": design.law,
        "parameter": name,
        "truth": truth,
        "interval": kind.value,
        "num_tables": len(intervals),
        "num_draws": len(bootstraps[0].draws),
        "coverage": num_held / len(intervals),
        "coverage_low": round(low, 4),
        "coverage_high": round(high, 4),
        "too_low": sum(one.high < truth for one in intervals),
        "too_high": sum(one.low > truth for one in intervals),
        "mean_width": float(f"{np.mean([one.high - one.low for one in intervals]):.4g}"),
    }


@one_sentence_errors
def main(argv: Sequence[str]) -> int:
    """Measure every design and write coverage.csv and coverage.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tables", type=positive, default=200, help="planted tables of a design (default: 200)")
    parser.add_argument("--draws", type=positive, default=400, help="draws of each bootstrap (default: 400)")
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder of coverage.csv and coverage.md")
    options = parser.parse_args(argv)
    rows: list[dict[str, object]] = []
    for design in with_progress(DESIGNS, "planted tables"):
        rows += measure(design, options.tables, options.draws)
        table = pd.DataFrame(rows)
        write_csv(options.out / "coverage.csv", table)
        write_atomically(options.out / "coverage.md", _page(table).encode())
    return 0


def _page(table: pd.DataFrame) -> str:
    lines = []
    for (law, design, parameter), cell in table.groupby(["law", "design", "parameter"], sort=False):
        of_kind = [cell[cell["interval"] == kind.value].to_dict("records")[0] for kind in IntervalKind]
        columns = [f"{of_kind[0]['num_tables']} × {of_kind[0]['num_draws']}", *(_told(row) for row in of_kind)]
        columns += [f"{row['mean_width']:.3g}" for row in of_kind]
        lines.append(f"| {law} | {design} | {parameter} | {' | '.join(columns)} |")
    inside = table["coverage"].between(LOW, HIGH).groupby(table["interval"]).sum()
    of_each = len(table) // len(IntervalKind)
    return f"""# How often 95 % intervals of a fit hold the truth

| | |
|---|---|
| command | `python analysis/benchmarks/coverage.py` |
| planted | tables a row × bootstrap draws of each; the law that made a table is fitted to it |
| noise | standard deviation of a run's log value; rates are then measured on {NUM_TEST:,} problems where it says so |
| held | share of tables whose interval holds the truth; (Wilson 95 % interval); bold outside {LOW:g} to {HIGH:g} |
| within {LOW:g} to {HIGH:g} | percentile {inside["percentile"]} of {of_each} rows, BCa {inside["bca"]} of {of_each} |

| law | table | parameter | tables × draws | percentile held | BCa held | mean width, percentile | mean width, BCa |
|---|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Percentiles are the default. BCa moves them by the share of draws below the estimate, which says little where an
estimate may lie at a bound (a floor of 0) or, at a small δ, among many optima. Points are drawn with replacement, which
makes intervals too wide rather than too narrow where a law has many parameters for its points. A planted floor of 0
lies at the bound: intervals lie too high where they miss.
"""


def _told(row: dict[Hashable, Any]) -> str:
    text = f"{row['coverage']:.3f} ({row['coverage_low']:.2f}–{row['coverage_high']:.2f})"
    return text if LOW <= row["coverage"] <= HIGH else f"**{text}**"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
