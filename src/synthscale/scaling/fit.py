"""Robust fit of a scaling law on log residuals.

Huber loss on natural-log residuals, summed over rows, from every start of the law's grid: the objective of Hoffmann et
al. 2022 (approach 3) as Besiroglu et al. 2024 (arXiv 2404.10102) mended it, who found that a mean instead of a sum
stops L-BFGS early. The minimiser is not theirs but a Newton method (see `minimise`), which fits a thousand bootstrap
draws at once. It reached what L-BFGS-B reaches from the same grid in every trial but one of 30 of the law with a floor
at δ = 1e-3, where there are many local optima (its loss was 0.14 % higher). It sees the sum divided by δ, which for a
small δ is nearly the sum of absolute residuals; `Fit.objective` is the undivided sum.

δ is the log residual beyond which a point is an outlier, and a choice. The published 1e-3, the default here, belongs to
training losses, which differ by less than that between seeds. Test errors differ by a tenth, so that at 1e-3 nearly
every run is an outlier, the fit is least absolute deviations, and over a few sizes its optimum need not be unique
(`Fit.flags` says so). Give δ the size of the seeds' spread in log value instead: nearly least squares for ordinary
runs, and still deaf to a failed one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from synthscale.scaling.laws import FloatArray, Law
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

    parameters: natural units by name. delta: δ of the loss. objective: summed Huber loss of the log residuals.
    num_points: rows used. num_sizes: distinct inputs among them. converged: at least two runs from the grid reached
    this objective. flags: what a reader of the parameters must know, e.g. "c at its bound 0".
    """

    law: Law
    parameters: dict[str, float]
    delta: float
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

    inputs: [num_points, num_inputs], as they enter the law, and log_values: [num_points], each of mean 0; the centres
    are their means.
    """

    law: Law
    inputs: FloatArray
    log_values: FloatArray
    input_centre: FloatArray
    value_centre: float
    delta: float

    @classmethod
    def of(cls, law: Law, measurements: Measurements, delta: float) -> "CentredProblem":
        inputs, log_values = law.entering(measurements.inputs), np.log(measurements.values)
        input_centre, value_centre = inputs.mean(axis=0), float(log_values.mean())
        return cls(law, inputs - input_centre, log_values - value_centre, input_centre, value_centre, delta)

    def loss(self, coordinates: FloatArray, weights: FloatArray) -> float:
        """Weighted sum of Huber losses divided by δ of one curve; weights: [num_points]."""
        predicted, _ = self.law.evaluate(coordinates, self.inputs)
        return float(weights @ huber(predicted - self.log_values, self.delta))

    def minimise(
        self, starts: FloatArray, weights: FloatArray, *, from_least_squares: bool = True
    ) -> tuple[FloatArray, FloatArray]:
        """Coordinates [num_curves, num_parameters] and losses [num_curves] (divided by δ) of the minima reached.

        starts: [num_curves, num_parameters]. weights: [num_curves, num_points]. Either may have one row, which then
        serves every curve. from_least_squares: see `minimise_huber`.
        """
        num_curves = max(len(starts), len(weights))
        return minimise_huber(
            lambda coordinates: self.law.evaluate(coordinates, self.inputs),
            self.log_values,
            np.broadcast_to(starts, (num_curves, self.law.num_parameters)),
            np.broadcast_to(weights, (num_curves, len(self.log_values))),
            self.law.bounds,
            self.delta,
            from_least_squares=from_least_squares,
        )

    def is_flat(self, coordinates: FloatArray) -> bool:
        """Whether the loss has no curvature in some direction at a minimum, so that others fit as well.

        Only points within δ of the curve curve the loss; parameters at a bound are not free.
        """
        predicted, jacobian = self.law.evaluate(coordinates, self.inputs)
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

    ValueError where δ or a value is not positive, where the law's inputs are not the table's, and where there are fewer
    distinct sizes than the law has parameters.
    """
    fit, _, _ = fit_with_problem(law, measurements, delta)
    return fit


def fit_with_problem(law: Law, measurements: Measurements, delta: float) -> tuple[Fit, CentredProblem, FloatArray]:
    """The fit, with the centred problem and coordinates from which a bootstrap starts warm."""
    if not delta > 0:
        raise ValueError(f"Huber's delta is {delta:g} and must be positive")
    require_fittable(law, measurements)
    problem = CentredProblem.of(law, measurements, delta)
    weights = np.ones((1, measurements.num_rows))
    coordinates, losses = problem.minimise(law.starts(problem.inputs), weights)
    directly, direct_losses = problem.minimise(law.starts(problem.inputs), weights, from_least_squares=False)
    slack = AGREEMENT_RELATIVE * losses.min() + AGREEMENT_ABSOLUTE * measurements.num_rows
    best = coordinates[int(np.argmin(losses))]
    if direct_losses.min() < losses.min() - slack:
        best = directly[int(np.argmin(direct_losses))]
    reached = np.concatenate([losses, direct_losses])
    fit = Fit(
        law=law,
        parameters=dict(zip(law.parameter_names, map(float, problem.parameters(best)), strict=True)),
        delta=delta,
        objective=problem.loss(best, weights[0]) * delta,
        num_points=measurements.num_rows,
        num_sizes=measurements.num_sizes,
        converged=int(np.sum(reached <= reached.min() + slack)) >= 2,
        flags=_flags(problem, best, measurements.num_sizes),
    )
    return fit, problem, best


def require_fittable(law: Law, measurements: Measurements) -> None:
    """ValueError, in one sentence, where the law cannot be fitted to the measurements."""
    measurements.require_positive_values()
    if law.takes_logs:
        measurements.require_positive_inputs()
    if measurements.inputs.shape[1] != len(law.input_names):
        raise ValueError(f"law {law.name} takes {len(law.input_names)} inputs, not {measurements.inputs.shape[1]}")
    if measurements.num_sizes < law.num_parameters:
        needed = f"law {law.name} has {law.num_parameters} parameters and needs as many distinct sizes"
        raise ValueError(f"{needed}; there are {measurements.num_sizes}")


def _flags(problem: CentredProblem, coordinates: FloatArray, num_sizes: int) -> tuple[str, ...]:
    law, flags = problem.law, []
    for name, value, bounds in zip(law.parameter_names, coordinates, law.bounds, strict=True):
        reached = [bound for bound in bounds if bound is not None and abs(value - bound) < AT_BOUND]
        flags += [f"{name} at its bound {bound:g}" for bound in reached]
    if num_sizes == law.num_parameters:
        flags.append("as many sizes as parameters: nothing is left to check the law")
    if problem.is_flat(coordinates):
        flags.append(f"optimum not unique at δ = {problem.delta:g}: other curves fit as well")
    return tuple(flags)
