"""Loss against parameters and tokens: E + A/N^α + B/D^β.

Source: Hoffmann et al. 2022 (arXiv 2203.15556), approach 3; fitted anew by Besiroglu et al. 2024 (arXiv 2404.10102).
"""

from itertools import product

import numpy as np

from synthscale.scaling.laws.law import FloatArray, Law, exponential, unlogged


class Chinchilla(Law):
    """loss = E + A·N^-α + B·D^-β.

    E: irreducible loss, in the units of the loss, E ≥ 0. A, B: what is lost above it for want of parameters and of
    data, extrapolated to N = 1 and D = 1, in the units of the loss, positive. alpha, beta: their slopes, dimensionless,
    within [0, 10]. Coordinates: (log A, log B, E, alpha, beta).
    """

    name = "chinchilla"
    formula = "y = E + A·N^-α + B·D^-β"
    input_names = ("N", "D")
    parameter_names = ("A", "B", "E", "alpha", "beta")
    bounds = ((None, None), (None, None), (0.0, None), (0.0, 10.0), (0.0, 10.0))
    floor = "E"

    def evaluate(self, coordinates: FloatArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_a, log_b, floor, alpha, beta = (column[..., None] for column in np.moveaxis(coordinates, -1, 0))
        log_parameters, log_tokens = inputs.T
        of_parameters = exponential(log_a - alpha * log_parameters)
        of_tokens = exponential(log_b - beta * log_tokens)
        values = of_parameters + of_tokens
        values += floor
        gradient = np.empty((5, *values.shape))
        share_a, share_b, inverse, by_alpha, by_beta = gradient
        np.divide(1.0, values, out=inverse)
        np.multiply(of_parameters, inverse, out=share_a)
        np.multiply(of_tokens, inverse, out=share_b)
        np.multiply(share_a, -log_parameters, out=by_alpha)
        np.multiply(share_b, -log_tokens, out=by_beta)
        return np.log(values, out=values), np.moveaxis(gradient, 0, -1)

    def starts(self, inputs: FloatArray) -> FloatArray:
        slopes, floors, shares = (0.1, 0.4, 1.0), (0.0, 0.4, 0.8), (0.2, 0.5, 0.8)
        return np.array(
            [
                [np.log((1 - floor) * share), np.log((1 - floor) * (1 - share)), floor, alpha, beta]
                for floor, share, alpha, beta in product(floors, shares, slopes, slopes)
            ]
        )

    def uncentre(self, coordinates: FloatArray, input_centre: FloatArray, log_value_centre: float) -> FloatArray:
        log_a, log_b, floor, alpha, beta = np.moveaxis(coordinates, -1, 0)
        log_a_table = log_a + log_value_centre + alpha * input_centre[0]
        log_b_table = log_b + log_value_centre + beta * input_centre[1]
        return np.stack([log_a_table, log_b_table, floor * np.exp(log_value_centre), alpha, beta], axis=-1)

    def parameters(self, coordinates: FloatArray) -> FloatArray:
        return np.concatenate([unlogged(coordinates[..., :2]), coordinates[..., 2:]], axis=-1)

    def coordinates(self, parameters: FloatArray) -> FloatArray:
        return np.concatenate([np.log(parameters[..., :2]), parameters[..., 2:]], axis=-1)
