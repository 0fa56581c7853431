"""Tables of a study: summary.csv (one row per curve and size), fits.csv (curve and law), multipliers.csv (curve and
baseline).

test_error_low and _high are the 95 % interval of the mean over seeds, from the standard deviation of log odds pooled
over the sizes of the curve (pooled_sd_log_odds, with its degrees_of_freedom; see `synthscale.scaling.seed_mean`).
sd_test_accuracy is that of the size's own seeds. delta in fits.csv is Huber's δ. A multiplier's _p is the one-sided
p-value of "greater than 1"; that of a whole curve is taken over tested_sizes (see `synthscale.scaling.overall`). Where
1 lies beyond what was measured there is none (`bounds`).

An empty cell was not measured or cannot be had; the note beside it says why.
"""

from collections.abc import Sequence

import pandas as pd

from synthscale.scaling import CensoredValue, DataMultiplier, OverallMultiplier, SeedMean
from synthscale_analysis.curves import Curve
from synthscale_analysis.numbers.bounds import leaves_one_open, note_on
from synthscale_analysis.numbers.estimates import BASELINES, error_by_size, multipliers_of, overall_multiplier_of
from synthscale_analysis.numbers.fitting import FittedCurve

#: Columns whose mean over seeds is given where the records have it.
MEAN_COLUMNS = (
    "pass_at_1",
    "pass_at_4",
    "pass_at_16",
    "maj_at_4",
    "maj_at_16",
    "wrong_step_share",
    "pit_precision",
    "num_updates",
    "num_train_positives",
    "num_train_pairs",
    "num_train_tokens",
    "num_sampled_tokens",
    "num_rollouts",
    "train_seconds",
    "sample_seconds",
)


def summary_table(records: pd.DataFrame, curves: Sequence[Curve], num_draws: int, seed: int) -> pd.DataFrame:
    """One row per curve and size, multipliers against every baseline included."""
    rows: list[dict[str, object]] = []
    for curve in curves:
        against = {
            name: {found.size: found for found in multipliers_of(records, curve, name, num_draws, seed)}
            for name in BASELINES
        }
        errors = error_by_size(curve)
        for label, cell in curve.rows.groupby("data_size"):
            size = int(float(str(label)))
            row = {**_curve_columns(curve), "data_size": size, **_cell_columns(cell, errors[size])}
            for name in BASELINES:
                row |= _multiplier_columns(f"multiplier_vs_{name}", against[name].get(size))
            rows.append(row | _mean_columns(cell))
    return pd.DataFrame(rows)


def fits_table(curves: Sequence[Curve], fits: Sequence[FittedCurve | None]) -> pd.DataFrame:
    """One row per fitted curve; curves and fits run in parallel, a curve stands once for each of its laws."""
    rows: list[dict[str, object]] = []
    for curve, fitted in zip(curves, fits, strict=True):
        if fitted is None:
            continue
        row = {**_curve_columns(curve), "law": fitted.law.name}
        for name in ("a", "b", "c"):
            interval = fitted.interval(name) if fitted.fit and name in fitted.fit.parameters else None
            row[name] = fitted.fit.parameters.get(name) if fitted.fit else None
            row[f"{name}_low"] = None if interval is None else interval.low
            row[f"{name}_high"] = None if interval is None else interval.high
        rows.append(row | _fit_columns(fitted))
    return pd.DataFrame(rows)


def multipliers_table(records: pd.DataFrame, curves: Sequence[Curve], num_draws: int, seed: int) -> pd.DataFrame:
    """One row per curve and baseline: the multiplier over several sizes, which are listed as "64 128"."""
    rows: list[dict[str, object]] = []
    for curve in curves:
        for baseline in BASELINES:
            found = overall_multiplier_of(records, curve, baseline, num_draws, seed)
            if found is None:
                continue
            row = {**_curve_columns(curve), "baseline": baseline, "sizes": _listed(found.sizes)}
            row |= _end_columns("multiplier", found.multiplier, found.low, found.high)
            row |= {"multiplier_p": found.p_value, "tested_sizes": _listed(found.tested_sizes) or None}
            rows.append({**row, "share_beyond": found.share_beyond, "note": _note(found)})
    return pd.DataFrame(rows, columns=None if rows else ["algorithm", "variant", "negative_fraction", "baseline"])


def _listed(sizes: Sequence[float]) -> str:
    return " ".join(f"{size:.0f}" for size in sizes)


def _curve_columns(curve: Curve) -> dict[str, object]:
    return {
        "algorithm": curve.algorithm,
        "variant": curve.variant or None,
        "negative_fraction": curve.negative_fraction,
    }


def _cell_columns(cell: pd.DataFrame, error: SeedMean) -> dict[str, object]:
    return {
        "num_seeds": error.num_seeds,
        "mean_test_accuracy": float(cell["test_accuracy"].mean()),
        "sd_test_accuracy": float(cell["test_accuracy"].std(ddof=1)) if len(cell) > 1 else None,
        "mean_test_error": error.mean,
        "test_error_low": None if error.interval is None else error.interval.low,
        "test_error_high": None if error.interval is None else error.interval.high,
        "pooled_sd_log_odds": error.pooled_sd,
        "degrees_of_freedom": error.degrees_of_freedom,
    }


def _multiplier_columns(prefix: str, found: DataMultiplier | None) -> dict[str, object]:
    if found is None:
        return {**_end_columns(prefix, None, None, None), f"{prefix}_p": None, f"{prefix}_note": None}
    ends = _end_columns(prefix, found.multiplier, found.low, found.high)
    return {**ends, f"{prefix}_p": _p_value(found), f"{prefix}_note": _note(found)}


def _p_value(found: DataMultiplier) -> float | None:
    """None where 1 lies beyond what was measured, so that a test of draws at one size could not but fail."""
    return None if leaves_one_open(found.multiplier, found.low, found.high) else found.p_value


def _note(found: DataMultiplier | OverallMultiplier) -> str | None:
    beyond = note_on(found.multiplier, found.low, found.high)
    return "; ".join(note for note in (found.note, beyond) if note) or None


def _end_columns(
    prefix: str, estimate: CensoredValue | None, low: CensoredValue | None, high: CensoredValue | None
) -> dict[str, object]:
    """Value and status of an estimate and of the ends of its interval."""
    columns: dict[str, object] = {}
    for name, end in zip((prefix, f"{prefix}_low", f"{prefix}_high"), (estimate, low, high), strict=True):
        columns |= {
            name: None if end is None else end.value,
            f"{name}_status": None if end is None else end.reach.value,
        }
    return columns


def _mean_columns(cell: pd.DataFrame) -> dict[str, object]:
    present = [name for name in MEAN_COLUMNS if name in cell.columns]
    numbers = {name: pd.to_numeric(cell[name], errors="coerce") for name in present}
    return {f"mean_{name}": float(column.mean()) for name, column in numbers.items()}


def _fit_columns(fitted: FittedCurve) -> dict[str, object]:
    return {
        "delta": fitted.fit.delta if fitted.fit else None,
        "objective": fitted.fit.objective if fitted.fit else None,
        "converged": fitted.fit.converged if fitted.fit else None,
        "num_rows": fitted.measurements.num_rows,
        "num_sizes": fitted.measurements.num_sizes,
        "seeds_per_size": fitted.seeds_per_size,
        "resampled": fitted.bootstrap.resampled if fitted.bootstrap else None,
        "notes": "; ".join(fitted.notes) or None,
    }
