"""BCa intervals: scipy's, on the same draws; defined where the formula is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from synthscale.scaling import LAWS, IntervalKind, Measurements, bootstrap_fit
from synthscale.scaling.bca import acceleration, bca_interval, bias_correction


def without_each(sample: np.ndarray) -> np.ndarray:
    return np.array([np.delete(sample, member).mean() for member in range(len(sample))])[:, None]


@pytest.mark.parametrize("seed", range(3))
def test_scipys_interval_of_a_mean(seed: int) -> None:
    sample = np.random.default_rng(seed).exponential(size=15)
    theirs = bootstrap((sample,), np.mean, method="BCa", n_resamples=999, rng=np.random.default_rng(seed))
    draws = theirs.bootstrap_distribution[:, None]
    low, high = bca_interval(draws, np.array([sample.mean()]), [without_each(sample)], 0.95)
    assert (low[0], high[0]) == pytest.approx(tuple(theirs.confidence_interval), rel=1e-6)


def test_scipys_interval_of_a_difference_of_two_samples() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.exponential(size=12), generator.exponential(size=8)

    def difference(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(np.mean(one, axis=axis) - np.mean(other, axis=axis))

    theirs = bootstrap((first, second), difference, method="BCa", n_resamples=999, rng=generator)
    left = [without_each(first) - second.mean(), first.mean() - without_each(second)]
    estimate = np.array([first.mean() - second.mean()])
    low, high = bca_interval(theirs.bootstrap_distribution[:, None], estimate, left, 0.95)
    assert (low[0], high[0]) == pytest.approx(tuple(theirs.confidence_interval), rel=1e-6)


def test_no_bias_and_no_acceleration_are_percentiles() -> None:
    draws = np.linspace(-1.0, 1.0, 1001)[:, None]
    low, high = bca_interval(draws, np.array([0.0]), [], 0.9)
    assert (low[0], high[0]) == pytest.approx((-0.9, 0.9))


def test_draws_on_one_side_and_ties_are_held_within_bounds() -> None:
    draws = np.arange(1.0, 101.0)[:, None]
    assert np.isfinite(bias_correction(draws, np.array([0.0]))).all()
    low, high = bca_interval(draws, np.array([0.0]), [], 0.95)
    assert (low[0], high[0]) == (pytest.approx(1.0), pytest.approx(1.0, abs=1.0))
    assert bias_correction(np.zeros((10, 1)), np.array([0.0]))[0] == 0.0


def test_a_jackknife_that_does_not_move_has_no_acceleration() -> None:
    assert acceleration([np.ones((5, 1))], 1)[0] == 0.0
    two_seeds = [np.array([[0.1], [0.3]]), np.array([[0.2], [0.7]])]
    assert acceleration(two_seeds, 1)[0] == pytest.approx(0.0, abs=1e-12)


def test_beyond_the_pole_is_the_outermost_draw() -> None:
    """One member far off: a = 1/6 · 8 / 5^1.5 · ... is so large that the upper end has no quantile."""
    draws, left = np.linspace(0.0, 1.0, 101)[:, None], [np.array([[0.0], [0.0], [0.0], [0.0], [-1.0]])] * 1
    low, high = bca_interval(draws, np.array([0.01]), left, 0.999999)
    assert np.isfinite([low[0], high[0]]).all() and 0.0 <= low[0] <= 1.0


@pytest.mark.parametrize("num_seeds", [1, 3])
def test_fits_have_such_intervals(num_seeds: int) -> None:
    sizes = np.repeat(np.geomspace(64, 2048, 6), num_seeds)
    errors = 3 * sizes**-0.5 * np.exp(np.random.default_rng(0).normal(0.0, 0.1, sizes.size))
    table = Measurements.from_columns(sizes, errors, np.tile(np.arange(num_seeds), 6))
    found = bootstrap_fit(LAWS["power"], table, num_draws=300, delta=0.1, kind=IntervalKind.BCA)
    interval, band = found.interval("b"), found.band([64.0, 2048.0])
    assert interval.low < 0.5 < interval.high and interval.high - interval.low < 0.4
    assert (band.low < found.fit.predict([64.0, 2048.0])).all() and (band.low < band.high).all()
