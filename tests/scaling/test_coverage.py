"""Slow: 95 % intervals hold the truth in about as many planted tables as they say.

Observed shares of 200 tables must lie in [.88, .99]: the binomial slack of 200 around 90 to 98 %. A true coverage of
95 % passes with a probability of .9996, one of 80 % with .002. For more designs, and for BCa, see
`analysis/benchmarks/coverage.py`.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage_designs import Design
from synthscale.scaling import bootstrap_fit

NUM_TABLES, NUM_DRAWS = 200, 150
#: Two seeds at four sizes, as the smallest studies; seeds and a test set; losses with one run a point; a floor of 0.
DESIGNS = (
    Design(law="power", num_sizes=4, num_seeds=2, noise=0.1, delta=0.1),
    Design(law="power", num_sizes=6, num_seeds=3, noise=0.1, delta=0.1, num_test=1000),
    Design(law="power", num_sizes=20, num_seeds=1, noise=0.005, delta=1e-3),
    Design(law="power_offset", num_sizes=6, num_seeds=3, noise=0.1, delta=0.1, num_test=1000, has_floor=False),
)


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_intervals_hold_planted_exponents(design: Design) -> None:
    truth = float(design.truth[1])
    num_held = 0
    for seed in range(NUM_TABLES):
        table = design.table(np.random.default_rng([seed, 2]))
        found = bootstrap_fit(design.fitted, table, num_draws=NUM_DRAWS, seed=seed, delta=design.delta).interval("b")
        num_held += found.low <= truth <= found.high
    assert 0.88 <= num_held / NUM_TABLES <= 0.99
