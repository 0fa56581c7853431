"""Data multiplier: a curve shifted by a factor is worth that factor; beyond the baseline there are only bounds."""

import numpy as np
import pytest

from synthscale.scaling import DataMultiplier, Measurements, Reach, data_multipliers

SIZES = np.array([100.0, 200.0, 400.0, 800.0, 1600.0])


def curve(
    shift: float, num_seeds: int = 3, noise: float = 0.0, sizes: np.ndarray = SIZES, seed: int = 0
) -> Measurements:
    """Errors of a power law with slope 1/2 whose sizes count `shift` times, equal seeds unless there is noise."""
    rows = np.repeat(sizes, num_seeds)
    errors = (shift * rows) ** -0.5 * np.exp(np.random.default_rng(seed).normal(0.0, noise, rows.size))
    return Measurements.from_columns(rows, errors, np.tile(np.arange(num_seeds), len(sizes)))


def at(multipliers: list[DataMultiplier], size: float) -> DataMultiplier:
    return next(each for each in multipliers if each.size == size)


@pytest.mark.parametrize("shift", [0.5, 0.7, 1.5, 2.0, 3.0])
def test_shifted_curve_is_worth_its_shift_inside_the_range(shift: float) -> None:
    for found in data_multipliers(curve(1.0), curve(shift), num_draws=20):
        if 100.0 <= shift * found.size <= 1600.0:
            assert found.multiplier.reach is Reach.IN_RANGE
            assert found.multiplier.value == pytest.approx(shift)


def test_a_curve_is_worth_itself() -> None:
    table = curve(1.0, noise=0.02)
    for found in data_multipliers(table, table, num_draws=50):
        assert found.multiplier.reach is Reach.IN_RANGE
        assert found.multiplier.value == pytest.approx(1.0)
        assert found.low is not None and found.high is not None
        assert found.low.value == pytest.approx(1.0) == found.high.value


def test_beyond_the_lowest_error_is_more_than() -> None:
    found = at(data_multipliers(curve(1.0), curve(4.0), num_draws=20), 800.0)
    assert found.multiplier.reach is Reach.MORE_THAN
    assert found.multiplier.value == pytest.approx(2.0)
    assert str(found.multiplier) == "> 2"
    assert found.low == found.high == found.multiplier
    assert found.share_beyond == 1.0


def test_beyond_the_highest_error_is_less_than() -> None:
    found = at(data_multipliers(curve(1.0), curve(0.25), num_draws=20), 200.0)
    assert found.multiplier.reach is Reach.LESS_THAN
    assert found.multiplier.value == pytest.approx(0.5)
    assert str(found.low) == "< 0.5"


def test_interval_holds_the_planted_shift_and_may_end_in_a_bound() -> None:
    multipliers = data_multipliers(curve(1.0, 5, 0.1, seed=1), curve(1.9, 5, 0.1, seed=2), num_draws=300)
    inside, edge = at(multipliers, 400.0), at(multipliers, 800.0)
    assert inside.low is not None and inside.high is not None
    assert inside.low.value < 1.9 < inside.high.value
    assert edge.high is not None and edge.high.reach is Reach.MORE_THAN
    assert edge.high.value == pytest.approx(2.0)
    assert edge.share_beyond is not None and 0.0 < edge.share_beyond < 1.0


def test_pairing_narrows_the_interval_where_seeds_share_their_luck() -> None:
    """The method is the baseline of the same seed, better by a constant: paired draws see no noise in the ratio."""
    base = curve(1.0, 5, 0.1)
    assert base.seeds is not None
    better = base.values * 0.95
    paired = Measurements.from_columns(base.inputs, better, base.seeds)
    apart = Measurements.from_columns(base.inputs, better, base.seeds + 100)
    widths = []
    for method in (paired, apart):
        found = at(data_multipliers(base, method, num_draws=1000), 400.0)
        assert found.low is not None and found.high is not None
        widths.append(found.high.value - found.low.value)
    assert widths[0] < widths[1]


def test_single_seeds_have_no_interval_and_say_so() -> None:
    found = at(data_multipliers(curve(1.0), curve(2.0, 1), num_draws=20), 400.0)
    assert found.low is None and found.high is None and found.share_beyond is None
    assert found.note == "one seed: no interval"
    assert "baseline" in at(data_multipliers(curve(1.0, 1), curve(2.0), num_draws=20), 400.0).note


def test_means_out_of_order_are_pooled() -> None:
    """Means .4 .2 .3 .1 pool to .4 .25 .25 .1, whose level is reached at the smaller of the two sizes."""
    base = Measurements.from_columns([1.0, 2.0, 4.0, 8.0], [0.4, 0.2, 0.3, 0.1])
    method = Measurements.from_columns([1.0], [0.25])
    assert data_multipliers(base, method, num_draws=2)[0].multiplier.value == pytest.approx(2.0)


def test_interpolation_is_linear_in_logs() -> None:
    base = Measurements.from_columns([1.0, 4.0], [0.4, 0.1])
    method = Measurements.from_columns([1.0], [0.2])
    assert data_multipliers(base, method, num_draws=2)[0].multiplier.value == pytest.approx(2.0)


@pytest.mark.parametrize("error", [0.0, 0.05])
def test_below_the_last_positive_error_is_a_bound(error: float) -> None:
    """A baseline that reaches 0 has no log there: its last positive size is the bound."""
    base = Measurements.from_columns([1.0, 2.0, 4.0], [0.4, 0.1, 0.0])
    found = data_multipliers(base, Measurements.from_columns([1.0], [error]), num_draws=2)[0]
    assert found.multiplier.reach is Reach.MORE_THAN
    assert found.multiplier.value == 2.0


def test_same_seed_same_interval() -> None:
    tables = curve(1.0, 4, 0.1, seed=1), curve(1.5, 4, 0.1, seed=2)
    assert data_multipliers(*tables, num_draws=50, seed=3) == data_multipliers(*tables, num_draws=50, seed=3)


def test_impossible_errors_are_refused() -> None:
    good, zero = curve(1.0), Measurements.from_columns([1.0], [0.0])
    with pytest.raises(ValueError, match="negative"):
        data_multipliers(good, Measurements.from_columns([1.0], [-0.1]))
    with pytest.raises(ValueError, match="no positive error"):
        data_multipliers(zero, good)
    with pytest.raises(ValueError, match="2 draws"):
        data_multipliers(good, good, num_draws=1)


def test_two_seeds_do_not_make_a_confident_interval() -> None:
    """Planted multipliers of 1.5, two seeds a size, 10 % noise: plain draws of seeds hold the truth in 56 % only."""
    held = 0
    for seed in range(60):
        tables = curve(1.0, 2, 0.1, seed=2 * seed), curve(1.5, 2, 0.1, seed=2 * seed + 1)
        found = at(data_multipliers(*tables, num_draws=200), 400.0)
        assert found.low is not None and found.high is not None
        low = -np.inf if found.low.reach is Reach.LESS_THAN else found.low.value
        high = np.inf if found.high.reach is Reach.MORE_THAN else found.high.value
        held += low <= 1.5 <= high
    assert held >= 0.7 * 60
