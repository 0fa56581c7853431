"""Laws: values at hand-computed points, gradients equal finite differences, centring changes units and nothing else."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from synthscale.scaling import LAWS, Law, law_named

POINTS = {
    "power": np.array([0.3, 0.4]),
    "power_offset": np.array([0.3, 0.4, 0.2]),
    "chinchilla": np.array([0.3, -0.2, 0.2, 0.4, 0.3]),
    "broken": np.array([0.3, 0.4, 0.5, 0.7, -0.4, 0.2]),
    "mixture": np.array([0.3, -1.4, 0.2]),
}


def table_inputs(law: Law) -> np.ndarray:
    """Some rows of what the law takes."""
    return np.array([[0.1, 0.3], [1.0, 20.0], [30.0, 7.0]])[:, : len(law.input_names)]


@pytest.mark.parametrize("name", LAWS)
def test_gradient_equals_finite_differences(name: str) -> None:
    law, coordinates = LAWS[name], POINTS[name]
    inputs = law.entering(table_inputs(law))
    _, jacobian = law.evaluate(coordinates, inputs)
    numeric = approx_fprime(coordinates, lambda at: law.evaluate(at, inputs)[0], 1e-7)
    np.testing.assert_allclose(jacobian, numeric, rtol=1e-5, atol=1e-6)


def test_gradient_at_the_bound_of_the_floor() -> None:
    law, log_inputs = LAWS["power_offset"], np.log(np.array([[2.0], [8.0]]))
    _, jacobian = law.evaluate(np.array([0.0, 0.5, 0.0]), log_inputs)
    np.testing.assert_allclose(jacobian[:, 2], [np.sqrt(2.0), np.sqrt(8.0)])


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("power", [2.0, 0.5], [1.0, 0.5]),
        ("power_offset", [2.0, 0.5, 0.25], [1.25, 0.75]),
        ("broken", [2.0, 0.5, 0.5, 4.0, 0.5, 0.25], [0.25 + 2**-0.25, 0.25 + 0.5 * 17**-0.25]),
        ("mixture", [0.0, -0.25, 0.1], [0.1 + np.exp(-1), 0.1 + np.exp(-4)]),
    ],
)
def test_values_by_hand(name: str, parameters: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(LAWS[name].predict(np.array(parameters), np.array([4.0, 16.0])), expected)


def test_chinchilla_by_hand() -> None:
    inputs = np.array([[4.0, 8.0], [16.0, 27.0]])
    predicted = LAWS["chinchilla"].predict(np.array([2.0, 6.0, 0.5, 0.5, 1 / 3]), inputs)
    np.testing.assert_allclose(predicted, [0.5 + 1.0 + 3.0, 0.5 + 0.5 + 2.0])


@pytest.mark.parametrize("name", LAWS)
def test_uncentring_keeps_the_curve(name: str) -> None:
    law, coordinates = LAWS[name], POINTS[name]
    inputs, value_centre = law.entering(table_inputs(law)), np.log(0.3)
    centre = inputs.mean(axis=0)
    centred, _ = law.evaluate(coordinates, inputs - centre)
    table, _ = law.evaluate(law.uncentre(coordinates, centre, value_centre), inputs)
    np.testing.assert_allclose(table, centred + value_centre)


@pytest.mark.parametrize("name", LAWS)
def test_coordinates_invert_parameters(name: str) -> None:
    law = LAWS[name]
    np.testing.assert_allclose(law.coordinates(law.parameters(POINTS[name])), POINTS[name])


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("size", [-1e3, 1e3, 1e6])
def test_extreme_coordinates_stay_numbers(name: str, size: float) -> None:
    """Within the bounds, but beyond what a table holds: in a Newton step, squares of the gradient are added up."""
    law = LAWS[name]
    low, high = np.array(
        [[-np.inf if low is None else low, np.inf if high is None else high] for low, high in law.bounds]
    ).T
    for floor in (0.0, 0.2):
        coordinates = np.clip(np.where(low == 0.0, floor, size), low, high)
        values, jacobian = law.evaluate(coordinates, law.entering(table_inputs(law)))
        assert np.isfinite(values).all() and np.isfinite(jacobian.T @ jacobian).all()


def test_a_power_without_its_floor_is_one_by_logs() -> None:
    """The sum of exponentials loses nothing against the log of the one term that is left."""
    log_inputs = np.linspace(-10.0, 10.0, 7)[:, None]
    values, _ = LAWS["power_offset"].evaluate(np.array([0.3, 1.5, 0.0]), log_inputs)
    np.testing.assert_allclose(values, 0.3 - 1.5 * log_inputs[:, 0], rtol=0, atol=1e-14)


def test_unknown_law_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="power, power_offset"):
        law_named("exponential")
