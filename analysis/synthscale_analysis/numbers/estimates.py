"""What is estimated for each curve: means with intervals, fits, data multipliers.

Figures and summary tables call these, so that a number in a table is the number in the figure.
"""

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthscale.scaling import (
    LAWS,
    DataMultiplier,
    OverallMultiplier,
    SeedMean,
    data_multipliers,
    means_over_seeds,
    overall_multiplier,
)
from synthscale_analysis.curves import Curve, baseline_rows
from synthscale_analysis.numbers.fitting import FittedCurve, fit_curve
from synthscale_analysis.protocol import NUM_DRAWS, SEED, STUDY_DELTA
from synthscale_analysis.records import measurements

BASELINES = ("sft", "sft_matched")
#: Fitted to each curve of a study; a law with a break has more parameters than most studies have sizes.
STUDY_LAWS = ("power", "power_offset")

_columns = partial(measurements, x=["data_size"], y="test_error", seed_column="seed")


def error_by_size(curve: Curve) -> dict[int, SeedMean]:
    """Mean test error at each data size, ascending, with an interval from the spread pooled over the curve's sizes."""
    cells = [(int(float(str(size))), cell["test_error"]) for size, cell in curve.rows.groupby("data_size")]
    means = means_over_seeds([errors.to_numpy(dtype=float) for _, errors in cells])
    return dict(zip([size for size, _ in cells], means, strict=True))


def fit_to_curve(curve: Curve, law_name: str, num_draws: int = NUM_DRAWS, seed: int = SEED) -> FittedCurve | None:
    """Fit of a law to the curve's runs at `STUDY_DELTA`, with the test set's noise where its size is known.

    Runs with an error of exactly 0 have no log and are left out; None where no run has a positive error.
    """
    positive = curve.rows[curve.rows["test_error"] > 0]
    if positive.empty:
        return None
    return fit_curve(LAWS[law_name], _columns(positive, num_test=_num_test(positive)), num_draws, seed, STUDY_DELTA)


def _num_test(rows: pd.DataFrame) -> NDArray[np.float64] | None:
    """Test problems behind each row's error; None where one is not known."""
    if "num_test" not in rows.columns:
        return None
    counts = pd.to_numeric(rows["num_test"], errors="coerce").to_numpy(dtype=float)
    return counts if np.all(counts >= 1) else None


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


def overall_multiplier_of(
    records: pd.DataFrame, curve: Curve, baseline: str, num_draws: int = NUM_DRAWS, seed: int = SEED
) -> OverallMultiplier | None:
    """Data multiplier of the whole curve against a baseline; None where `multipliers_of` is empty."""
    rows = baseline_rows(records, baseline)
    if curve.algorithm == baseline or not (rows["test_error"] > 0).any():
        return None
    return overall_multiplier(_columns(rows), _columns(curve.rows), num_draws=num_draws, seed=seed)


def main_baseline(records: pd.DataFrame) -> str | None:
    """SFT with as many updates, else SFT; None where the study has neither, or several variants of both."""
    return next((name for name in reversed(BASELINES) if not baseline_rows(records, name).empty), None)
