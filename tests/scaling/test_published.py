"""Held to published work: Chinchilla's third approach, as Besiroglu et al. 2024 (arXiv 2404.10102) fitted it anew.

`published/chinchilla.csv` holds the 245 runs that they read off figure 4 of Hoffmann et al. 2022 (arXiv 2203.15556):
parameters, training FLOP and loss, to seven digits. The first five, which have the fewest tokens per parameter, they
leave out. Tokens are FLOP / 6 / parameters.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthscale.scaling import LAWS, FitBootstrap, Measurements, bootstrap_fit

TABLE = Path(__file__).parent / "published" / "chinchilla.csv"
PUBLISHED = {"A": (482.01, 124.58), "B": (2085.43, 1293.23), "E": (1.8172, 0.03), "alpha": (0.3478, 0.02)}
PUBLISHED |= {"beta": (0.3658, 0.02)}  # with standard errors
AT_PUBLISHED = 1.0235e-3  # the objective at their parameters as printed


@pytest.fixture(scope="module")
def refit() -> FitBootstrap:
    runs = pd.read_csv(TABLE)[5:]
    tokens = runs["flop"] / 6 / runs["parameters"]
    inputs = np.stack([runs["parameters"], tokens], axis=1)
    return bootstrap_fit(LAWS["chinchilla"], Measurements.from_columns(inputs, runs["loss"]), num_draws=200)


def test_the_optimum_is_reached(refit: FitBootstrap) -> None:
    fit = refit.fit
    assert (fit.num_points, fit.converged, fit.flags) == (240, True, ())
    assert fit.objective == pytest.approx(1.018903e-3, rel=1e-6) and fit.objective < AT_PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_the_published_ones(refit: FitBootstrap, name: str) -> None:
    value, standard_error = PUBLISHED[name]
    assert abs(refit.fit.parameters[name] - value) < 0.1 * standard_error
    interval = refit.interval(name)
    assert interval.low < value < interval.high
    assert 0.7 < (interval.high - interval.low) / (2 * 1.96 * standard_error) < 1.5
