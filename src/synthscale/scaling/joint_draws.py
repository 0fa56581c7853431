"""Bootstrap draws of the mean error at each size, of one curve or of two drawn together.

A size has two to five seeds, and their own spread says little about itself. So a draw takes its deviations from a
pool: every run's log error less the mean of its size, from all sizes of both curves, widened by sqrt(m / (m-1)) because
m runs lie nearer their own mean than the true one. Where both curves have a size with the same seeds, a seed's two
deviations are drawn together, from the pool of such pairs: two methods that start from the same seeds share the seed's
luck, and this keeps it out of their difference. The pool's spread is itself an estimate from f = sum of (m-1) degrees
of freedom, so each draw multiplies its deviations by sqrt(f / χ²_f): draws of a mean are Student's t and not normal.

Pooling takes log errors to spread alike at all sizes. Planted noise that spreads alike in log odds instead (errors from
0.85 down, several times unlike in logs) left 95 % intervals of multipliers holding the truth in 94 to 96 % (worst
size: 89 %; 2 to 5 seeds). The reverse mistake, log odds pooled where logs spread alike, did worse (worst size: 86 %,
tests at 5 % rejecting 11 %), so logs it is. What the intervals hold else: `analysis/results/fits/multiplier.md`.

Sizes with an error of exactly 0 have no logs; their seeds are drawn with replacement. Sizes with a single seed add
nothing to the pool and draw from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthscale.scaling.laws import FloatArray
from synthscale.scaling.measurements import Measurements


@dataclass(frozen=True, slots=True)
class _Size:
    """The runs at one size.

    errors: [num_seeds] in the order of their labels, None where runs carry none. deviations: of their logs from the
    mean, [num_seeds], with the variance of the population; empty where one run, or an error of 0, has none.
    """

    size: float
    errors: FloatArray
    labels: NDArray[Any] | None
    has_logs: bool
    deviations: FloatArray

    def has_seeds_of(self, other: _Size) -> bool:
        """Whether these are the same size and seeds, each with deviations."""
        if self.labels is None or other.labels is None or self.size != other.size:
            return False
        return self.deviations.size > 0 and other.deviations.size > 0 and np.array_equal(self.labels, other.labels)


def mean_draws(tables: Sequence[Measurements], num_draws: int, generator: np.random.Generator) -> list[FloatArray]:
    """Mean error [1 + num_draws, num_sizes] of one table or two; row 0 is the table itself, sizes ascend."""
    curves = [_sizes(table) for table in tables]
    partners = _partners(curves)
    pairs = [np.stack([one.deviations, other.deviations], axis=1) for one, other in partners]
    pair_pool = np.concatenate(pairs) if pairs else np.empty((0, 2))
    spread = [one.deviations for curve in curves for one in curve if one.deviations.size]
    pool = np.concatenate(spread)[:, None] if spread else np.zeros((1, 1))
    freedom = sum(len(one) - 1 for one in spread) - sum(len(pair) - 1 for pair in pairs)
    scale = np.sqrt(freedom / generator.chisquare(freedom, num_draws)) if freedom else np.ones(num_draws)
    drawn: dict[int, FloatArray] = {}
    for one, other in partners:
        noise = _drawn(pair_pool, len(one.errors), num_draws, generator) * scale[:, None]
        drawn[id(one)], drawn[id(other)] = noise.T
    for one in (one for curve in curves for one in curve if one.has_logs and id(one) not in drawn):
        drawn[id(one)] = _drawn(pool, len(one.errors), num_draws, generator)[:, 0] * scale
    return [np.stack([_mean_and_draws(one, drawn, num_draws, generator) for one in curve], axis=1) for curve in curves]


def _sizes(table: Measurements) -> list[_Size]:
    sizes = []
    for size, rows in zip(table.sizes(), table.cells(), strict=True):
        runs = table.runs(rows)
        labels = None if table.seeds is None else np.array([table.seeds[run[0]] for run in runs])
        errors = np.array([table.values[run].sum() / len(run) for run in runs])
        has_logs = bool(errors.min() > 0)
        deviations = _deviations(np.log(errors)) if has_logs and len(errors) > 1 else np.empty(0)
        sizes.append(_Size(float(size), errors, labels, has_logs, deviations))
    return sizes


def _deviations(logs: FloatArray) -> FloatArray:
    num_seeds = len(logs)
    return np.asarray((logs - logs.mean()) * np.sqrt(num_seeds / (num_seeds - 1)), dtype=np.float64)


def _partners(curves: list[list[_Size]]) -> list[tuple[_Size, _Size]]:
    if len(curves) < 2:
        return []
    first, second = curves
    return [(one, other) for one in first for other in second if one.has_seeds_of(other)]


def _drawn(pool: FloatArray, num_seeds: int, num_draws: int, generator: np.random.Generator) -> FloatArray:
    """Means [num_draws, num_columns] over the seeds of rows drawn from the pool [num_rows, num_columns]."""
    chosen = generator.integers(0, len(pool), size=(num_draws, num_seeds))
    return np.asarray(pool[chosen].sum(axis=1) / num_seeds, dtype=np.float64)


def _mean_and_draws(
    one: _Size, drawn: dict[int, FloatArray], num_draws: int, generator: np.random.Generator
) -> FloatArray:
    mean = one.errors.mean()
    if one.has_logs:
        return np.concatenate([[mean], mean * np.exp(drawn[id(one)])])
    return np.concatenate([[mean], _drawn(one.errors[:, None], len(one.errors), num_draws, generator)[:, 0]])
