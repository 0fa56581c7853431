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
from scipy.optimize import minimize

from synthscale.scaling.law import FloatArray, Law
from synthscale.scaling.measurements import Measurements

HUBER_DELTA = 1e-3
#: Starts agree when their objectives, as mean absolute log residuals, differ by less than this.
AGREEMENT_RELATIVE, AGREEMENT_ABSOLUTE = 1e-6, 1e-9
#: A centred coordinate this near its bound is at it.
AT_BOUND = 1e-6


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

    def loss(self, coordinates: FloatArray, weights: FloatArray) -> tuple[float, FloatArray]:
        """Weighted sum of Huber losses divided by δ, and its gradient [num_parameters]; weights: [num_points]."""
        predicted, jacobian = self.law.evaluate(coordinates, self.log_inputs)
        residuals = predicted - self.log_values
        size = np.abs(residuals)
        losses = np.where(size <= self.delta, 0.5 * residuals**2 / self.delta, size - 0.5 * self.delta)
        slopes = np.clip(residuals / self.delta, -1.0, 1.0)
        return float(weights @ losses), (weights * slopes) @ jacobian

    def minimise(self, start: FloatArray, weights: FloatArray) -> tuple[FloatArray, float]:
        """Coordinates and loss (divided by δ) of the minimum that L-BFGS-B reaches from the start."""
        result = minimize(
            self.loss,
            start,
            args=(weights,),
            jac=True,
            method="L-BFGS-B",
            bounds=self.law.bounds,
            options={"maxiter": 1000, "maxfun": 5000, "maxcor": 20, "ftol": 1e-14, "gtol": 1e-9},
        )
        return np.asarray(result.x, dtype=np.float64), float(result.fun)

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
    weights = np.ones(measurements.num_rows)
    ends = [problem.minimise(start, weights) for start in law.starts()]
    losses = np.array([loss for _, loss in ends])
    coordinates, best = ends[int(np.argmin(losses))]
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
