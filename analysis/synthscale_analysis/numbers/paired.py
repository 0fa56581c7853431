"""Differences between settings that were run with the same seeds, with intervals.

A block holds the settings that share seeds: a row a seed, a column a setting, NaN where a run is missing. Its values
are taken as a setting's part plus a seed's part plus noise (a two-way table without interaction), so that a seed's
luck, which all its settings share, is in no difference. Two to five seeds say little of the noise; it is pooled over
all blocks of a figure, and an interval is Student's t with the degrees of freedom of that pool. Values are logs or log
odds, where noise is alike at all sizes; runs without one (an error of exactly 0 or 1) are infinite, and nothing is told
of their settings.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

LEVEL = 0.95
Weights = Mapping[Hashable, float]
"""How a difference is put together of a block's settings, e.g. {8: 1, 4: -1}; they add up to 0."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviation of a run around its setting and seed, and its degrees of freedom; None and 0 if unknown."""

    sd: float | None
    freedom: int


@dataclass(frozen=True, slots=True)
class Difference:
    """An estimate with its 95 % interval, None where the noise is unknown. num_seeds: the fewest in any block."""

    value: float
    low: float | None
    high: float | None
    num_seeds: int

    @property
    def tells(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def block_of(rows: pd.DataFrame, setting: str, value: str) -> pd.DataFrame:
    """The block of some rows, which hold one run a seed and setting."""
    return rows.pivot_table(index="seed", columns=setting, values=value, aggfunc="mean")


def pooled_noise(blocks: Sequence[pd.DataFrame]) -> Noise:
    """Noise of all the blocks' runs, by least squares within each block."""
    parts = [_residuals(block) for block in blocks]
    freedom = sum(part[1] for part in parts)
    return Noise(float(np.sqrt(sum(part[0] for part in parts) / freedom)) if freedom else None, freedom)


def difference(blocks: Sequence[tuple[pd.DataFrame, Weights]], noise: Noise) -> Difference | None:
    """The mean over blocks of each one's weighted settings, on the seeds that all of these have.

    None where a block has no such seed, or a run without a finite value.
    """
    values, variances, nums = [], [], []
    for block, weights in blocks:
        if any(setting not in block.columns for setting in weights):
            return None
        common = block[list(weights)].dropna()
        if common.empty or not np.isfinite(common.to_numpy()).all():
            return None
        values.append(float((common * pd.Series(weights)).sum(axis=1).mean()))
        variances.append(sum(weight**2 for weight in weights.values()) / len(common))
        nums.append(len(common))
    if not values:
        return None
    value = float(np.mean(values))
    if noise.sd is None:
        return Difference(value, None, None, min(nums))
    half = float(stdtrit(noise.freedom, (1 + LEVEL) / 2)) * noise.sd * float(np.sqrt(sum(variances))) / len(values)
    return Difference(value, value - half, value + half, min(nums))


def ratio_columns(name: str, found: Difference | None) -> dict[str, object]:
    """NAME, NAME_low and NAME_high of a difference of logs, as a ratio; no columns where there is no difference."""
    ends = {} if found is None else {"": found.value, "_low": found.low, "_high": found.high}
    return {f"{name}{end}": None if log is None else float(np.exp(log)) for end, log in ends.items()}


def log_odds(rates: "pd.Series[float]") -> "pd.Series[float]":
    """Natural log of the odds; infinite at 0 and 1."""
    return logs(rates) - logs(1 - rates)


def logs(rates: "pd.Series[float]") -> "pd.Series[float]":
    """Natural log; infinite at 0."""
    with np.errstate(divide="ignore"):
        return pd.Series(np.log(rates.to_numpy(dtype=float)), index=rates.index)


def _residuals(block: pd.DataFrame) -> tuple[float, int]:
    """Sum of squares around setting and seed, and its degrees of freedom."""
    long = block.replace([np.inf, -np.inf], np.nan).stack()
    if long.empty:
        return 0.0, 0
    seeds, settings = (pd.factorize(long.index.get_level_values(level))[0] for level in (0, 1))
    design = np.hstack([_dummies(seeds), _dummies(settings)])
    values = long.to_numpy(dtype=float)
    found, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    freedom = len(values) - int(rank)
    return (float(((values - design @ found) ** 2).sum()), freedom) if freedom else (0.0, 0)


def _dummies(codes: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.eye(int(codes.max()) + 1)[codes]
