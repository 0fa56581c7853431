"""How much data an error takes: read off the measured curve, or off a fitted law; and how many times less than the
baseline's.

The measured curve (`crossing`) says nothing outside its range but the side. A law can be asked anywhere, and says what
it would be if it went on: sizes beyond the largest measured are marked as extrapolated, and beyond `FAR` times that as
far; an error at or below the law's floor, or of a law that does not fall, is never reached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthscale.scaling.bootstrap import LEVEL, NUM_DRAWS, FitBootstrap
from synthscale.scaling.censored import CensoredDraws, CensoredValue
from synthscale.scaling.crossing import find_crossings, monotone
from synthscale.scaling.fit import Fit
from synthscale.scaling.joint_draws import mean_draws
from synthscale.scaling.judgement import FAR
from synthscale.scaling.laws import FloatArray, Law
from synthscale.scaling.measurements import Measurements

#: Times the largest size, and parts of the smallest, within which a law is inverted on the fine grid.
HORIZON = 1e6
#: The largest size that is computed: where laws are held within e^±300, none of them is yet flat for that.
BEYOND = 1e100
NUM_GRID = 3000
CHUNK = 100  # curves at a time
NEITHER = "neither curve reaches this error: no ratio"
LOST = "draws leave the range on both sides: no interval"
ONE_SEED = "one seed at a size beside the crossing: no interval"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """A size in problems, or a ratio of two, read off measured curves.

    value: None where nothing bounds it. low, high: ends of the interval, None where `note` says why, and without a note
    where the value is a bound beside a size of one seed.
    """

    value: CensoredValue | None
    low: CensoredValue | None
    high: CensoredValue | None
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LawSize:
    """The size at which a law reaches an error, infinite where it never does, 0 where the smallest has less already.

    `BEYOND` stands for every size that is larger. low, high: ends of the interval, high infinite where so many draws
    never do; None without a bootstrap. floor: of the law, where it has one that is at or above the error. mark: "",
    "extrapolated" or "far".
    """

    size: float
    low: float | None
    high: float | None
    floor: float | None
    mark: str


@dataclass(frozen=True, slots=True)
class _Crossed:
    """Sizes at which each draw reaches an error; whether the table itself does, and has seeds to resample there."""

    draws: CensoredDraws
    crosses: bool
    has_seeds: bool


def size_for(
    table: Measurements, error: float, *, num_draws: int = NUM_DRAWS, seed: int = 0, level: float = LEVEL
) -> Reached:
    """The size at which the table's monotone mean error reaches the error; ValueError for one that is not positive."""
    _require_positive(error)
    (means,) = mean_draws([table], num_draws, np.random.default_rng(seed))
    crossed = _crossed(table, means, error)
    return _reached(crossed.draws, [crossed], level)


def ratio_for(
    baseline: Measurements,
    method: Measurements,
    error: float,
    *,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Reached:
    """The data multiplier at an error: the baseline's size for it over the method's, both curves drawn together."""
    _require_positive(error)
    means, method_means = mean_draws([baseline, method], num_draws, np.random.default_rng(seed))
    both = [_crossed(baseline, means, error), _crossed(method, method_means, error)]
    theirs, ours = (crossed.draws for crossed in both)
    ratio = CensoredDraws(theirs.values / ours.values, theirs.above | ours.below, theirs.below | ours.above)
    return _reached(ratio, both, level)


def law_size_for(fit: Fit, bootstrap: FitBootstrap | None, sizes: FloatArray, error: float) -> LawSize:
    """The size at which the fitted law reaches the error; sizes: those measured. ValueError as by `size_for`."""
    _require_positive(error)
    estimate = np.array(list(fit.parameters.values()))[None, :]
    size = float(inverted(fit.law, estimate, error, sizes)[0])
    floor = fit.parameters.get(fit.law.floor) if fit.law.floor is not None else None
    low = high = None
    if bootstrap is not None:
        drawn = np.sort(inverted(fit.law, bootstrap.draws, error, sizes))
        tail, last = (1.0 - bootstrap.level) / 2, len(drawn) - 1
        low, high = float(drawn[math.floor(tail * last)]), float(drawn[math.ceil((1.0 - tail) * last)])
    largest = float(np.max(sizes))
    beyond = "far" if size > FAR * largest else "extrapolated"
    mark = "" if float(np.min(sizes)) <= size <= largest else beyond
    floor = floor if floor is not None and floor >= error else None
    return LawSize(size=size, low=low, high=high, floor=floor, mark=mark)


def inverted(law: Law, parameters: FloatArray, error: float, sizes: FloatArray) -> FloatArray:
    """The first size at which each curve is at or below the error, [num_curves].

    Infinite where no size is, `BEYOND` where only larger ones are, 0 where all are. parameters: [num_curves,
    num_parameters] of a law of one size. By linear interpolation in logs between the points of a grid from the smallest
    size / `HORIZON` to the largest · `HORIZON`, and of a coarser one from there, which is exact for a power law.
    """
    largest = float(np.max(sizes))
    near = np.geomspace(np.min(sizes) / HORIZON, largest * HORIZON, NUM_GRID)
    found = _inverted_on(near, law, parameters, error)
    later = np.flatnonzero(np.isinf(found) & _falls_below(law, parameters, error, largest))
    if len(later):
        far = np.geomspace(near[-1], BEYOND, NUM_GRID)
        found[later] = np.minimum(_inverted_on(far, law, parameters[later], error), BEYOND)
    return found


def _inverted_on(grid: FloatArray, law: Law, parameters: FloatArray, error: float) -> FloatArray:
    """As `inverted`, within the grid."""
    found = []
    for start in range(0, len(parameters), CHUNK):
        logs = np.log(law.predict(parameters[start : start + CHUNK], grid)) - np.log(error)
        reached = logs <= 0
        right = reached.argmax(axis=1)
        left, curves = np.maximum(right - 1, 0), np.arange(len(logs))
        over, under = logs[curves, left], logs[curves, right]
        falls = right > 0
        share = np.where(falls, over, 0.0) / np.where(falls, over - under, 1.0)
        size = grid[left] * (grid[right] / grid[left]) ** share
        found.append(np.where(reached.any(axis=1), np.where(falls, size, 0.0), np.inf))
    return np.concatenate(found)


def _falls_below(law: Law, parameters: FloatArray, error: float, largest: float) -> NDArray[np.bool_]:
    """Whether each curve falls beyond the largest size, with no floor that keeps it above the error."""
    here, there = law.predict(parameters, np.array([largest, BEYOND])).T
    falls = np.asarray(there < here)
    return falls if law.floor is None else falls & (parameters[:, law.parameter_names.index(law.floor)] < error)


def _crossed(table: Measurements, means: FloatArray, error: float) -> _Crossed:
    num_seeds = table.num_seeds()
    curves = monotone(means, num_seeds.astype(np.float64))
    crossings = find_crossings(table.sizes(), curves, np.full(len(means), error))
    bracket = int(crossings.bracket[0])
    has_seeds = bool(num_seeds[max(bracket - 1, 0) : bracket + 1].min() > 1)
    draws = CensoredDraws(crossings.sizes, crossings.above, crossings.below)
    return _Crossed(draws, not (draws.above[0] or draws.below[0]), has_seeds)


def _reached(draws: CensoredDraws, parts: list[_Crossed], level: float) -> Reached:
    """The draws, made of these parts, as a value with its interval."""
    value = draws.estimate()
    if value is None:
        return Reached(value=None, low=None, high=None, note=NEITHER)
    if not all(part.has_seeds for part in parts):
        crosses_there = any(part.crosses and not part.has_seeds for part in parts)
        return Reached(value=value, low=None, high=None, note=ONE_SEED if crosses_there else "")
    interval = draws.interval(level)
    low, high = interval or (None, None)
    return Reached(value=value, low=low, high=high, note="" if interval else LOST)


def _require_positive(error: float) -> None:
    if not (error > 0 and math.isfinite(error)):
        raise ValueError(f"a target error is positive, not {error:g}")
