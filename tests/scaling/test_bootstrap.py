"""Bootstrap: intervals cover planted slopes about as often as they say, the same seed gives the same draws."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synthscale.scaling import LAWS, Measurements, bootstrap, bootstrap_fit, interval_obstacle
from synthscale.scaling.fit import CentredProblem
from synthscale.scaling.resample import DrawnTables, draw_tables, leave_outs, size_counts
from synthscale.scaling.spread import degrees_of_freedom, pooled_variance, run_deviations

POWER, OFFSET = LAWS["power"], LAWS["power_offset"]


def planted(num_seeds: int, noise: float, seed: int, b: float = 0.5) -> Measurements:
    sizes = np.repeat([64.0, 128.0, 256.0, 512.0, 1024.0], num_seeds)
    errors = 3 * sizes**-b * np.exp(np.random.default_rng(seed).normal(0.0, noise, sizes.size))
    return Measurements.from_columns(sizes, errors, np.tile(np.arange(num_seeds), 5))


def test_intervals_cover_the_planted_slope() -> None:
    """Of 60 tables with 5 seeds, the interval holds the truth in at least 48 (at a coverage of .9, 54 are expected)."""
    held = 0
    for seed in range(60):
        interval = bootstrap_fit(POWER, planted(5, 0.1, seed), num_draws=60).interval("b")
        held += interval.low <= 0.5 <= interval.high
    assert held >= 48


def test_deviations_are_pooled_by_hand() -> None:
    """Two sizes of two seeds 0.2 apart, over scales 1 and 2: ±0.1 and ±0.05, times sqrt(2)."""
    table = Measurements.from_columns([1.0, 1.0, 2.0, 2.0, 4.0], [1.0] * 5)
    deviations = run_deviations(np.array([0.1, 0.3, -0.1, 0.1, 0.7]), table, np.array([1.0, 1.0, 2.0, 2.0, 1.0]))
    np.testing.assert_allclose(deviations, np.array([-0.1, 0.1, -0.05, 0.05]) * 2**0.5)
    assert degrees_of_freedom(table) == 2
    assert pooled_variance(deviations) == pytest.approx((0.02 + 0.005) / 2)


def test_intervals_of_two_seeds_are_not_too_narrow() -> None:
    """Four sizes of two seeds, whose own two deviations held the truth in .83 even when widened: now in about .95."""
    held = 0
    for seed in range(100):
        sizes = np.repeat([32.0, 64.0, 128.0, 256.0], 2)
        errors = 3 * sizes**-0.5 * np.exp(np.random.default_rng(seed).normal(0.0, 0.1, 8))
        table = Measurements.from_columns(sizes, errors, [0, 1] * 4)
        interval = bootstrap_fit(POWER, table, num_draws=100, delta=0.1).interval("b")
        held += interval.low <= 0.5 <= interval.high
    assert 89 <= held <= 99


def test_intervals_of_single_seed_tables_come_from_sizes() -> None:
    bootstrap = bootstrap_fit(POWER, planted(1, 0.1, 3), num_draws=50)
    interval = bootstrap.interval("b")
    assert bootstrap.resampled == "sizes"
    assert interval.low < bootstrap.fit.parameters["b"] < interval.high


def test_noise_widens_the_interval() -> None:
    widths = []
    for noise in (0.01, 0.1):
        interval = bootstrap_fit(POWER, planted(5, noise, 0), num_draws=100).interval("b")
        widths.append(interval.high - interval.low)
    assert widths[1] > 3 * widths[0]


def test_same_seed_same_draws() -> None:
    table = planted(3, 0.1, 0)
    first, second, other = (bootstrap_fit(POWER, table, num_draws=20, seed=seed).draws for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_order_of_rows_does_not_matter_to_the_draws() -> None:
    table, order = planted(3, 0.1, 0), np.random.default_rng(0).permutation(15)
    assert table.seeds is not None
    shuffled = Measurements.from_columns(table.inputs[order], table.values[order], table.seeds[order])
    draws = [bootstrap_fit(POWER, each, num_draws=20).draws for each in (table, shuffled)]
    np.testing.assert_allclose(draws[0], draws[1], rtol=1e-6)


def test_band_encloses_the_curve_and_is_widest_at_the_ends() -> None:
    bootstrap, grid = bootstrap_fit(POWER, planted(5, 0.1, 0), num_draws=100), np.geomspace(64, 1024, 9)
    band, curve = bootstrap.band(grid), bootstrap.fit.predict(grid)
    assert ((band.low <= curve) & (curve <= band.high)).all()
    relative = np.log(band.high / band.low)
    assert relative[0] > relative.min() < relative[-1]


def test_floor_has_an_interval_at_least_zero() -> None:
    interval = bootstrap_fit(OFFSET, planted(3, 0.1, 0), num_draws=20).interval("c")
    assert 0.0 <= interval.low <= interval.high


def test_no_interval_from_as_many_single_rows_as_parameters() -> None:
    table = Measurements.from_columns([1.0, 2.0], [0.5, 0.4])
    assert interval_obstacle(POWER, table) is not None
    with pytest.raises(ValueError, match="no interval"):
        bootstrap_fit(POWER, table)


def test_too_few_draws_and_unknown_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 draws"):
        bootstrap_fit(POWER, planted(3, 0.1, 0), num_draws=1)
    with pytest.raises(ValueError, match="no parameter 'c'"):
        bootstrap_fit(POWER, planted(3, 0.1, 0), num_draws=2).interval("c")


def drawn(table: Measurements, num_draws: int, scales: np.ndarray | None = None) -> np.ndarray:
    """Log values of draws about the power law N^-0.5, less its own; centres taken back."""
    problem = CentredProblem.of(POWER, table, 0.1)
    if scales is not None:
        problem = replace(problem, scales=scales)
    coordinates = np.array([0.0, 0.5])
    curve, _ = POWER.evaluate(coordinates, problem.inputs)
    return draw_tables(problem, coordinates, table, num_draws, np.random.default_rng(0)).log_values - curve


def test_draws_lie_about_the_curve_with_the_pooled_spread() -> None:
    """Thirty sizes of four seeds: f = 90, so that the draws' variance is f/(f-2) times the pooled one."""
    sizes = np.repeat(np.geomspace(32, 4096, 30), 4)
    noise = np.random.default_rng(0).normal(0.0, 0.1, sizes.size)
    table = Measurements.from_columns(sizes, sizes**-0.5 * np.exp(noise), np.tile(np.arange(4), 30))
    pooled = pooled_variance(run_deviations(noise, table, np.ones(120)))
    found = drawn(table, 2000)
    assert found.mean() == pytest.approx(0.0, abs=0.002)
    assert found.var() == pytest.approx(pooled * 90 / 88, rel=0.02)
    wide = drawn(table, 2000, np.where(sizes > 300, 2.0, 0.5))
    assert wide[:, sizes > 300].std() == pytest.approx(4 * wide[:, sizes <= 300].std(), rel=0.02)


def test_a_single_seed_borrows_the_spread_of_the_others() -> None:
    table = Measurements.from_columns([1.0, 2.0, 2.0, 4.0, 4.0], [1.0, 0.7, 0.8, 0.45, 0.55])
    spreads = drawn(table, 4000).std(axis=0)
    np.testing.assert_allclose(spreads, spreads[0], rtol=0.15)


def test_mostly_single_seeds_are_drawn_as_points() -> None:
    """One size of 12 has two seeds: they say nothing about the others, and the rows' distance from the law does."""
    sizes = np.append(np.geomspace(32, 4096, 12), 32.0)
    errors = sizes**-0.5 * np.exp(np.random.default_rng(0).normal(0.0, 0.1, 13))
    assert bootstrap_fit(POWER, Measurements.from_columns(sizes, errors), num_draws=20).resampled == "sizes"


def test_each_run_is_left_out_once() -> None:
    seeds, points = planted(3, 0.1, 0), planted(1, 0.1, 0)
    assert [left.shape for left in leave_outs(seeds)] == [(3, 15)] * 5
    np.testing.assert_array_equal(sum(14 - left.sum(axis=1) for left in leave_outs(seeds)), 0.0)
    (left,) = leave_outs(points)
    np.testing.assert_array_equal(left, 1.0 - np.eye(5))


def test_draws_of_sizes_are_redrawn_until_enough_are_distinct() -> None:
    table = Measurements.from_columns([1.0, 2.0, 4.0], [3.0, 2.0, 1.0])
    counts = size_counts(table, 200, np.random.default_rng(0), min_distinct=3)
    np.testing.assert_array_equal(counts, 1.0)
    with pytest.raises(ValueError, match="3 sizes"):
        size_counts(table, 2, np.random.default_rng(0), min_distinct=4)


def test_rows_of_one_seed_move_together() -> None:
    table = Measurements.from_columns([1.0] * 4, [1.0, 2.0, 3.0, 4.0], ["a", "a", "b", "b"])
    found = drawn(table, 50)
    np.testing.assert_allclose(found[:, 1] - found[:, 0], np.log(2.0))
    np.testing.assert_allclose(found[:, 3] - found[:, 2], np.log(4 / 3))
    assert len(np.unique(found[:, 0].round(6))) > 2


def test_a_large_table_is_drawn_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    table = planted(3, 0.1, 0)
    whole = bootstrap_fit(POWER, table, num_draws=200, delta=0.1).interval("b")
    monkeypatch.setattr(bootstrap, "MOST_NUMBERS", 7 * table.num_rows)
    drawn, draw = [], bootstrap.draw_tables

    def counted(*arguments: Any) -> DrawnTables:
        drawn.append(arguments[3])
        return draw(*arguments)

    monkeypatch.setattr(bootstrap, "draw_tables", counted)
    in_pieces = bootstrap_fit(POWER, table, num_draws=200, delta=0.1)
    assert drawn == [7] * 28 + [4]
    assert len(in_pieces.draws) == 200
    assert in_pieces.interval("b").low == pytest.approx(whole.low, abs=0.03)
