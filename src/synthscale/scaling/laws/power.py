"""A power of the size, by itself and above a floor.

Source: Hestness et al. 2017 (arXiv 1712.00409) found losses to fall with a power of the data; Setlur et al. 2024
(arXiv 2406.14532) report err ~ D^-0.15 on GSM8K and D^-0.05 on MATH; the floor is the irreducible error of Hoffmann et
al. 2022 (arXiv 2203.15556).
"""

from itertools import product

import numpy as np

from synthscale.scaling.laws.law import FloatArray, Law, exponential, unlogged


class Power(Law):
    """y = a·N^-b.

    a: error extrapolated to N = 1, in the units of err, a > 0. b: slope, dimensionless, within [-10, 10]; negative
    where the error grows with N (inverse scaling). Coordinates: (log a, b).
    """

    name = "power"
    formula = "y = a·N^-b"
    input_names = ("N",)
    parameter_names = ("a", "b")
    bounds = ((None, None), (-10.0, 10.0))

    def evaluate(self, coordinates: FloatArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_size = inputs[:, 0]
        log_values = coordinates[..., 0, None] - coordinates[..., 1, None] * log_size
        gradient = np.empty((2, *log_values.shape))
        gradient[0], gradient[1] = 1.0, -log_size
        return log_values, np.moveaxis(gradient, 0, -1)

    def starts(self, inputs: FloatArray) -> FloatArray:
        return np.array([[0.0, b] for b in (-0.2, 0.05, 0.2, 0.5, 1.0, 2.0)])

    def uncentre(self, coordinates: FloatArray, input_centre: FloatArray, log_value_centre: float) -> FloatArray:
        log_a, b = coordinates[..., 0], coordinates[..., 1]
        return np.stack([log_a + log_value_centre + b * input_centre[0], b], axis=-1)

    def parameters(self, coordinates: FloatArray) -> FloatArray:
        return np.stack([unlogged(coordinates[..., 0]), coordinates[..., 1]], axis=-1)

    def coordinates(self, parameters: FloatArray) -> FloatArray:
        return np.stack([np.log(parameters[..., 0]), parameters[..., 1]], axis=-1)


class PowerOffset(Law):
    """y = a·N^-b + c.

    a: error above the floor extrapolated to N = 1, in the units of err, a > 0. b: slope of that part, dimensionless,
    within [0, 10]: a negative b with an offset is a second reading of the same points, so it is not offered.
    c: floor that no amount of data removes, in the units of err, c ≥ 0. Coordinates: (log a, b, c).
    """

    name = "power_offset"
    formula = "y = a·N^-b + c"
    input_names = ("N",)
    parameter_names = ("a", "b", "c")
    bounds = ((None, None), (0.0, 10.0), (0.0, None))
    floor = "c"

    def evaluate(self, coordinates: FloatArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_size = inputs[:, 0]
        falling = exponential(coordinates[..., 0, None] - coordinates[..., 1, None] * log_size)
        values = falling + coordinates[..., 2, None]
        inverse = 1.0 / values
        share = falling * inverse
        return np.log(values), np.moveaxis(np.stack([share, share * -log_size, inverse]), 0, -1)

    def starts(self, inputs: FloatArray) -> FloatArray:
        slopes, floors = (0.05, 0.2, 0.5, 1.0, 2.0), (0.0, 0.3, 0.6, 0.9)
        return np.array([[np.log1p(-c), b, c] for b, c in product(slopes, floors)])

    def uncentre(self, coordinates: FloatArray, input_centre: FloatArray, log_value_centre: float) -> FloatArray:
        log_a, b, c = np.moveaxis(coordinates, -1, 0)
        log_a_table = log_a + log_value_centre + b * input_centre[0]
        return np.stack([log_a_table, b, c * np.exp(log_value_centre)], axis=-1)

    def parameters(self, coordinates: FloatArray) -> FloatArray:
        return np.stack([unlogged(coordinates[..., 0]), coordinates[..., 1], coordinates[..., 2]], axis=-1)

    def coordinates(self, parameters: FloatArray) -> FloatArray:
        return np.stack([np.log(parameters[..., 0]), parameters[..., 1], parameters[..., 2]], axis=-1)
