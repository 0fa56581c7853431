"""Minimiser: exact least absolute deviations for a small δ, L-BFGS's optimum for any, no draw left where it began."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize

from synthscale.scaling import LAWS, Law, Measurements, bootstrap_fit, fit_law, minimise
from synthscale.scaling.fit import CentredProblem
from synthscale.scaling.laws import FloatArray
from synthscale.scaling.minimise import huber

POWER, OFFSET = LAWS["power"], LAWS["power_offset"]
SIZES, SEEDS = np.repeat([32.0, 64.0, 128.0, 256.0], 2), [1, 2] * 4
#: Per-step mix of a real study: concave in logs, so that lines with the inner sizes below and the outer above abound.
CONCAVE = [0.714, 0.805, 0.683, 0.794, 0.436, 0.458, 0.249, 0.203]
STRAIGHT = [0.864, 0.785, 0.715, 0.793, 0.671, 0.667, 0.540, 0.364]
#: Parameters of a planted table by law.
PLANTED = {"power": [3.0, 0.5], "power_offset": [3.0, 0.5, 0.1], "chinchilla": [5.0, 20.0, 0.3, 0.5, 0.4]}


def table(errors: list[float]) -> Measurements:
    return Measurements.from_columns(SIZES, errors, SEEDS)


def least_absolute_deviations(problem: CentredProblem, weights: FloatArray) -> FloatArray:
    """Least weighted sum of absolute residuals, exactly, per row of weights: some line through two points has it."""
    x, y = problem.inputs[:, 0], problem.log_values
    pairs = np.array([(i, j) for i, j in combinations(range(len(x)), 2) if x[i] != x[j]])
    slopes = (y[pairs[:, 0]] - y[pairs[:, 1]]) / (x[pairs[:, 0]] - x[pairs[:, 1]])
    residuals = y[pairs[:, 0], None] + slopes[:, None] * (x - x[pairs[:, 0], None]) - y
    return np.asarray((np.abs(residuals) @ weights.T).min(axis=0))


def least_of_l_bfgs(problem: CentredProblem) -> float:
    """Lowest loss, divided by δ, that scipy's L-BFGS-B reaches from the law's grid with analytic gradients."""
    law, delta = problem.law, problem.delta

    def loss(at: FloatArray) -> tuple[float, FloatArray]:
        predicted, jacobian = law.evaluate(at, problem.inputs)
        residuals = predicted - problem.log_values
        slopes = np.clip(residuals / delta, -1.0, 1.0)
        return float(huber(residuals, delta).sum()), slopes @ jacobian

    starts, options = law.starts(problem.inputs), {"ftol": 1e-14, "gtol": 1e-9}
    ends = (minimize(loss, one, jac=True, method="L-BFGS-B", bounds=law.bounds, options=options) for one in starts)
    return min(float(end.fun) for end in ends)


def least_of_both_ways(problem: CentredProblem) -> float:
    """Lowest loss, divided by δ, of ours from the same grid, as `fit_law` goes about it."""
    starts, weights = problem.law.starts(problem.inputs), np.ones((1, len(problem.log_values)))
    return min(float(problem.minimise(starts, weights, from_least_squares=way)[1].min()) for way in (True, False))


def planted_table(law: Law, parameters: list[float]) -> Measurements:
    """36 points of the law, over its one or two inputs, with 5 % noise."""
    sizes = np.repeat(np.geomspace(32.0, 4096.0, 6), 6)
    inputs = np.stack([sizes, np.tile(np.geomspace(1e3, 1e6, 6), 6)], axis=1)[:, : len(law.input_names)]
    noise = np.random.default_rng(0).normal(0.0, 0.05, len(inputs))
    return Measurements.from_columns(inputs, law.predict(np.array(parameters), inputs) * np.exp(noise))


@pytest.mark.parametrize("errors", [CONCAVE, STRAIGHT])
def test_small_delta_reaches_the_exact_least_absolute_deviations(errors: list[float]) -> None:
    delta = 1e-5
    problem = CentredProblem.of(POWER, table(errors), delta)
    drawn = np.random.default_rng(0).multinomial(2, [0.5, 0.5], size=(300, 4)).reshape(300, 8)
    weights = np.vstack([np.ones(8), drawn])
    coordinates, _ = problem.minimise(np.array([[0.0, 0.2]]), weights)
    predicted, _ = POWER.evaluate(coordinates, problem.inputs)
    reached = (weights * np.abs(predicted - problem.log_values)).sum(axis=1)
    # Huber's loss divided by δ is below the absolute one by at most δ/2 a point.
    assert (reached - least_absolute_deviations(problem, weights)).max() <= 8 * delta / 2


@pytest.mark.parametrize("delta", [1e-3, 0.1])
def test_intervals_of_a_concave_table_have_width(delta: float) -> None:
    """At δ = 1e-3 the optimum of this table is one of every draw too, so draws that start there would not move."""
    bootstrap = bootstrap_fit(POWER, table(CONCAVE), num_draws=200, delta=delta)
    interval = bootstrap.interval("b")
    assert interval.high - interval.low > 0.1
    assert len(np.unique(bootstrap.draws[:, 1].round(4))) > 20


def test_an_optimum_that_is_not_unique_is_flagged() -> None:
    flags = fit_law(POWER, table(CONCAVE), delta=1e-3).flags
    assert any("not unique" in flag for flag in flags)
    assert fit_law(POWER, table(CONCAVE), delta=0.1).flags == ()
    assert fit_law(POWER, table(STRAIGHT), delta=1e-3).flags == ()


def test_the_answer_does_not_hang_on_the_start() -> None:
    problem = CentredProblem.of(POWER, table(CONCAVE), 1e-3)
    ends, _ = problem.minimise(POWER.starts(problem.inputs), np.ones((1, 8)))
    np.testing.assert_allclose(ends, np.broadcast_to(ends[0], ends.shape), atol=1e-6)


@pytest.mark.parametrize(("delta", "slack"), [(1e-3, 2e-3), (0.1, 1e-6)])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_no_start_of_l_bfgs_does_better(delta: float, slack: float, floor: float) -> None:
    """The law with a floor, with and without its bound in play, against scipy's minimiser from the whole grid.

    At δ = 1e-3 there are many local optima, and each minimiser misses some: one of these ends 0.14 % higher.
    """
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0.0, 0.1, 8)
        problem = CentredProblem.of(OFFSET, table(list((3 * SIZES**-0.5 + floor) * np.exp(noise))), delta)

        assert least_of_both_ways(problem) <= least_of_l_bfgs(problem) * (1 + slack)


@pytest.mark.parametrize(("name", "parameters"), PLANTED.items())
@pytest.mark.parametrize("delta", [1e-3, 0.1])
def test_the_grid_fit_is_that_of_l_bfgs_from_the_same_grid(name: str, parameters: list[float], delta: float) -> None:
    law, measurements = LAWS[name], planted_table(LAWS[name], parameters)
    fit, problem = fit_law(law, measurements, delta=delta), CentredProblem.of(law, measurements, delta)
    theirs = least_of_l_bfgs(problem) * delta
    assert fit.objective == pytest.approx(theirs, rel=1e-6)
    assert fit.objective <= theirs * (1 + 1e-10)


def test_how_many_curves_are_moved_at_once_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    measurements = planted_table(LAWS["chinchilla"], PLANTED["chinchilla"])
    problem = CentredProblem.of(LAWS["chinchilla"], measurements, 1e-3)
    starts = LAWS["chinchilla"].starts(problem.inputs)
    together, losses = problem.minimise(starts, np.ones((1, measurements.num_rows)))
    monkeypatch.setattr(minimise, "CHUNK_NUMBERS", 7 * 5 * measurements.num_rows)
    in_sevens, losses_in_sevens = problem.minimise(starts, np.ones((1, measurements.num_rows)))
    np.testing.assert_array_equal(together, in_sevens)
    np.testing.assert_array_equal(losses, losses_in_sevens)


def test_each_curve_may_have_a_table_of_its_own() -> None:
    problem, start, weights = CentredProblem.of(POWER, table(CONCAVE), 0.1), np.array([[0.0, 0.2]]), np.ones((1, 8))
    tables = problem.log_values + np.random.default_rng(0).normal(0.0, 0.1, (5, 8))
    together, _ = replace(problem, log_values=tables).minimise(start, weights)
    alone = [replace(problem, log_values=one).minimise(start, weights)[0][0] for one in tables]
    np.testing.assert_array_equal(together, alone)


def test_least_squares_is_followed_to_the_end_of_a_slow_valley() -> None:
    """A draw that sees a floor, from a start without one: given up early, it ends in a local optimum at 0.640."""
    noise = np.random.default_rng(2).normal(0.0, 0.1, 8)
    problem = CentredProblem.of(OFFSET, table(list((3 * SIZES**-0.5 + 0.1) * np.exp(noise))), 0.1)
    draw = np.array([[1.0, 1.0, 0.0, 2.0, 2.0, 0.0, 1.0, 1.0]])
    _, losses = problem.minimise(np.array([[0.0152, 0.3328, 0.0]]), draw)
    _, from_grid = problem.minimise(OFFSET.starts(problem.inputs), draw)
    assert losses[0] == pytest.approx(from_grid.min(), rel=1e-9)


def test_huber_by_hand() -> None:
    """Divided by δ = 0.5: r² within it, |r| - 0.25 beyond."""
    np.testing.assert_allclose(huber(np.array([0.0, 0.3, -0.5, -2.0]), 0.5), [0.0, 0.09, 0.25, 1.75])
