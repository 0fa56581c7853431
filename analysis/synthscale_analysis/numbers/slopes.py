"""Over worlds with other tails: how slowly SFT's error falls, and what a method is worth in data there.

Where the i-th rule occurs with frequency i^-a, SFT on N problems leaves out those rarer than 1/N, whose share is
N^-((a - 1)/a): the theory's slope b. Where a method makes r times the baseline's errors at every size, and those fall
as N^-b, it is worth r^(-1/b) times its data: the same gain is worth the more, the slower SFT learns.

A world's exponent a is the setting `zipf_exponent` of its task, or the end of the task's name: `precedence_a105` is
1.05. Slopes are those of power laws, multipliers those over all sizes, error ratios geometric means over the sizes that
both have, paired over seeds; all with 95 % intervals.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from synthscale.scaling import CensoredValue
from synthscale.study.error import UserError
from synthscale_analysis.curves import Curve, curves_of
from synthscale_analysis.numbers.bounds import note_on
from synthscale_analysis.numbers.estimates import BASELINES, fit_to_curve, overall_multiplier_of
from synthscale_analysis.numbers.paired import block_of, difference, logs, pooled_noise, ratio_columns
from synthscale_analysis.protocol import NUM_DRAWS, SEED
from synthscale_analysis.studies import worlds_of

COLUMNS = (
    *("task", "model", "tail_exponent", "baseline", "slope", "slope_low", "slope_high", "theory_slope", "num_sizes"),
    "notes",
)
MULTIPLIER_COLUMNS = (
    *("task", "model", "tail_exponent", "baseline", "slope", "slope_low", "slope_high", "arm", "algorithm", "sizes"),
    *("multiplier", "multiplier_status", "multiplier_low", "multiplier_low_status", "multiplier_high"),
    *("multiplier_high_status", "multiplier_p", "error_ratio", "error_ratio_low", "error_ratio_high"),
    *("predicted_multiplier", "note"),
)
ABSENT = "no world of these records has a tail exponent in its settings or its name, as precedence_a105 has"
_SETTING = re.compile(r"zipf_exponent=([0-9.]+(?:e[+-]?\d+)?)")
_LABEL = re.compile(r"_a(\d)(\d*)(?=\s|$|_)")


@dataclass(frozen=True, slots=True)
class World:
    """The records of one task and model, with the exponent of its tail."""

    task: str
    model: str
    tail_exponent: float
    records: pd.DataFrame

    @property
    def columns(self) -> dict[str, object]:
        """The first columns of both tables."""
        return {"task": self.task, "model": self.model, "tail_exponent": self.tail_exponent}


def tail_exponent(task: str) -> float | None:
    """The exponent that a task's settings or name give; None where neither does."""
    if setting := _SETTING.search(task):
        return float(setting[1])
    label = _LABEL.search(task)
    return float(f"{label[1]}.{label[2] or 0}") if label else None


def theory_slope(exponent: float) -> float | None:
    """b of the baseline's error in a world with this tail; None where the tail is too heavy for a law."""
    return (exponent - 1) / exponent if exponent > 1 else None


def multiplier_at(slopes: ArrayLike, ratio: float) -> NDArray[np.float64]:
    """What errors at `ratio` times the baseline's are worth in data where these fall with such slopes."""
    return np.asarray(ratio ** (-1 / np.asarray(slopes, dtype=np.float64)), dtype=np.float64)


def worlds_by_tail(records: pd.DataFrame) -> list[World]:
    """The worlds that have an exponent, ascending; UserError where none has."""
    found = [
        World(task, model, exponent, rows)
        for task, model, rows in worlds_of(records)
        if (exponent := tail_exponent(task)) is not None
    ]
    if not found:
        raise UserError(ABSENT)
    return sorted(found, key=lambda world: (world.tail_exponent, world.task, world.model))


def slope_table(records: pd.DataFrame, num_draws: int = NUM_DRAWS, seed: int = SEED) -> pd.DataFrame:
    """A row for each world and baseline: its fitted slope beside the theory's."""
    rows = [
        {**world.columns, "baseline": curve.algorithm, "theory_slope": theory_slope(world.tail_exponent), **slope}
        for world in worlds_by_tail(records)
        for curve, slope in _baselines(world, num_draws, seed)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def slope_multipliers(records: pd.DataFrame, num_draws: int = NUM_DRAWS, seed: int = SEED) -> pd.DataFrame:
    """A row for each world, baseline and method: the multiplier over all sizes, and what its error ratio predicts."""
    rows = []
    for world in worlds_by_tail(records):
        curves = curves_of(world.records)
        for baseline, slope in _baselines(world, num_draws, seed):
            first = {**world.columns, "baseline": baseline.algorithm, **slope}
            for curve in (one for one in curves if one.algorithm not in BASELINES):
                own = _multiplier(world.records, curve, baseline.algorithm, num_draws, seed)
                ratio = error_ratio(curve.rows, baseline.rows)
                predicted = _predicted(slope["slope"], ratio.get("error_ratio"))
                named = {"arm": curve.label, "algorithm": curve.algorithm}
                rows.append(first | named | own | ratio | {"predicted_multiplier": predicted})
    return pd.DataFrame(rows, columns=list(MULTIPLIER_COLUMNS))


def error_ratio(method: pd.DataFrame, baseline: pd.DataFrame) -> dict[str, object]:
    """Error over the baseline's at the same sizes and seeds, a geometric mean with its interval; empty without such."""
    rows = pd.concat([method.assign(arm="method"), baseline.assign(arm="baseline")], ignore_index=True)
    rows = rows.assign(value=logs(rows["test_error"]))
    shared = set(method["data_size"]) & set(baseline["data_size"])
    by_size = rows[rows["data_size"].isin(shared)].groupby("data_size")
    blocks = [block_of(part, "arm", "value") for _, part in by_size]
    found = difference([(block, {"method": 1.0, "baseline": -1.0}) for block in blocks], pooled_noise(blocks))
    return ratio_columns("error_ratio", found)


def _baselines(world: World, num_draws: int, seed: int) -> Iterator[tuple[Curve, dict[str, object]]]:
    """The baselines that have one curve in the world, each with the columns of its slope."""
    curves = [curve for curve in curves_of(world.records) if curve.algorithm in BASELINES]
    for curve in curves:
        if sum(other.algorithm == curve.algorithm for other in curves) == 1:
            yield curve, _slope(curve, num_draws, seed)


def _slope(curve: Curve, num_draws: int, seed: int) -> dict[str, object]:
    fitted = fit_to_curve(curve, "power", num_draws, seed)
    found: dict[str, object] = {"num_sizes": int(curve.rows["data_size"].nunique()), "slope": None}
    if fitted is None or fitted.fit is None:
        return found | {"notes": "; ".join(fitted.notes) if fitted else "no positive errors"}
    interval = fitted.interval("b")
    ends = {"slope_low": interval.low, "slope_high": interval.high} if interval is not None else {}
    return found | {"slope": fitted.fit.parameters["b"], **ends, "notes": "; ".join(fitted.notes) or None}


def _multiplier(records: pd.DataFrame, curve: Curve, baseline: str, num_draws: int, seed: int) -> dict[str, object]:
    found = overall_multiplier_of(records, curve, baseline, num_draws, seed)
    if found is None:
        return {"note": "the baseline makes no errors"}
    note = "; ".join(filter(None, [found.note, note_on(found.multiplier, found.low, found.high)])) or None
    sizes = " ".join(f"{size:.0f}" for size in found.sizes)
    ends = {"": found.multiplier, "_low": found.low, "_high": found.high}
    columns = {f"multiplier{name}{part}": of for name, end in ends.items() for part, of in _parts(end).items()}
    return {"sizes": sizes, **columns, "multiplier_p": found.p_value, "note": note}


def _parts(end: CensoredValue | None) -> dict[str, object]:
    return {"": None, "_status": None} if end is None else {"": end.value, "_status": end.reach.value}


def _predicted(slope: object, ratio: object) -> float | None:
    if not isinstance(slope, float) or not isinstance(ratio, float) or slope <= 0:
        return None
    return float(multiplier_at(slope, ratio))
