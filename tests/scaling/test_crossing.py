"""Monotone curves are the isotonic regression; errors between sizes are interpolated in logs."""

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from synthscale.scaling.crossing import errors_at, find_crossings, monotone


def test_monotone_is_isotonic_regression() -> None:
    generator = np.random.default_rng(0)
    for num_sizes in (1, 2, 5, 9):
        means = generator.uniform(size=(50, num_sizes))
        num_seeds = generator.integers(1, 6, size=num_sizes).astype(float)
        expected = np.stack([isotonic_regression(row, weights=num_seeds, increasing=False).x for row in means])
        np.testing.assert_allclose(monotone(means, num_seeds), expected, rtol=1e-12)


def test_a_crossing_gives_back_the_size_of_the_error() -> None:
    sizes, curves = np.array([64.0, 128.0, 512.0]), np.array([[0.8, 0.5, 0.2], [0.6, 0.6, 0.1]])
    for size in (64.0, 100.0, 128.0, 300.0, 512.0):
        errors = errors_at(sizes, curves, size)
        found = find_crossings(sizes, curves, errors)
        assert not found.above.any() and not found.below.any()
        assert found.sizes[0] == pytest.approx(size)
    assert errors_at(sizes, np.array([[0.8, 0.5, 0.0]]), 200.0).tolist() == [0.5]
