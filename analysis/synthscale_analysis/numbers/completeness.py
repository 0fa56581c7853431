"""What a study's records lack, in sentences: missing points, single seeds, errors without a log.

A half-finished study gets its report; these sentences stand under it, so that no gap is read as a result.
"""

from collections.abc import Sequence

import pandas as pd

from synthscale_analysis.curves import Curve, short
from synthscale_analysis.numbers.estimates import BASELINES

MAX_LISTED = 6


def gaps(records: pd.DataFrame, curves: Sequence[Curve]) -> list[str]:
    """Sentences on everything the figures and tables had to leave out; empty for a complete study."""
    notes = [f"No runs of {name}: no multipliers against it." for name in BASELINES if not _present(records, name)]
    notes += _listed("Missing seeds", _missing_seeds(records, curves))
    notes += _listed("One seed only, so no interval of the multiplier", _single_seeds(curves))
    num_zero = int((records["test_error"] == 0).sum())
    if num_zero:
        left_out = "left out of fits and of the log-log figure, and no interval of the mean at their sizes"
        notes.append(f"Runs with a test error of exactly 0, {left_out}: {num_zero}.")
    return notes


def _present(records: pd.DataFrame, algorithm: str) -> bool:
    return bool((records["algorithm"] == algorithm).any())


def _missing_seeds(records: pd.DataFrame, curves: Sequence[Curve]) -> list[str]:
    """Curve × size cells that lack seeds which other cells have."""
    seeds, sizes = sorted(records["seed"].unique()), sorted(records["data_size"].unique())
    missing = []
    for curve in curves:
        for size in sizes:
            there = set(curve.rows.loc[curve.rows["data_size"] == size, "seed"])
            absent = [str(seed) for seed in seeds if seed not in there]
            if absent:
                missing.append(f"{_cell(curve, size)} ({'all' if not there else 'seed ' + ', '.join(absent)})")
    return missing


def _single_seeds(curves: Sequence[Curve]) -> list[str]:
    return [
        _cell(curve, float(str(size)))
        for curve in curves
        for size, cell in curve.rows.groupby("data_size")
        if len(cell) == 1
    ]


def _cell(curve: Curve, size: float) -> str:
    fraction = "" if curve.negative_fraction is None else f" {curve.negative_fraction:g} negative"
    variant = f" {short(curve.variant)}" if curve.variant else ""
    return f"{curve.algorithm}{variant}{fraction} at {size:g}"


def _listed(heading: str, cells: list[str]) -> list[str]:
    if not cells:
        return []
    more = f" and {len(cells) - MAX_LISTED} more" if len(cells) > MAX_LISTED else ""
    return [f"{heading}: {'; '.join(cells[:MAX_LISTED])}{more}."]
