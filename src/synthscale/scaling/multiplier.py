"""The data multiplier: how many times the data a method is worth.

At N problems a method has test error e; the baseline (SFT) needs N_sft(e) problems for the same error; the multiplier
is N_sft(e) / N (Setlur et al. 2024, "eight-fold"). It is a horizontal distance between curves and says nothing where
the baseline was not measured, so an error outside the baseline's range gives a bound ("> 4"), never an extrapolation.

The interval is a joint bootstrap: the seeds of both curves are drawn together, paired where a size has the same seeds
(see `resample`). Draws that leave the baseline's range are censored at their bound; an end of the interval that falls
on such a draw is a bound too ("> 4"), which is why ends are order statistics and not interpolated percentiles.

Draws of few seeds run narrow, so the seeds' spread is widened first, as for fits (`widen_spread`). Over 150 planted
multipliers of 1.5 with 10 % noise, the 95 % interval then holds the truth in 79 % with two seeds a size, 85 % with
three and 89 % with five (56, 76 and 84 % without): still narrow, so few seeds support no claim.
"""

from dataclasses import dataclass, replace

import numpy as np

from synthscale.scaling.bootstrap import LEVEL, NUM_DRAWS, widen_spread
from synthscale.scaling.crossing import Crossings, Reach, find_crossings, monotone_means, weighted_mean
from synthscale.scaling.laws import FloatArray
from synthscale.scaling.measurements import IntArray, Measurements
from synthscale.scaling.resample import paired_seed_counts

_SIGNS = {Reach.IN_RANGE: "", Reach.MORE_THAN: "> ", Reach.LESS_THAN: "< "}


@dataclass(frozen=True, slots=True)
class CensoredValue:
    """A number, or the bound beyond which it lies."""

    value: float
    reach: Reach

    def __str__(self) -> str:
        return f"{_SIGNS[self.reach]}{self.value:.3g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DataMultiplier:
    """A method's data multiplier at one size.

    size: problems the method had. error: its mean error there. multiplier: dimensionless. low, high: ends of the
    interval, None where `note` says why there is none. share_beyond: share of draws outside the baseline's range, None
    without an interval.
    """

    size: float
    error: float
    multiplier: CensoredValue
    low: CensoredValue | None
    high: CensoredValue | None
    share_beyond: float | None
    note: str


def data_multipliers(
    baseline: Measurements,
    method: Measurements,
    *,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> list[DataMultiplier]:
    """Multiplier of the method against the baseline at each of the method's sizes, ascending.

    Values are errors, at least 0. ValueError for a negative error, more than one input, a baseline without a positive
    error, and fewer than 2 draws.
    """
    if num_draws < 2:
        raise ValueError(f"an interval needs at least 2 draws, not {num_draws}")
    for table in (baseline, method):
        table.require_positive_inputs()
        if (table.values < 0).any():
            raise ValueError(f"error {table.values.min():g} is negative")
    if not (baseline.values > 0).any():
        raise ValueError("the baseline has no positive error, so nothing can be compared with it")
    generator = np.random.default_rng(seed)
    counts_baseline, counts_method = paired_seed_counts(baseline, method, num_draws, generator)
    # Draw 0 is the table itself, so that estimate and interval go through the same lines.
    one_baseline, one_method = np.ones((1, baseline.num_rows)), np.ones((1, method.num_rows))
    wide_baseline, wide_method = _widened(baseline, level), _widened(method, level)
    curves = np.vstack([monotone_means(baseline, one_baseline), monotone_means(wide_baseline, counts_baseline)])
    num_seeds = baseline.num_seeds()
    results = []
    for size, rows in zip(method.sizes(), method.cells(), strict=True):
        estimate = weighted_mean(method.values[rows], one_method[:, rows])
        errors = np.concatenate([estimate, weighted_mean(wide_method.values[rows], counts_method[:, rows])])
        crossings = find_crossings(baseline.sizes(), curves, errors)
        note = _missing_interval(len(method.runs(rows)), num_seeds, int(crossings.bracket[0]))
        results.append(_multiplier_at(float(size), float(errors[0]), crossings, level, note))
    return results


def _widened(measurements: Measurements, level: float) -> Measurements:
    """The table with the seeds' spread widened as for fits, in log error; a size with an error of 0 stays as it is."""
    values = measurements.values.copy()
    zero_sizes = np.unique(measurements.inputs[values == 0])
    positive = ~np.isin(measurements.inputs[:, 0], zero_sizes)
    if positive.any():
        seeds = None if measurements.seeds is None else measurements.seeds[positive]
        part = Measurements.from_columns(measurements.inputs[positive], values[positive], seeds)
        values[positive] = np.exp(widen_spread(np.log(part.values), part, level))
    return replace(measurements, values=values)


def _missing_interval(num_method_seeds: int, num_baseline_seeds: IntArray, bracket: int) -> str:
    """Why an interval would be too narrow to show, or an empty string."""
    if num_method_seeds < 2:
        return "one seed: no interval"
    if num_baseline_seeds[max(bracket - 1, 0) : bracket + 1].min() < 2:
        return "one baseline seed at a size beside the crossing: no interval"
    return ""


def _multiplier_at(size: float, error: float, crossings: Crossings, level: float, note: str) -> DataMultiplier:
    ratios = crossings.sizes / size
    estimate = CensoredValue(float(ratios[0]), _reach(crossings, 0))
    if note:
        return DataMultiplier(
            size=size, error=error, multiplier=estimate, low=None, high=None, share_beyond=None, note=note
        )
    low, high = _interval(ratios, crossings, level)
    beyond = float((crossings.above | crossings.below)[1:].mean())
    return DataMultiplier(
        size=size, error=error, multiplier=estimate, low=low, high=high, share_beyond=beyond, note=note
    )


def _reach(crossings: Crossings, draw: int) -> Reach:
    if crossings.above[draw]:
        return Reach.MORE_THAN
    return Reach.LESS_THAN if crossings.below[draw] else Reach.IN_RANGE


def _interval(ratios: FloatArray, crossings: Crossings, level: float) -> tuple[CensoredValue, CensoredValue]:
    """Order statistics of the draws (all but the first), censored draws sorted beyond every other."""
    keys = np.where(crossings.above, np.inf, np.where(crossings.below, -np.inf, ratios))[1:]
    order = np.argsort(keys, kind="stable") + 1
    tail = (1.0 - level) / 2
    last = len(order) - 1
    low, high = order[int(np.floor(tail * last))], order[int(np.ceil((1.0 - tail) * last))]
    return _end(ratios, crossings, int(low)), _end(ratios, crossings, int(high))


def _end(ratios: FloatArray, crossings: Crossings, draw: int) -> CensoredValue:
    """The draw's ratio, or the bound that holds for every draw censored on the same side."""
    reach = _reach(crossings, draw)
    if reach is Reach.MORE_THAN:
        return CensoredValue(float(ratios[1:][crossings.above[1:]].min()), reach)
    if reach is Reach.LESS_THAN:
        return CensoredValue(float(ratios[1:][crossings.below[1:]].max()), reach)
    return CensoredValue(float(ratios[draw]), reach)
