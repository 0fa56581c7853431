"""Loss against parameters and tokens: E + A/N^α + B/D^β.

Source: Hoffmann et al. 2022 (arXiv 2203.15556), approach 3; fitted anew by Besiroglu et al. 2024 (arXiv 2404.10102).
"""

from itertools import product

import numpy as np

from synthscale.scaling.laws.law import FloatArray, Law


class Chinchilla(Law):
    """loss = E + A·N^-α + B·D^-β.

    E: irreducible loss, in the units of the loss, E ≥ 0. A, B: what is lost above it for want of parameters and of
    data, extrapolated to N = 1 and D = 1, in the units of the loss, positive. alpha, beta: their slopes, dimensionless,
    within [0, 10]. Coordinates: (log A, log B, E, alpha, beta).
    """

    name = "chinchilla"
    formula = "loss = E + A·N^-α + B·D^-β"
    input_names = ("N", "D")
    parameter_names = ("A", "B", "E", "alpha", "beta")
    bounds = ((None, None), (None, None), (0.0, None), (0.0, 10.0), (0.0, 10.0))

    def evaluate(self, coordinates: FloatArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_a, log_b, floor, alpha, beta = (column[..., None] for column in np.moveaxis(coordinates, -1, 0))
        log_parameters, log_tokens = inputs.T
        of_parameters, of_tokens = log_a - alpha * log_parameters, log_b - beta * log_tokens
        with np.errstate(divide="ignore"):
            log_values = np.logaddexp(np.logaddexp(of_parameters, of_tokens), np.log(floor))
        share_a, share_b = np.exp(of_parameters - log_values), np.exp(of_tokens - log_values)
        # a line search may try values that no table holds; their inverse must stay a number
        inverse = np.exp(np.minimum(-log_values, 700.0))
        gradient = (share_a, share_b, inverse, -share_a * log_parameters, -share_b * log_tokens)
        return log_values, np.stack(gradient, axis=-1)

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
        return np.concatenate([np.exp(coordinates[..., :2]), coordinates[..., 2:]], axis=-1)

    def coordinates(self, parameters: FloatArray) -> FloatArray:
        return np.concatenate([np.log(parameters[..., :2]), parameters[..., 2:]], axis=-1)
