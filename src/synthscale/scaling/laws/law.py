"""What a scaling law is.

A law works on coordinates in which the fit is well behaved (log a instead of a) and gives the analytic gradient of the
log of its value, because the fit minimises log residuals and numerical gradients are both slow and noisy next to a
Huber loss with a small δ.

Fits run on centred data (logs of inputs and values of mean 0), where a few starts cover every table; `uncentre` brings
the coordinates back to the units of the table.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Bound = tuple[float | None, float | None]

#: A line search may try values that no table holds; they, their inverses and the squares of these must stay numbers.
MOST_EXPONENT = 300.0


def exponential(exponents: FloatArray) -> FloatArray:
    """exp of exponents that are held within ±300; in their place.

    Sums of such terms and one logarithm are several times as fast as logaddexp, and as exact on centred data.
    """
    return np.exp(np.clip(exponents, -MOST_EXPONENT, MOST_EXPONENT, out=exponents), out=exponents)


def unlogged(logs: FloatArray) -> FloatArray:
    """Parameters from their logs, which are held within the same bounds."""
    return np.exp(np.clip(logs, -MOST_EXPONENT, MOST_EXPONENT))


class Law(ABC):
    """A parametric law of one or more inputs with positive values."""

    name: ClassVar[str]
    formula: ClassVar[str]
    input_names: ClassVar[tuple[str, ...]]
    parameter_names: ClassVar[tuple[str, ...]]
    #: Whether the inputs enter by their logs, and so are positive; else as they are.
    takes_logs: ClassVar[bool] = True
    #: Bounds of the coordinates, None where open; the same for centred and uncentred coordinates.
    bounds: ClassVar[tuple[Bound, ...]]
    #: The parameter that no amount of data removes, if the law has one.
    floor: ClassVar[str | None] = None

    @property
    def num_parameters(self) -> int:
        """Free parameters, and so the fewest distinct inputs that determine them."""
        return len(self.parameter_names)

    @abstractmethod
    def evaluate(self, coordinates: FloatArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log value [..., num_points] and its gradient in the coordinates [..., num_points, num_parameters].

        `coordinates` is [..., num_parameters], one row a curve; `inputs` is [num_points, num_inputs] as of `entering`.
        The gradient is best stored parameter by parameter, its last axis first: the minimiser reads it so.
        """

    @abstractmethod
    def starts(self, inputs: FloatArray) -> FloatArray:
        """Coordinates [num_starts, num_parameters] to start a fit from, on centred data with these inputs."""

    @abstractmethod
    def uncentre(self, coordinates: FloatArray, input_centre: FloatArray, log_value_centre: float) -> FloatArray:
        """Coordinates in the table's units, from those fitted on what enters less its means."""

    @abstractmethod
    def parameters(self, coordinates: FloatArray) -> FloatArray:
        """Parameters in their natural units, in the order of `parameter_names`."""

    @abstractmethod
    def coordinates(self, parameters: FloatArray) -> FloatArray:
        """Inverse of `parameters`."""

    def bound_parameters(self, side: int) -> FloatArray:
        """Natural parameters [num_parameters] at the lower (0) or upper (1) bounds of the coordinates, NaN where open.

        For bounds of coordinates that do not hang on how a table is centred, as all but the floor's 0 do.
        """
        bounds = np.array([np.nan if bound[side] is None else bound[side] for bound in self.bounds], dtype=np.float64)
        return self.parameters(bounds)

    def entering(self, inputs: FloatArray) -> FloatArray:
        """What the law is evaluated at, [num_points, num_inputs]; inputs: the same or [num_points]."""
        columns = np.asarray(inputs, dtype=np.float64).reshape(-1, len(self.input_names))
        return np.log(columns) if self.takes_logs else columns

    def predict(self, parameters: FloatArray, inputs: FloatArray) -> FloatArray:
        """Values [..., num_points] of the law with parameters [..., num_parameters], one row a curve.

        inputs: [num_points] or [num_points, num_inputs], in the table's units.
        """
        coordinates = self.coordinates(np.asarray(parameters, dtype=np.float64))
        log_values, _ = self.evaluate(coordinates, self.entering(inputs))
        return np.exp(log_values)
