"""The table that `synthscale report` prints: accuracies by method and size, and the multipliers at one telling size."""

import pandas as pd
from rich.table import Table

from synthscale.scaling import CensoredValue, Reach
from synthscale_analysis.curves import Curve
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.bounds import estimate_text
from synthscale_analysis.numbers.wording import accuracy_text

_CAPTION = "× data: multiplier with 95 % interval, at the size where most methods lie inside the baseline's range"


def printed_table(material: Material, summary: pd.DataFrame) -> Table:
    """Curves × sizes: accuracy, mean ± sd over seeds; then the multipliers at one telling size."""
    usual = int(summary["num_seeds"].mode().iloc[0])
    title = (
        f"{material.study.task}, {material.study.model}: test accuracy in %, mean ± sd over seeds ({usual} unless said)"
    )
    table = Table(title=title, caption=_CAPTION)
    table.add_column("algorithm")
    sizes = sorted(summary["data_size"].unique())
    for size in sizes:
        table.add_column(f"{size:,}", justify="right")
    telling = {name: _telling_size(summary, name) for name in material.baselines}
    for baseline, size in telling.items():
        table.add_column(f"× data vs {baseline}\nat {size:,}")
    for curve in material.curves:
        rows = _rows_of(summary, curve).set_index("data_size", drop=False)
        row_at = {size: rows.loc[size] if size in rows.index else None for size in sizes}
        cells = [_accuracy(row, usual) for row in row_at.values()]
        table.add_row(curve.label, *cells, *(_multiplier(row_at[telling[name]], curve, name) for name in telling))
    return table


def _rows_of(summary: pd.DataFrame, curve: Curve) -> pd.DataFrame:
    variants = summary["variant"].astype(object).fillna("").astype(str)
    rows = summary[(summary["algorithm"] == curve.algorithm) & (variants == curve.variant)]
    return rows if curve.negative_fraction is None else rows[rows["negative_fraction"] == curve.negative_fraction]


def _accuracy(row: "pd.Series[float] | None", usual_num_seeds: int) -> str:
    if row is None:
        return "–"
    seeds = "" if row["num_seeds"] == usual_num_seeds else f" ({row['num_seeds']})"
    return accuracy_text(row["mean_test_accuracy"], row["sd_test_accuracy"]) + seeds


def _telling_size(summary: pd.DataFrame, baseline: str) -> int:
    """The size at which most curves lie inside the baseline's range, the largest of equals.

    Not simply the largest size: there every method that beats the baseline is beyond its range, and "> 1" would be all
    that the table says. One size for all methods, so that they can be compared.
    """
    inside = (summary[f"multiplier_vs_{baseline}_status"] == "in_range").groupby(summary["data_size"]).sum()
    return int(inside[inside == inside.max()].index.max())


def _multiplier(row: "pd.Series[float] | None", curve: Curve, baseline: str) -> str:
    """As "1.70 [1.20, > 2.00]"; a dash where there is none."""
    name = f"multiplier_vs_{baseline}"
    if curve.algorithm == baseline:
        return "1 (baseline)"
    value = None if row is None else _bounded(row, name)
    if row is None or value is None:
        return "–"
    return estimate_text(value, _bounded(row, f"{name}_low"), _bounded(row, f"{name}_high"))


def _bounded(row: "pd.Series[float]", name: str) -> CensoredValue | None:
    return None if pd.isna(row[name]) else CensoredValue(row[name], Reach(str(row[f"{name}_status"])))
