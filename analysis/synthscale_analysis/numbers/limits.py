"""Where a chart of test errors begins and ends, so that one interval of few seeds does not flatten all curves."""

from collections.abc import Sequence

import pandas as pd

from synthscale.scaling import Interval
from synthscale_analysis.curves import Curve
from synthscale_analysis.numbers.estimates import error_by_size

_ROOM = 1.06


def error_limits(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """Lowest and highest error around runs and intervals, on a log axis; None where no run has a positive error.

    An interval that reaches below half the lowest run is cut off there.
    """
    positive = _positive_runs(curves)
    if positive.empty:
        return None
    lowest, highest = float(positive.min()), float(positive.max())
    lower = max(min([lowest, *(interval.low for interval in _intervals(curves))]), lowest / 2)
    upper = max([highest, *(interval.high for interval in _intervals(curves))])
    return lower / _ROOM, upper * _ROOM if upper < 0.8 else 1.0


def cuts_intervals(curves: Sequence[Curve]) -> bool:
    """Whether an interval reaches beyond the limits."""
    limits = error_limits(curves)
    return limits is not None and any(one.low < limits[0] for one in _intervals(curves))


def _positive_runs(curves: Sequence[Curve]) -> "pd.Series[float]":
    runs: pd.Series[float] = pd.concat([curve.rows["test_error"] for curve in curves])
    return runs[runs > 0]


def _intervals(curves: Sequence[Curve]) -> list[Interval]:
    """Those of all means that a log axis has a place for."""
    means = [mean for curve in curves for mean in error_by_size(curve).values() if mean.mean > 0]
    return [mean.interval for mean in means if mean.interval is not None]
