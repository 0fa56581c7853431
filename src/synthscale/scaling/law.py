"""Scaling laws: what error is expected after training on N problems.

Each law is one class with one instance in `LAWS`; a law of two inputs (Chinchilla's N and D), a broken law or a mixture
law is one more class. A law works on coordinates in which the fit is well behaved (log a instead of a) and gives the
analytic gradient of the log of its value, because the fit minimises log residuals and numerical gradients are both slow
and noisy next to a Huber loss with a small δ.

Fits run on centred logs (geometric means of inputs and values are 1), where a few starts cover every table; `uncentre`
brings the coordinates back to the units of the table.

Source: Setlur et al. 2024 (arXiv 2406.14532) report err ~ D^-0.15 on GSM8K and D^-0.05 on MATH; the constant offset is
the irreducible error of Hoffmann et al. 2022 (arXiv 2203.15556), approach 3.
"""

from abc import ABC, abstractmethod
from itertools import product
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Bound = tuple[float | None, float | None]


class Law(ABC):
    """A parametric law of one or more positive inputs with positive values."""

    name: ClassVar[str]
    formula: ClassVar[str]
    input_names: ClassVar[tuple[str, ...]]
    parameter_names: ClassVar[tuple[str, ...]]
    #: Bounds of the coordinates, None where open; the same for centred and uncentred coordinates.
    bounds: ClassVar[tuple[Bound, ...]]

    @property
    def num_parameters(self) -> int:
        """Free parameters, and so the fewest distinct inputs that determine them."""
        return len(self.parameter_names)

    @abstractmethod
    def evaluate(self, coordinates: FloatArray, log_inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log value [..., num_points] and its gradient in the coordinates [..., num_points, num_parameters].

        `coordinates` is [..., num_parameters], one row a curve; `log_inputs` is [num_points, num_inputs], natural logs.
        """

    @abstractmethod
    def starts(self) -> FloatArray:
        """Coordinates [num_starts, num_parameters] to start a fit from, on centred data."""

    @abstractmethod
    def uncentre(self, coordinates: FloatArray, log_input_centre: FloatArray, log_value_centre: float) -> FloatArray:
        """Coordinates in the table's units, from those fitted on inputs and values divided by their centres."""

    @abstractmethod
    def parameters(self, coordinates: FloatArray) -> FloatArray:
        """Parameters in their natural units, in the order of `parameter_names`."""

    @abstractmethod
    def coordinates(self, parameters: FloatArray) -> FloatArray:
        """Inverse of `parameters`."""

    def predict(self, parameters: FloatArray, inputs: FloatArray) -> FloatArray:
        """Values [..., num_points] of the law with parameters [..., num_parameters], one row a curve.

        inputs: positive, [num_points] or [num_points, num_inputs].
        """
        log_inputs = np.log(np.asarray(inputs, dtype=np.float64)).reshape(-1, len(self.input_names))
        log_values, _ = self.evaluate(self.coordinates(np.asarray(parameters, dtype=np.float64)), log_inputs)
        return np.exp(log_values)


class Power(Law):
    """err = a·N^-b.

    a: error extrapolated to N = 1, in the units of err, a > 0. b: slope, dimensionless, within [-10, 10]; negative
    where the error grows with N (inverse scaling). Coordinates: (log a, b).
    """

    name = "power"
    formula = "err = a·N^-b"
    input_names = ("N",)
    parameter_names = ("a", "b")
    bounds = ((None, None), (-10.0, 10.0))

    def evaluate(self, coordinates: FloatArray, log_inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_size = log_inputs[:, 0]
        log_values = coordinates[..., 0, None] - coordinates[..., 1, None] * log_size
        gradient = np.stack([np.ones_like(log_size), -log_size], axis=-1)
        return log_values, np.broadcast_to(gradient, (*log_values.shape, 2))

    def starts(self) -> FloatArray:
        return np.array([[0.0, b] for b in (-0.2, 0.05, 0.2, 0.5, 1.0, 2.0)])

    def uncentre(self, coordinates: FloatArray, log_input_centre: FloatArray, log_value_centre: float) -> FloatArray:
        log_a, b = coordinates[..., 0], coordinates[..., 1]
        return np.stack([log_a + log_value_centre + b * log_input_centre[0], b], axis=-1)

    def parameters(self, coordinates: FloatArray) -> FloatArray:
        return np.stack([np.exp(coordinates[..., 0]), coordinates[..., 1]], axis=-1)

    def coordinates(self, parameters: FloatArray) -> FloatArray:
        return np.stack([np.log(parameters[..., 0]), parameters[..., 1]], axis=-1)


class PowerOffset(Law):
    """err = a·N^-b + c.

    a: error above the floor extrapolated to N = 1, in the units of err, a > 0. b: slope of that part, dimensionless,
    within [0, 10]: a negative b with an offset is a second reading of the same points, so it is not offered.
    c: floor that no amount of data removes, in the units of err, c ≥ 0. Coordinates: (log a, b, c).
    """

    name = "power_offset"
    formula = "err = a·N^-b + c"
    input_names = ("N",)
    parameter_names = ("a", "b", "c")
    bounds = ((None, None), (0.0, 10.0), (0.0, None))

    def evaluate(self, coordinates: FloatArray, log_inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_size = log_inputs[:, 0]
        log_falling = coordinates[..., 0, None] - coordinates[..., 1, None] * log_size
        with np.errstate(divide="ignore"):
            log_floor = np.log(coordinates[..., 2, None])
        log_values = np.logaddexp(log_falling, log_floor)
        share = np.exp(log_falling - log_values)
        # A line search may try values that no table holds; their inverse must stay a number.
        inverse = np.exp(np.minimum(-log_values, 700.0))
        return log_values, np.stack([share, -share * log_size, inverse], axis=-1)

    def starts(self) -> FloatArray:
        slopes, floors = (0.05, 0.2, 0.5, 1.0, 2.0), (0.0, 0.3, 0.6, 0.9)
        return np.array([[np.log1p(-c), b, c] for b, c in product(slopes, floors)])

    def uncentre(self, coordinates: FloatArray, log_input_centre: FloatArray, log_value_centre: float) -> FloatArray:
        log_a, b, c = np.moveaxis(coordinates, -1, 0)
        log_a_table = log_a + log_value_centre + b * log_input_centre[0]
        return np.stack([log_a_table, b, c * np.exp(log_value_centre)], axis=-1)

    def parameters(self, coordinates: FloatArray) -> FloatArray:
        return np.stack([np.exp(coordinates[..., 0]), coordinates[..., 1], coordinates[..., 2]], axis=-1)

    def coordinates(self, parameters: FloatArray) -> FloatArray:
        return np.stack([np.log(parameters[..., 0]), parameters[..., 1], parameters[..., 2]], axis=-1)


LAWS: dict[str, Law] = {law.name: law for law in (Power(), PowerOffset())}


def law_named(name: str) -> Law:
    """The law of that name; ValueError, with the names there are, for any other."""
    if name not in LAWS:
        raise ValueError(f"no law is named {name!r}; there are {', '.join(sorted(LAWS))}")
    return LAWS[name]
