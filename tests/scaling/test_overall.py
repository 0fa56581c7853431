"""One multiplier for a curve: what it is taken over, when it is a bound, and that few seeds do not flatter it."""

from itertools import product

import numpy as np
import pytest

from synthscale.scaling import Measurements, Reach, data_multipliers, overall_multiplier
from synthscale.scaling.planted import PlantedStudy

SIZES = np.array([64.0, 128.0, 256.0, 512.0])


def curve(shift: float, num_seeds: int = 3, sizes: np.ndarray = SIZES) -> Measurements:
    """Errors of a power law with slope 1/2 whose sizes count `shift` times."""
    rows = np.repeat(sizes, num_seeds)
    return Measurements.from_columns(rows, (shift * rows) ** -0.5, np.tile(np.arange(num_seeds), len(sizes)))


def test_a_shifted_curve_is_worth_its_shift_over_the_sizes_in_range() -> None:
    found = overall_multiplier(curve(1.0), curve(1.9), num_draws=20)
    assert found.sizes == (64.0, 128.0, 256.0) and found.tested_sizes == tuple(SIZES)
    assert found.multiplier is not None and found.multiplier.reach is Reach.IN_RANGE
    assert found.multiplier.value == pytest.approx(1.9)
    assert found.p_value == 1 / 21 and found.note == ""


def test_it_is_the_geometric_mean_of_the_sizes() -> None:
    method = Measurements.from_columns([64.0, 128.0], [(4 * 64.0) ** -0.5, 128.0**-0.5])
    found = overall_multiplier(curve(1.0), method, num_draws=20)
    assert found.multiplier is not None and found.multiplier.value == pytest.approx(2.0)


def test_all_beyond_is_a_bound() -> None:
    """More than 2 at 256 and more than 1 at 512: more than the geometric mean."""
    found = overall_multiplier(curve(1.0), curve(9.0, sizes=SIZES[2:]), num_draws=20)
    assert found.multiplier is not None and found.multiplier.reach is Reach.MORE_THAN
    assert found.multiplier.value == pytest.approx(2**0.5)
    assert found.low == found.multiplier == found.high and found.share_beyond == 1.0
    assert found.p_value == 1 / 21
    worse = overall_multiplier(curve(1.0), curve(0.1, sizes=SIZES[:2]), num_draws=20)
    assert worse.multiplier is not None and str(worse.multiplier) == "< 0.707" and worse.p_value == 1.0


def test_beyond_on_both_sides_nothing_is_said() -> None:
    method = Measurements.from_columns([64.0, 512.0], [0.9, 0.001])
    found = overall_multiplier(curve(1.0), method, num_draws=20)
    assert found.multiplier is None and found.low is None and "both sides" in found.note


def test_a_curve_is_not_more_than_itself() -> None:
    study = PlantedStudy(sizes=tuple(SIZES), num_seeds=3, slope=0.5, multiplier=1.0, noise=0.05)
    table, _ = study.tables(np.random.default_rng(0))
    found = overall_multiplier(table, table, num_draws=50)
    assert found.p_value == 1.0 and found.multiplier is not None and found.multiplier.value == pytest.approx(1.0)


def test_single_seeds_have_neither_interval_nor_test() -> None:
    found = overall_multiplier(curve(1.0), curve(1.9, 1), num_draws=20)
    assert found.multiplier is not None and found.low is None and found.p_value is None
    assert found.note == "one seed: no interval"
    far = overall_multiplier(curve(1.0), curve(1.9, sizes=SIZES * 10), num_draws=20)
    assert far.p_value is None and far.tested_sizes == ()


def test_sizes_with_seeds_go_before_those_without() -> None:
    method = Measurements.from_columns([64.0, 128.0, 128.0], [0.1, 0.08, 0.08], [0, 0, 1])
    found = overall_multiplier(curve(1.0), method, num_draws=20)
    assert found.sizes == (128.0,) == found.tested_sizes and found.low is not None


def test_intervals_hold_and_tests_reject_as_often_as_they_say() -> None:
    """Over 60 tables for each of 8 designs; bounds are four standard errors away: 0.95 ± 0.04 and 0.05 + 0.04.

    With the spread of each size's own two seeds the intervals held the truth in 79 %.
    """
    held, rejected = [], []
    for num_seeds, slope, correlation in product((2, 3), (0.2, 0.8), (None, 0.8)):
        design = {"sizes": tuple(SIZES), "num_seeds": num_seeds, "slope": slope, "noise": 0.1}
        null = PlantedStudy(multiplier=1.0, correlation=correlation, **design)
        study = PlantedStudy(multiplier=1.5, correlation=correlation, **design)
        generator = np.random.default_rng(0)
        for seed in range(60):
            whole = overall_multiplier(*null.tables(generator), num_draws=199, seed=seed)
            rejected.append(whole.p_value is not None and whole.p_value <= 0.05)
            found = data_multipliers(*study.tables(generator), num_draws=199, seed=seed)[1]
            assert found.low is not None and found.high is not None
            reaches_low = found.low.reach is Reach.LESS_THAN or found.low.value <= 1.5
            held.append(reaches_low and (found.high.reach is Reach.MORE_THAN or found.high.value >= 1.5))
    assert len(held) == 480
    assert 0.91 <= np.mean(held) <= 0.99
    assert 0.01 <= np.mean(rejected) <= 0.09
