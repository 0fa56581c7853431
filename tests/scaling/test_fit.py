"""Fits: noiseless tables are recovered exactly, planted exponents under noise, and bad tables are refused."""

import numpy as np
import pytest

from synthscale.scaling import LAWS, Measurements, fit_law
from synthscale.scaling.fit import CentredProblem

SIZES = np.repeat([64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0], 5)
POWER, OFFSET = LAWS["power"], LAWS["power_offset"]


def planted(a: float, b: float, c: float, noise: float, seed: int = 0) -> Measurements:
    """Errors a·N^-b + c with log-normal noise; noise is the standard deviation of the log."""
    errors = (a * SIZES**-b + c) * np.exp(np.random.default_rng(seed).normal(0.0, noise, SIZES.size))
    return Measurements.from_columns(SIZES, errors)


@pytest.mark.parametrize("b", [-0.1, 0.05, 0.15, 0.35, 0.8])
def test_noiseless_power_law_is_exact(b: float) -> None:
    fit = fit_law(POWER, planted(2.0, b, 0.0, 0.0))
    assert fit.parameters["a"] == pytest.approx(2.0, rel=1e-8)
    assert fit.parameters["b"] == pytest.approx(b, abs=1e-9)
    assert fit.objective == pytest.approx(0.0, abs=1e-12)
    assert fit.converged and fit.flags == ()


@pytest.mark.parametrize(("b", "c"), [(0.3, 0.05), (0.5, 0.1), (1.0, 0.3)])
def test_noiseless_floor_is_exact(b: float, c: float) -> None:
    fit = fit_law(OFFSET, planted(3.0, b, c, 0.0))
    assert fit.parameters["b"] == pytest.approx(b, rel=1e-4)
    assert fit.parameters["c"] == pytest.approx(c, rel=1e-4)
    assert fit.converged


def test_slope_under_ten_percent_noise_is_within_five_hundredths() -> None:
    slopes = [fit_law(POWER, planted(3.0, 0.5, 0.0, 0.1, seed)).parameters["b"] for seed in range(20)]
    assert np.abs(np.array(slopes) - 0.5).max() < 0.05
    assert np.mean(slopes) == pytest.approx(0.5, abs=0.01)


def test_floor_under_two_percent_noise_is_within_two_hundredths() -> None:
    floors = [fit_law(OFFSET, planted(3.0, 0.5, 0.1, 0.02, seed)).parameters["c"] for seed in range(10)]
    assert np.abs(np.array(floors) - 0.1).max() < 0.02


def test_floor_at_zero_is_flagged() -> None:
    errors = np.exp(-((np.log(SIZES) - 2.0) ** 2) / 20)  # steeper with size: the opposite of a floor
    fit = fit_law(OFFSET, Measurements.from_columns(SIZES, errors))
    assert fit.parameters["c"] == 0.0
    assert "c at its bound 0" in fit.flags


def test_one_outlier_hardly_moves_the_slope() -> None:
    clean = planted(3.0, 0.5, 0.0, 0.01)
    values = clean.values.copy()
    values[0] *= 10
    spoilt = fit_law(POWER, Measurements.from_columns(clean.inputs, values))
    assert spoilt.parameters["b"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("law", [POWER, OFFSET])
@pytest.mark.parametrize("noise", [1e-4, 1e-2, 0.1, 0.3])
def test_several_starts_agree_on_the_optimum(law: object, noise: float) -> None:
    for seed in range(3):
        assert fit_law(law, planted(3.0, 0.5, 0.1, noise, seed)).converged  # type: ignore[arg-type]


@pytest.mark.parametrize("law", [POWER, OFFSET])
def test_no_point_nearby_is_better(law: object) -> None:
    """The loss at the fit is a minimum in every direction tried, floor's bound respected."""
    table, generator = planted(3.0, 0.5, 0.1, 0.1), np.random.default_rng(1)
    problem = CentredProblem.of(law, table, 1e-3)  # type: ignore[arg-type]
    weights = np.ones(table.num_rows)
    ends, losses = problem.minimise(problem.law.starts(problem.inputs), weights[None])
    best, loss = ends[np.argmin(losses)], losses.min()
    for size in (1e-5, 1e-3, 1e-1):
        for step in generator.normal(0.0, size, (200, best.size)):
            moved = best + step
            moved[2:] = np.maximum(moved[2:], 0.0)
            assert problem.loss(moved, weights) >= loss - 1e-9


def test_units_do_not_matter() -> None:
    """Errors in percent and sizes in thousands give the same slope."""
    table = planted(3.0, 0.5, 0.0, 0.05)
    other = Measurements.from_columns(table.inputs / 1000, table.values * 100)
    assert fit_law(POWER, other).parameters["b"] == pytest.approx(fit_law(POWER, table).parameters["b"], abs=1e-7)


def test_objective_is_the_undivided_sum() -> None:
    table = Measurements.from_columns([1.0, 1.0, 4.0, 4.0], [1.0, np.exp(0.2), 0.5, 0.5])
    # Two points at N = 1 lie 0.2 apart in logs: however the line runs, their absolute residuals sum to 0.2.
    assert fit_law(POWER, table).objective == pytest.approx(1e-3 * 0.2, rel=0.01)


@pytest.mark.parametrize(
    ("sizes", "values", "message"),
    [
        ([1.0, 1.0], [0.5, 0.4], "needs as many distinct sizes; there are 1"),
        ([1.0, 2.0], [0.5, 0.0], "value 0 in row 1 is not positive"),
        ([1.0, 2.0], [0.5, float("nan")], "value nan in row 1 is not finite"),
        ([1.0, -2.0], [0.5, 0.4], "size -2 in row 1 is not at least 0"),
        ([1.0, 0.0], [0.5, 0.4], "size 0 in row 1 is not positive"),
        ([1.0], [0.5, 0.4], "differ in length"),
        ([], [], "at least one row"),
    ],
)
def test_bad_tables_are_refused(sizes: list[float], values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_law(POWER, Measurements.from_columns(sizes, values))


def test_three_parameters_need_three_sizes() -> None:
    with pytest.raises(ValueError, match="3 parameters"):
        fit_law(OFFSET, Measurements.from_columns([1.0, 2.0], [0.5, 0.4]))


def test_as_many_sizes_as_parameters_is_flagged() -> None:
    fit = fit_law(POWER, Measurements.from_columns([1.0, 4.0], [1.0, 0.5]))
    assert fit.parameters["b"] == pytest.approx(0.5)
    assert any("nothing is left" in flag for flag in fit.flags)


def test_delta_is_a_positive_choice() -> None:
    table = planted(3.0, 0.5, 0.0, 0.1)
    assert fit_law(POWER, table, delta=0.1).delta == 0.1
    with pytest.raises(ValueError, match="delta is 0"):
        fit_law(POWER, table, delta=0.0)


def test_a_large_delta_is_least_squares() -> None:
    table = planted(3.0, 0.5, 0.0, 0.1)
    slope, _ = np.polyfit(np.log(SIZES), np.log(table.values), 1)
    assert fit_law(POWER, table, delta=10.0).parameters["b"] == pytest.approx(-slope, abs=1e-9)
