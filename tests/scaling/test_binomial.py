"""Binomial noise: the variance by hand and by trial, weights that it gives, and what a bootstrap adds."""

from __future__ import annotations

import numpy as np
import pytest

from synthscale.scaling import LAWS, Measurements, at_chance, bootstrap_fit, fit_law, judge
from synthscale.scaling.binomial import log_variance, relative_scales

POWER = LAWS["power"]


def test_variance_of_a_log_rate_by_hand_and_by_trial() -> None:
    """An error of 0.1 on 1,000 problems: 0.9 / (0.1 · 1000) = 0.009."""
    assert log_variance(np.array([0.1]), np.array([1000.0]))[0] == pytest.approx(0.009)
    tried = np.log(np.random.default_rng(0).binomial(1000, 0.1, 20_000) / 1000)
    assert tried.var() == pytest.approx(0.009, rel=0.05)
    assert np.isfinite(log_variance(np.array([0.0, 1.0, 1.3]), np.full(3, 100.0))).all()


def test_scales_by_hand() -> None:
    """Measured 0.04 over a mean of 0.02 leaves 0.02 to the seeds: variances 0.03 and 0.05, of geometric mean 1."""
    scales = relative_scales(np.array([0.01, 0.03]), 0.04)
    assert scales[1] / scales[0] == pytest.approx((0.05 / 0.03) ** 0.5)
    assert scales.prod() == pytest.approx(1.0)
    np.testing.assert_allclose(relative_scales(np.array([0.01, 0.04]), 0.0), [0.5**0.5, 2**0.5])


def measured(num_test: int, seed: int, *, counted: bool) -> Measurements:
    """Twelve points of 3·N^-0.6 whose only noise is that of their test set, none without an error."""
    sizes = np.geomspace(32, 4096, 12)
    errors = np.maximum(np.random.default_rng(seed).binomial(num_test, 3 * sizes**-0.6), 1) / num_test
    return Measurements.from_columns(sizes, errors, num_test=num_test if counted else None)


def test_weights_bring_the_slope_nearer_the_truth() -> None:
    """Errors from 0.37 to 0.02: logs of the last are a fifth as sure as of the first."""
    off = {
        counted: [
            fit_law(POWER, measured(1000, seed, counted=counted), delta=0.1).parameters["b"] for seed in range(60)
        ]
        for counted in (False, True)
    }
    mean_square = {counted: float(np.mean((np.array(slopes) - 0.6) ** 2)) for counted, slopes in off.items()}
    assert mean_square[True] < 0.8 * mean_square[False]


def test_a_table_that_is_smoother_than_its_test_allows_gets_the_tests_noise() -> None:
    sizes = np.repeat(np.geomspace(32, 4096, 8), 2)
    smooth = [
        Measurements.from_columns(sizes, 3 * sizes**-0.6, [0, 1] * 8, num_test=num_test) for num_test in (None, 1000)
    ]
    without, with_test = (bootstrap_fit(POWER, table, num_draws=200, delta=0.1).interval("b") for table in smooth)
    assert without.high - without.low < 1e-6
    assert 0.02 < with_test.high - with_test.low < 0.2


def test_noise_that_seeds_show_is_not_added_again() -> None:
    sizes = np.repeat(np.geomspace(32, 1024, 6), 5)
    errors = np.minimum(0.5 * sizes**-0.1 * np.exp(np.random.default_rng(0).normal(0, 0.2, 30)), 1.0)
    tables = [Measurements.from_columns(sizes, errors, list(range(5)) * 6, num_test=count) for count in (None, 10_000)]
    widths = [bootstrap_fit(POWER, table, num_draws=300, delta=0.1).interval("b") for table in tables]
    first, second = (interval.high - interval.low for interval in widths)
    assert second == pytest.approx(first, rel=0.1)


def test_the_likelihood_takes_scales_into_account() -> None:
    gains = []
    for seed in range(30):
        plain, counted = (measured(1000, seed, counted=counted) for counted in (False, True))
        fits = [fit_law(POWER, table, delta=0.1) for table in (plain, counted)]
        gains.append(judge(fits[0], plain).aicc - judge(fits[1], counted).aicc)
        assert (fits[0].scales == 1).all() and fits[1].scales[-1] > 1.5 * fits[1].scales[0]
    assert np.mean(gains) > 1


def test_chance_changes_units_alone() -> None:
    sizes, errors = [32.0, 64.0, 128.0, 256.0], [0.6, 0.45, 0.33, 0.25]
    raw = fit_law(POWER, Measurements.from_columns(sizes, errors, num_test=500), delta=0.1)
    table = Measurements.from_columns(sizes, errors, num_test=500, chance=0.25)
    scaled = fit_law(POWER, table, delta=0.1)
    assert scaled.parameters["b"] == pytest.approx(raw.parameters["b"], abs=1e-7)
    assert scaled.parameters["a"] == pytest.approx(raw.parameters["a"] / 0.75, rel=1e-6)
    np.testing.assert_allclose(scaled.predict(sizes) * table.unit, raw.predict(sizes), rtol=1e-6)


def test_rows_no_better_than_guessing_are_counted() -> None:
    """Guessing among four errs in 0.75; on 100 problems 0.70 is within 1.645 · 0.0433 of it, 0.6 is not."""
    sizes, errors = [1.0, 2.0, 4.0, 8.0], [0.8, 0.75, 0.70, 0.6]
    assert at_chance(Measurements.from_columns(sizes, errors, chance=0.25)) == 2
    assert at_chance(Measurements.from_columns(sizes, errors, num_test=100, chance=0.25)) == 3


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        ([0.5, 1.2], {"chance": 0.25}, "value 1.2 in row 1 is not a rate between 0 and 1"),
        ([0.5, 1.2], {"num_test": 100}, "value 1.2 in row 1 is not a rate between 0 and 1"),
        ([0.5, 0.2], {"num_test": [100, 0]}, "number of test problems 0 in row 1 is not at least 1"),
        ([0.5, 0.2], {"chance": 1.0}, "a chance level is at least 0 and below 1, not 1"),
    ],
)
def test_what_is_no_rate_is_refused(values: list[float], options: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Measurements.from_columns([1.0, 2.0], values, **options)  # type: ignore[arg-type]
