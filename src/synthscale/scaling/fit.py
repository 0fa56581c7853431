"""Robust fit of a scaling law on log residuals.

Huber loss with δ = 1e-3 on natural-log residuals, summed, minimised by L-BFGS-B from every start of the law's grid:
the protocol of Hoffmann et al. 2022 (approach 3) as Besiroglu et al. 2024 (arXiv 2404.10102) mended it, who found that
a mean instead of a sum stops L-BFGS early. For the same reason the minimiser sees the sum divided by δ, which is nearly
the sum of absolute residuals and of order 1; `Fit.objective` is the undivided sum.

With such a δ the loss has kinks at which L-BFGS-B's line search gives up although it stands on the optimum, so its own
success flag means little. `Fit.converged` says instead that at least two starts ended at the best objective.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from synthscale.scaling.law import FloatArray, Law
from synthscale.scaling.measurements import Measurements
from synthscale.scaling.minimise import huber, minimise_huber

HUBER_DELTA = 1e-3
#: Starts agree when their objectives, as mean absolute log residuals, differ by less than this.
AGREEMENT_RELATIVE, AGREEMENT_ABSOLUTE = 1e-6, 1e-9
#: A centred coordinate this near its bound is at it.
AT_BOUND = 1e-6
#: A point this share beyond δ still counts as within it: optima stand with points at just δ.
NEAR_RELATIVE = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """A law fitted to a table.

    parameters: natural units by name. objective: summed Huber loss of the log residuals, at the fit's δ.
    num_points: rows used. num_sizes: distinct inputs among them. converged: at least two starts of the grid reached
    this objective. flags: what a reader of the parameters must know, e.g. "c at its bound 0".
    """

    law: Law
    parameters: dict[str, float]
    objective: float
    num_points: int
    num_sizes: int
    converged: bool
    flags: tuple[str, ...]

    def predict(self, inputs: ArrayLike) -> FloatArray:
        """Values of the fitted law at the inputs."""
        parameters = np.array(list(self.parameters.values()))
        return self.law.predict(parameters, np.asarray(inputs, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class CentredProblem:
    """A law and a table in centred logs, where one grid of starts suits every table.

    log_inputs: [num_points, num_inputs] and log_values: [num_points], each of mean 0; the centres are their means.
    """

    law: Law
    log_inputs: FloatArray
    log_values: FloatArray
    input_centre: FloatArray
    value_centre: float
    delta: float

    @classmethod
    def of(cls, law: Law, measurements: Measurements, delta: float) -> "CentredProblem":
        log_inputs, log_values = np.log(measurements.inputs), np.log(measurements.values)
        input_centre, value_centre = log_inputs.mean(axis=0), float(log_values.mean())
        return cls(law, log_inputs - input_centre, log_values - value_centre, input_centre, value_centre, delta)

    def loss(self, coordinates: FloatArray, weights: FloatArray) -> float:
        """Weighted sum of Huber losses divided by δ of one curve; weights: [num_points]."""
        predicted, _ = self.law.evaluate(coordinates, self.log_inputs)
        return float(weights @ huber(predicted - self.log_values, self.delta))

    def minimise(self, starts: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coordinates [num_curves, num_parameters] and losses [num_curves] (divided by δ) of the minima reached.

        starts: [num_curves, num_parameters]. weights: [num_curves, num_points]. Either may have one row, which then
        serves every curve.
        """
        num_curves = max(len(starts), len(weights))
        return minimise_huber(
            lambda coordinates: self.law.evaluate(coordinates, self.log_inputs),
            self.log_values,
            np.broadcast_to(starts, (num_curves, self.law.num_parameters)),
            np.broadcast_to(weights, (num_curves, len(self.log_values))),
            self.law.bounds,
            self.delta,
        )

    def is_flat(self, coordinates: FloatArray) -> bool:
        """Whether the loss has no curvature in some direction at a minimum, so that others fit as well.

        Only points within δ of the curve curve the loss; parameters at a bound are not free.
        """
        predicted, jacobian = self.law.evaluate(coordinates, self.log_inputs)
        near = np.abs(predicted - self.log_values) <= self.delta * (1 + NEAR_RELATIVE)
        low = np.array([-np.inf if bound[0] is None else bound[0] for bound in self.law.bounds])
        high = np.array([np.inf if bound[1] is None else bound[1] for bound in self.law.bounds])
        free = (coordinates > low + AT_BOUND) & (coordinates < high - AT_BOUND)
        return bool(np.linalg.matrix_rank(jacobian[near][:, free]) < free.sum()) if near.any() else bool(free.any())

    def parameters(self, coordinates: FloatArray) -> FloatArray:
        """Natural parameters, in the table's units."""
        return self.law.parameters(self.law.uncentre(coordinates, self.input_centre, self.value_centre))


def fit_law(law: Law, measurements: Measurements, *, delta: float = HUBER_DELTA) -> Fit:
    """Fit the law to the measurements.

    ValueError where a value is not positive, where the law's inputs are not the table's, and where there are fewer
    distinct sizes than the law has parameters.
    """
    fit, _, _ = fit_with_problem(law, measurements, delta)
    return fit


def fit_with_problem(law: Law, measurements: Measurements, delta: float) -> tuple[Fit, CentredProblem, FloatArray]:
    """The fit, with the centred problem and coordinates from which a bootstrap starts warm."""
    require_fittable(law, measurements)
    problem = CentredProblem.of(law, measurements, delta)
    weights = np.ones((1, measurements.num_rows))
    ends, losses = problem.minimise(law.starts(), weights)
    coordinates, best = ends[int(np.argmin(losses))], float(losses.min())
    slack = AGREEMENT_RELATIVE * best + AGREEMENT_ABSOLUTE * measurements.num_rows
    fit = Fit(
        law=law,
        parameters=dict(zip(law.parameter_names, map(float, problem.parameters(coordinates)), strict=True)),
        objective=best * delta,
        num_points=measurements.num_rows,
        num_sizes=measurements.num_sizes,
        converged=int(np.sum(losses <= best + slack)) >= 2,
        flags=_flags(law, coordinates, measurements.num_sizes),
    )
    return fit, problem, coordinates


def require_fittable(law: Law, measurements: Measurements) -> None:
    """ValueError, in one sentence, where the law cannot be fitted to the measurements."""
    measurements.require_positive_values()
    if measurements.inputs.shape[1] != len(law.input_names):
        raise ValueError(f"law {law.name} takes {len(law.input_names)} inputs, not {measurements.inputs.shape[1]}")
    if measurements.num_sizes < law.num_parameters:
        needed = f"law {law.name} has {law.num_parameters} parameters and needs as many distinct sizes"
        raise ValueError(f"{needed}; there are {measurements.num_sizes}")


def _flags(law: Law, coordinates: FloatArray, num_sizes: int) -> tuple[str, ...]:
    flags = []
    for name, value, bounds in zip(law.parameter_names, coordinates, law.bounds, strict=True):
        reached = [bound for bound in bounds if bound is not None and abs(value - bound) < AT_BOUND]
        flags += [f"{name} at its bound {bound:g}" for bound in reached]
    if num_sizes == law.num_parameters:
        flags.append("as many sizes as parameters: nothing is left to check the law")
    return tuple(flags)
