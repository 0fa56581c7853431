"""Means over seeds: the pooled interval by hand, none where nothing can be pooled, none of a rate without log odds."""

import numpy as np
import pytest
from scipy.special import expit, logit

from synthscale.scaling import means_over_seeds


def test_pooled_interval_by_hand() -> None:
    """Log odds -1±.1, 0±.1, 1±.3, 2±.3: squares sum to .4, 4 degrees of freedom, sd .31623; t(.975, 4) = 2.7764."""
    cells = [expit([centre - off, centre + off]) for centre, off in ((-1, 0.1), (0, 0.1), (1, 0.3), (2, 0.3))]
    for cell, found in zip(cells, means_over_seeds(cells), strict=True):
        assert (found.degrees_of_freedom, found.num_seeds) == (4, 2)
        assert found.mean == pytest.approx(np.mean(cell))
        assert found.pooled_sd == pytest.approx(0.1**0.5)
        assert found.interval is not None
        centre, half_width = logit(np.mean(cell)), 2.7764 * 0.1**0.5 / 2**0.5
        assert found.interval.low == pytest.approx(expit(centre - half_width), abs=1e-5)
        assert found.interval.high == pytest.approx(expit(centre + half_width), abs=1e-5)


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    """Four sizes of two seeds: at a coverage of .95, 760 of 800 are expected; dependence within a table allows 735."""
    centres, held = np.array([1.5, 1.0, 0.3, -0.8]), 0
    for seed in range(200):
        cells = expit(centres[:, None] + np.random.default_rng(seed).normal(0.0, 0.3, (4, 2)))
        for centre, found in zip(centres, means_over_seeds(list(cells)), strict=True):
            assert found.interval is not None
            held += found.interval.low <= expit(centre) <= found.interval.high
    assert 735 <= held <= 785


def test_a_single_seed_borrows_the_spread_of_other_sizes() -> None:
    pair, single = means_over_seeds([[0.4, 0.6], [0.3]])
    assert pair.interval is not None and single.interval is not None
    assert logit(single.interval.high) - logit(0.3) == pytest.approx(2**0.5 * logit(pair.interval.high))


def test_nothing_to_pool_is_no_interval() -> None:
    alone = means_over_seeds([[0.3], [0.2]])
    assert [(each.mean, each.interval, each.pooled_sd, each.degrees_of_freedom) for each in alone] == [
        (0.3, None, None, 0),
        (0.2, None, None, 0),
    ]


def test_a_run_at_zero_has_no_log_odds() -> None:
    zero, other = means_over_seeds([[0.0, 0.1], [0.4, 0.6]])
    assert zero.interval is None and zero.mean == 0.05
    assert other.interval is not None and other.degrees_of_freedom == 1


def test_no_runs_and_no_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        means_over_seeds([[]])
    with pytest.raises(ValueError, match="between 0 and 1"):
        means_over_seeds([[1.2]])
