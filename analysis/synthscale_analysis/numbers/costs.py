"""What a point cost, in tokens and in seconds, and how many times a method's cost the baseline needs for its error.

Tokens are those that a point's training and its sampling went through; those of the teacher, of evaluation, of the
reference policy and of the base's pretraining are not counted. A point without a second phase sampled nothing: 0, not
missing. The cost multiplier is the data multiplier with a cost in place of the number of problems: at the error that a
method reaches, the baseline's cost over the method's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from synthscale.scaling import Measurements, OverallMultiplier, overall_multiplier
from synthscale_analysis.curves import Curve, baseline_rows, curves_of
from synthscale_analysis.numbers.estimates import BASELINES, error_by_size
from synthscale_analysis.protocol import NUM_DRAWS, SEED

#: What is counted, as an axis calls it.
COSTS = {
    "train_tokens": "tokens trained on",
    "all_tokens": "tokens trained on and sampled",
    "seconds": "seconds of training and sampling",
}
COLUMNS = ("curve", "data_size", "cost", "mean_cost", "num_seeds", "mean_test_error", "low", "high")
_TRAINED = ("num_train_positives", "num_train_pairs")


@dataclass(frozen=True, slots=True)
class CostMultiplier:
    """Of a curve against a baseline, in one of `COSTS`; above 1 the method is the cheaper way to the same error."""

    curve: Curve
    baseline: str
    cost: str
    overall: OverallMultiplier


def with_costs(records: pd.DataFrame) -> pd.DataFrame:
    """The records with a column for each of `COSTS`, NaN where something that belongs to it was not measured."""
    counts = {name: _numbers(records, name) for name in (*_TRAINED, "num_train_tokens", "train_seconds")}
    one_phase = counts[_TRAINED[0]].isna() & counts[_TRAINED[1]].isna()
    sampled = {name: _numbers(records, name) for name in ("num_sampled_tokens", "sample_seconds")}
    sampled = {name: count.mask(count.isna() & one_phase, 0.0) for name, count in sampled.items()}
    columns = {
        "train_tokens": counts["num_train_tokens"],
        "all_tokens": counts["num_train_tokens"] + sampled["num_sampled_tokens"],
        "seconds": counts["train_seconds"] + sampled["sample_seconds"],
    }
    return records.assign(**{name: column.where(column > 0) for name, column in columns.items()})


def cost_table(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each curve, size and cost: the mean cost over seeds, and the mean error with its 95 % interval."""
    rows: list[dict[str, object]] = []
    for curve in curves_of(with_costs(records)):
        errors = error_by_size(curve)
        for cost in COSTS:
            for size, mean_cost in _mean_costs(curve.rows, cost).items():
                error = errors[size]
                ends = (None, None) if error.interval is None else (error.interval.low, error.interval.high)
                row = {"curve": curve.label, "data_size": size, "cost": cost, "mean_cost": mean_cost}
                row |= {"num_seeds": error.num_seeds, "mean_test_error": error.mean, "low": ends[0], "high": ends[1]}
                rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def cost_multipliers(records: pd.DataFrame, num_draws: int = NUM_DRAWS, seed: int = SEED) -> list[CostMultiplier]:
    """Of every curve against every baseline in every cost, where both know it."""
    rows, found = with_costs(records), []
    for baseline in (name for name in BASELINES if name in set(rows["algorithm"].astype(str))):
        for cost in COSTS:
            theirs = _by_cost(baseline_rows(rows, baseline), cost)
            for curve in curves_of(rows):
                ours = None if curve.algorithm == baseline else _by_cost(curve.rows, cost)
                if ours is None or theirs is None or not (theirs.values > 0).any():
                    continue
                overall = overall_multiplier(theirs, ours, num_draws=num_draws, seed=seed)
                found.append(CostMultiplier(curve, baseline, cost, overall))
    return found


def cost_multipliers_table(found: list[CostMultiplier]) -> pd.DataFrame:
    """A row each; an empty cell cannot be had, and `note` says why."""
    rows = []
    for one in found:
        row: dict[str, Any] = {"curve": one.curve.label, "baseline": one.baseline, "cost": one.cost}
        ends = {"": one.overall.multiplier, "_low": one.overall.low, "_high": one.overall.high}
        for name, end in ends.items():
            row[f"multiplier{name}"] = None if end is None else end.value
            row[f"multiplier{name}_status"] = None if end is None else end.reach.value
        rows.append(row | {"p_value": one.overall.p_value, "note": one.overall.note or None})
    return pd.DataFrame(rows)


def _by_cost(rows: pd.DataFrame, cost: str) -> Measurements | None:
    """Errors against the mean cost at each size: runs of a size differ in cost by little, and stay together."""
    means = _mean_costs(rows, cost)
    costs = rows["data_size"].map(means)
    known = costs.notna() & rows["test_error"].notna()
    if not known.any():
        return None
    seeds = rows.loc[known, "seed"].astype(str).to_numpy(dtype=str)
    return Measurements.from_columns(costs[known].to_numpy(dtype=float), rows.loc[known, "test_error"], seeds)


def _mean_costs(rows: pd.DataFrame, cost: str) -> dict[int, float]:
    """Mean over seeds by size, ascending; sizes where a seed's cost is unknown are left out."""
    grouped = rows.groupby("data_size")[cost]
    means = grouped.mean()[grouped.apply(lambda costs: bool(costs.notna().all()))]
    return {int(float(str(size))): float(mean) for size, mean in means.items()}


def _numbers(records: pd.DataFrame, name: str) -> "pd.Series[float]":
    if name not in records.columns:
        return pd.Series(np.nan, index=records.index, dtype="float64")
    return pd.to_numeric(records[name], errors="coerce").astype("float64")
