"""Mean over seeds: the t interval by hand, none from a single run."""

import pytest

from synthscale.scaling import mean_over_seeds


def test_interval_by_hand() -> None:
    """Mean .5, sd .1, three runs: t(0.975, 2) = 4.303, so half the width is .2484."""
    mean, interval = mean_over_seeds([0.4, 0.5, 0.6])
    assert interval is not None
    assert (mean, interval.low, interval.high) == pytest.approx((0.5, 0.2516, 0.7484), abs=1e-4)


def test_single_run_has_no_interval_and_no_run_no_mean() -> None:
    assert mean_over_seeds([0.3]) == (0.3, None)
    with pytest.raises(ValueError, match="at least one run"):
        mean_over_seeds([])
