"""What finding pits costs in rollouts, and what it buys: the share of pits that are truly wrong steps, and accuracy.

Arms that differ only in how much they roll out (`BUDGETS`) are one way of looking for pits, a line of the figure; what
is made of the pits (`SHAPE`) is told apart from how they are found. An arm without rollouts, as whole solutions in
pairs or SFT, is held beside as a level.
"""

import shlex

import pandas as pd

from synthscale.scaling import means_over_seeds
from synthscale.study.error import UserError
from synthscale_analysis.curves import Curve, curves_of, label_of, short
from synthscale_analysis.numbers.arms import mean_rows, settings_of

COLUMNS = (
    *("way", "shape", "budget", "arm", "algorithm", "variant", "negative_fraction", "data_size", "num_seeds"),
    *("mean_rollouts", "rollouts_per_problem", "mean_sampled_tokens", "mean_pairs", "mean_pit_precision"),
    *("pit_precision_low", "pit_precision_high", "mean_test_accuracy", "test_accuracy_low", "test_accuracy_high"),
)
#: Settings that say how much is rolled out, not how.
BUDGETS = ("num_rollouts", "max_rollouts", "max_negatives_per_problem", "confidence")
SHAPE = "pair_shape"
ABSENT = "no arm of these records has rollouts"


def credit_cost_table(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each arm and size, the ways in the order of the curves; UserError where nothing was rolled out.

    shape: of the pairs, empty where it does not vary.
    """
    rows = []
    for curve in curves_of(records):
        way, shape, budget = split_budget(curve)
        precisions = _precisions(curve)
        for size, mean in mean_rows(curve).items():
            here = curve.rows[curve.rows["data_size"] == size]
            rollouts = _mean(here, "num_rollouts")
            counts = {"mean_rollouts": rollouts, "rollouts_per_problem": None if rollouts is None else rollouts / size}
            counts |= {"mean_sampled_tokens": _mean(here, "num_sampled_tokens")}
            counts |= {"mean_pairs": _mean(here, "num_train_pairs")}
            rows.append({"way": way, "shape": shape, "budget": budget, **mean, **counts, **precisions.get(size, {})})
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if not (pd.to_numeric(table["mean_rollouts"]) > 0).any():
        raise UserError(ABSENT)
    return table


def split_budget(curve: Curve) -> tuple[str, str, str]:
    """How the curve looks for pits, as a label, the shape of its pairs, and how much it rolls out."""
    settings = settings_of(curve.variant)
    shape = next((value for key, value in settings.items() if key.rpartition(".")[2] == SHAPE), "")
    parts: dict[bool, list[str]] = {True: [], False: []}
    for key, value in settings.items():
        name = key.rpartition(".")[2]
        if name != SHAPE:
            parts[name in BUDGETS].append(f"{key}={value}")
    fraction = "" if curve.negative_fraction is None else f"{curve.negative_fraction:g} negative"
    way = ", ".join(filter(None, [label_of(curve.algorithm, shlex.join(parts[False])), fraction]))
    return way, shape, short(shlex.join(parts[True]))


def _precisions(curve: Curve) -> dict[int, dict[str, object]]:
    """By size: mean pit precision over seeds with its interval, the spread pooled over the curve's sizes."""
    if "pit_precision" not in curve.rows.columns:
        return {}
    known = curve.rows.assign(pit_precision=pd.to_numeric(curve.rows["pit_precision"], errors="coerce"))
    known = known.dropna(subset=["pit_precision"])
    cells = {int(float(str(size))): cell["pit_precision"] for size, cell in known.groupby("data_size")}
    found: dict[int, dict[str, object]] = {}
    means = means_over_seeds([cell.to_numpy(dtype=float) for cell in cells.values()])
    for size, mean in zip(cells, means, strict=True):
        ends = (None, None) if mean.interval is None else (mean.interval.low, mean.interval.high)
        found[size] = {"mean_pit_precision": mean.mean, "pit_precision_low": ends[0], "pit_precision_high": ends[1]}
    return found


def _mean(rows: pd.DataFrame, name: str) -> float | None:
    """Over seeds; None where a seed's is not known."""
    if name not in rows.columns:
        return None
    counts = pd.to_numeric(rows[name], errors="coerce")
    return float(counts.mean()) if counts.notna().all() else None
