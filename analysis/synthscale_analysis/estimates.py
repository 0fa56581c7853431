"""What is estimated for each curve: means with intervals, fits, data multipliers.

Figures and summary tables call these, so that a number in a table is the number in the figure.
"""

from functools import partial

import pandas as pd

from synthscale.scaling import LAWS, DataMultiplier, data_multipliers, mean_over_seeds
from synthscale.scaling.law import FloatArray
from synthscale_analysis.curves import Curve, baseline_rows
from synthscale_analysis.fitting import FittedCurve, fit_curve
from synthscale_analysis.records import measurements

BASELINES = ("sft", "sft_matched")
NUM_DRAWS = 1000
SEED = 0

_columns = partial(measurements, x="data_size", y="test_error", seed_column="seed")


def rate_interval(values: FloatArray) -> tuple[float, float, float]:
    """Mean of a rate over seeds and its 95 % t interval, clipped to [0, 1]; NaN ends where there is one value."""
    mean, interval = mean_over_seeds(values)
    if interval is None:
        return mean, float("nan"), float("nan")
    return mean, max(interval.low, 0.0), min(interval.high, 1.0)


def error_by_size(curve: Curve) -> pd.DataFrame:
    """One row a size: data_size, num_seeds, mean, low, high of the test error."""
    rows = []
    for size, cell in curve.rows.groupby("data_size"):
        mean, low, high = rate_interval(cell["test_error"].to_numpy(dtype=float))
        rows.append({"data_size": size, "num_seeds": len(cell), "mean": mean, "low": low, "high": high})
    return pd.DataFrame(rows)


def fit_to_curve(curve: Curve, law_name: str, num_draws: int = NUM_DRAWS, seed: int = SEED) -> FittedCurve | None:
    """Fit of a law to the curve's runs; runs with an error of exactly 0 have no log and are left out.

    None where no run has a positive error.
    """
    positive = curve.rows[curve.rows["test_error"] > 0]
    if positive.empty:
        return None
    return fit_curve(LAWS[law_name], _columns(positive), num_draws, seed)


def multipliers_of(
    records: pd.DataFrame, curve: Curve, baseline: str, num_draws: int = NUM_DRAWS, seed: int = SEED
) -> list[DataMultiplier]:
    """Data multipliers of the curve against a baseline, by size.

    Empty for the baseline itself (1 by definition) and where the study holds no positive error of the baseline.
    """
    rows = baseline_rows(records, baseline)
    if curve.algorithm == baseline or not (rows["test_error"] > 0).any():
        return []
    return data_multipliers(_columns(rows), _columns(curve.rows), num_draws=num_draws, seed=seed)
