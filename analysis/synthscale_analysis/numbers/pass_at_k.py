"""pass@k and maj@k of each curve: means over seeds with 95 % intervals, the spread pooled over the curve's sizes."""

import re

import pandas as pd

from synthscale.scaling import means_over_seeds
from synthscale_analysis.curves import Curve, curves_of

COLUMNS = ("curve", "data_size", "metric", "k", "num_seeds", "mean", "low", "high")


def pass_at_k_table(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each curve, size, metric (pass or maj) and k that was measured; low and high end the 95 % interval."""
    rows = [row for curve in curves_of(records) for name in sampled_columns(records) for row in _rows(curve, name)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def sampled_columns(records: pd.DataFrame) -> list[str]:
    """The columns pass_at_k and maj_at_k, by k."""
    named = {str(name): re.fullmatch(r"(pass|maj)_at_(\d+)", str(name)) for name in records.columns}
    found = {name: (match[1], int(match[2])) for name, match in named.items() if match}
    return sorted(found, key=lambda name: (found[name][0] == "maj", found[name][1]))


def largest_common_size(table: pd.DataFrame) -> int:
    """The largest size of those that most curves have."""
    curves = table.groupby("data_size")["curve"].nunique()
    return int(curves[curves == curves.max()].index.max())


def _rows(curve: Curve, column: str) -> list[dict[str, object]]:
    if column not in curve.rows:
        return []
    metric, _, number = column.split("_")
    rates = pd.to_numeric(curve.rows[column], errors="coerce")
    measured = curve.rows.assign(rate=rates.where(rates.between(0, 1))).dropna(subset=["rate"])
    by_size = measured.groupby("data_size")["rate"]
    cells = [(int(float(str(size))), rates.to_numpy(dtype=float)) for size, rates in by_size]
    return [
        {
            "curve": curve.label,
            "data_size": size,
            "metric": metric,
            "k": int(number),
            "num_seeds": mean.num_seeds,
            "mean": mean.mean,
            "low": None if mean.interval is None else mean.interval.low,
            "high": None if mean.interval is None else mean.interval.high,
        }
        for (size, _), mean in zip(cells, means_over_seeds([rates for _, rates in cells]), strict=True)
    ]
