"""A power law that bends once, smoothly, into another.

Source: Caballero et al. 2023 (arXiv 2210.14891), the broken neural scaling law with one break.
"""

from itertools import product

import numpy as np

from synthscale.scaling.laws.law import FloatArray, Law, exponential, unlogged

SHARPEST, SMOOTHEST = 0.05, 3.0  # widths of a break, in units of log N


class Broken(Law):
    """y = c + a·N^-b·(1 + (N/d)^(1/f))^(-g·f).

    a: error above the floor extrapolated to N = 1, in the units of err, a > 0. b: slope before the break; b + g: after
    it, both dimensionless, b and g within [-10, 10]. d: the size at the break, d > 0. f: how wide the break is in log
    N, within [0.05, 3]. c: floor, in the units of err, c ≥ 0. Coordinates: (log a, b, g, log d, log f, c).
    """

    name = "broken"
    formula = "y = c + a·N^-b·(1 + (N/d)^(1/f))^(-g·f)"
    input_names = ("N",)
    parameter_names = ("a", "b", "g", "d", "f", "c")
    bounds = (
        (None, None),
        (-10.0, 10.0),
        (-10.0, 10.0),
        (None, None),
        (float(np.log(SHARPEST)), float(np.log(SMOOTHEST))),
        (0.0, None),
    )
    floor = "c"

    def evaluate(self, coordinates: FloatArray, inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
        log_a, b, g, log_d, log_f, c = (column[..., None] for column in np.moveaxis(coordinates, -1, 0))
        log_size, width = inputs[:, 0], np.exp(log_f)
        past = (log_size - log_d) / width
        # log(1 + e^past) and its slope, for any past
        smaller = exponential(-np.abs(past))
        bend = np.maximum(past, 0.0) + np.log1p(smaller)
        is_past = np.where(past > 0, 1.0, smaller) / (1.0 + smaller)
        falling = exponential(log_a - b * log_size - g * width * bend)
        values = falling + c
        inverse = 1.0 / values
        share = falling * inverse
        by_width = -g * width * (bend - past * is_past)
        by_others = (share * part for part in (-log_size, -width * bend, g * is_past, by_width))
        return np.log(values), np.moveaxis(np.stack([share, *by_others, inverse]), 0, -1)

    def starts(self, inputs: FloatArray) -> FloatArray:
        breaks = np.quantile(inputs[:, 0], (0.25, 0.5, 0.75))
        grid = product((0.05, 0.3, 1.0), (-0.6, -0.2, 0.2, 0.6), breaks, (0.0, 0.5))
        # a such that the curve goes through the centre
        return np.array(
            [
                [np.log1p(-c) + g * 0.3 * np.logaddexp(0.0, -log_d / 0.3), b, g, log_d, np.log(0.3), c]
                for b, g, log_d, c in grid
            ]
        )

    def uncentre(self, coordinates: FloatArray, input_centre: FloatArray, log_value_centre: float) -> FloatArray:
        log_a, b, g, log_d, log_f, c = np.moveaxis(coordinates, -1, 0)
        log_a_table = log_a + log_value_centre + b * input_centre[0]
        return np.stack([log_a_table, b, g, log_d + input_centre[0], log_f, c * np.exp(log_value_centre)], axis=-1)

    def parameters(self, coordinates: FloatArray) -> FloatArray:
        log_a, b, g, log_d, log_f, c = np.moveaxis(coordinates, -1, 0)
        return np.stack([unlogged(log_a), b, g, unlogged(log_d), np.exp(log_f), c], axis=-1)

    def coordinates(self, parameters: FloatArray) -> FloatArray:
        a, b, g, d, f, c = np.moveaxis(parameters, -1, 0)
        return np.stack([np.log(a), b, g, np.log(d), np.log(f), c], axis=-1)
