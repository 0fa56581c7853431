"""Error against a share of the training data.

Source: Ye et al. 2024 (arXiv 2403.16952), the data mixing law of one share.
"""

from itertools import product

import numpy as np

from synthscale.scaling.laws.law import FloatArray, Law, exponential


class Mixture(Law):
    """y = c + exp(k·f + b).

    k: rate at which the log of the error above the floor changes with the share f, dimensionless, within [-100, 100].
    b: that log at f = 0. c: floor, in the units of err, c ≥ 0. f lies within [0, 1]. Coordinates: (b, k, c).
    """

    name = "mixture"
    formula = "y = c + exp(k·f + b)"
    input_names = ("f",)
    parameter_names = ("b", "k", "c")
    bounds = ((None, None), (-100.0, 100.0), (0.0, None))
    takes_logs = False
    floor = "c"

    def evaluate(self, coordinates: FloatArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        b, k, c = (column[..., None] for column in np.moveaxis(coordinates, -1, 0))
        share = inputs[:, 0]
        above = exponential(b + k * share)
        values = above + c
        inverse = 1.0 / values
        part = above * inverse
        return np.log(values), np.moveaxis(np.stack([part, part * share, inverse]), 0, -1)

    def starts(self, inputs: FloatArray) -> FloatArray:
        return np.array([[np.log1p(-c), k, c] for k, c in product((-5.0, -1.0, -0.2, 0.2, 1.0, 5.0), (0.0, 0.4, 0.8))])

    def uncentre(self, coordinates: FloatArray, input_centre: FloatArray, log_value_centre: float) -> FloatArray:
        b, k, c = np.moveaxis(coordinates, -1, 0)
        return np.stack([b + log_value_centre - k * input_centre[0], k, c * np.exp(log_value_centre)], axis=-1)

    def parameters(self, coordinates: FloatArray) -> FloatArray:
        return coordinates

    def coordinates(self, parameters: FloatArray) -> FloatArray:
        return parameters
