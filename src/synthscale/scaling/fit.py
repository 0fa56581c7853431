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

Where values are rates on so many test problems, residuals are divided by how far a row may be expected to lie from its
law, relative to the others (see `binomial`), which a first fit without that tells. δ then is in those units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from synthscale.scaling.binomial import log_variance, relative_scales
from synthscale.scaling.laws import Bound, FloatArray, Law
from synthscale.scaling.measurements import Measurements
from synthscale.scaling.minimise import huber, minimise_huber
from synthscale.scaling.spread import has_seeds, pooled_variance, run_deviations

HUBER_DELTA = 1e-3
#: Starts agree when their objectives, as mean absolute log residuals, differ by less than this.
AGREEMENT_RELATIVE, AGREEMENT_ABSOLUTE = 1e-6, 1e-9
#: A centred coordinate this near its bound is at it.
AT_BOUND = 1e-6
#: A coordinate this near 0 is 0: a slope of -2e-17 is that of values which are all equal.
ROUNDING = 1e-12
#: A point this share beyond δ still counts as within it: optima stand with points at just δ.
NEAR_RELATIVE = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """A law fitted to a table.

    parameters: natural units by name. delta: δ of the loss. objective: summed Huber loss of the log residuals.
    num_points: rows used. num_sizes: distinct inputs among them. converged: at least two runs from the grid reached
    this objective. flags: what a reader of the parameters must know, e.g. "c at its bound 0". scales: [num_points], by
    which residuals were divided, of geometric mean 1.
    """

    law: Law
    parameters: dict[str, float]
    delta: float
    objective: float
    num_points: int
    num_sizes: int
    converged: bool
    flags: tuple[str, ...]
    scales: FloatArray

    def predict(self, inputs: ArrayLike) -> FloatArray:
        """Values of the fitted law at the inputs."""
        parameters = np.array(list(self.parameters.values()))
        return self.law.predict(parameters, np.asarray(inputs, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class CentredProblem:
    """A law and a table in centred logs, where one grid of starts suits every table.

    inputs: [num_points, num_inputs], as they enter the law, and log_values: [num_points], each of mean 0; the centres
    are their means. log_values may be of many tables, [num_curves, num_points]. scales: [num_points], by which
    residuals are divided.
    """

    law: Law
    inputs: FloatArray
    log_values: FloatArray
    input_centre: FloatArray
    value_centre: float
    delta: float
    scales: FloatArray

    @classmethod
    def of(cls, law: Law, measurements: Measurements, delta: float) -> "CentredProblem":
        inputs, log_values = law.entering(measurements.inputs), np.log(measurements.values)
        input_centre, value_centre = inputs.mean(axis=0), float(log_values.mean())
        scales = np.ones(measurements.num_rows)
        return cls(law, inputs - input_centre, log_values - value_centre, input_centre, value_centre, delta, scales)

    def loss(self, coordinates: FloatArray, weights: FloatArray) -> float:
        """Weighted sum of Huber losses divided by δ of one curve; weights: [num_points]."""
        predicted, _ = self.standardised(coordinates)
        return float(weights @ huber(predicted - self.log_values / self.scales, self.delta))

    def standardised(self, coordinates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The law's log values and their gradient, over each point's scale."""
        predicted, jacobian = self.law.evaluate(coordinates, self.inputs)
        if (self.scales == 1.0).all():  # most tables: dividing every gradient takes time
            return predicted, jacobian
        return predicted / self.scales, jacobian / self.scales[:, None]

    def minimise(
        self,
        starts: FloatArray,
        weights: FloatArray,
        *,
        from_least_squares: bool = True,
        bounds: Sequence[Bound] | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Coordinates [num_curves, num_parameters] and losses [num_curves] (divided by δ) of the minima reached.

        starts: [num_curves, num_parameters]. weights: [num_curves, num_points]. Either may have one row, which then
        serves every curve. from_least_squares: see `minimise_huber`. bounds: of coordinates, others than the law's.
        """
        num_curves = max(len(starts), len(weights), len(np.atleast_2d(self.log_values)))
        return minimise_huber(
            self.standardised,
            self.log_values / self.scales,
            np.broadcast_to(starts, (num_curves, self.law.num_parameters)),
            np.broadcast_to(weights, (num_curves, len(self.inputs))),
            self.law.bounds if bounds is None else tuple(bounds),
            self.delta,
            from_least_squares=from_least_squares,
        )

    def without_floor(self) -> FloatArray:
        """Coordinates [num_parameters] of the best curve whose floor is 0, for a law that has one."""
        column = self.law.parameter_names.index(str(self.law.floor))
        bounds, starts = list(self.law.bounds), self.law.starts(self.inputs)
        bounds[column], starts[:, column] = (0.0, 0.0), 0.0
        reached, losses = self.minimise(starts, np.ones((1, len(self.inputs))), bounds=bounds)
        best: FloatArray = reached[int(np.argmin(losses))]
        return best

    def is_flat(self, coordinates: FloatArray) -> bool:
        """Whether the loss has no curvature in some direction at a minimum, so that others fit as well.

        Only points within δ of the curve curve the loss; parameters at a bound are not free.
        """
        predicted, jacobian = self.standardised(coordinates)
        near = np.abs(predicted - self.log_values / self.scales) <= self.delta * (1 + NEAR_RELATIVE)
        low = np.array([-np.inf if bound[0] is None else bound[0] for bound in self.law.bounds])
        high = np.array([np.inf if bound[1] is None else bound[1] for bound in self.law.bounds])
        free = (coordinates > low + AT_BOUND) & (coordinates < high - AT_BOUND)
        return bool(np.linalg.matrix_rank(jacobian[near][:, free]) < free.sum()) if near.any() else bool(free.any())

    def parameters(self, coordinates: FloatArray) -> FloatArray:
        """Natural parameters, in the table's units; those at a bound, or 0 but for rounding, are just that."""
        settled = np.where(np.abs(coordinates) < ROUNDING, 0.0, coordinates)
        for number, bounds in enumerate(self.law.bounds):
            for bound in bounds:
                if bound is not None:
                    is_at = np.abs(settled[..., number] - bound) < AT_BOUND
                    settled[..., number] = np.where(is_at, bound, settled[..., number])
        return self.law.parameters(self.law.uncentre(settled, self.input_centre, self.value_centre))


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
    best, reached = _best_of_starts(problem)
    if measurements.num_test is not None:
        problem = replace(problem, scales=_scales(problem, best, measurements))
        best, reached = _best_of_starts(problem)
    fit = Fit(
        law=law,
        parameters=dict(zip(law.parameter_names, map(float, problem.parameters(best)), strict=True)),
        delta=delta,
        objective=problem.loss(best, np.ones(measurements.num_rows)) * delta,
        num_points=measurements.num_rows,
        num_sizes=measurements.num_sizes,
        converged=int(np.sum(reached <= reached.min() + _slack(reached, measurements.num_rows))) >= 2,
        flags=_flags(problem, best, measurements.num_sizes),
        scales=problem.scales,
    )
    return fit, problem, best


def _best_of_starts(problem: CentredProblem) -> tuple[FloatArray, FloatArray]:
    """Coordinates of the best minimum from the law's grid, and the losses reached from all of it."""
    starts, weights = problem.law.starts(problem.inputs), np.ones((1, len(problem.inputs)))
    coordinates, losses = problem.minimise(starts, weights)
    directly, direct_losses = problem.minimise(starts, weights, from_least_squares=False)
    best = coordinates[int(np.argmin(losses))]
    if direct_losses.min() < losses.min() - _slack(losses, len(problem.inputs)):
        best = directly[int(np.argmin(direct_losses))]
    return best, np.concatenate([losses, direct_losses])


def _slack(losses: FloatArray, num_points: int) -> float:
    return float(AGREEMENT_RELATIVE * losses.min() + AGREEMENT_ABSOLUTE * num_points)


def measured_variance(problem: CentredProblem, coordinates: FloatArray, measurements: Measurements) -> float:
    """Variance of a point of scale 1 about its law: pooled within sizes where there are seeds, else of residuals."""
    if has_seeds(measurements):
        return pooled_variance(run_deviations(problem.log_values, measurements, problem.scales))
    predicted, _ = problem.standardised(coordinates)
    residuals = predicted - problem.log_values / problem.scales
    return float(residuals @ residuals) / max(1, len(residuals) - problem.law.num_parameters)


def binomial_variance(problem: CentredProblem, coordinates: FloatArray, measurements: Measurements) -> FloatArray:
    """Variance [num_points] of log values from the test set, at the curve's rates; 0 where its size is not known."""
    if measurements.num_test is None:
        return np.zeros(measurements.num_rows)
    predicted, _ = problem.law.evaluate(coordinates, problem.inputs)
    return log_variance(np.exp(predicted + problem.value_centre) * measurements.unit, measurements.num_test)


def _scales(problem: CentredProblem, coordinates: FloatArray, measurements: Measurements) -> FloatArray:
    binomial = binomial_variance(problem, coordinates, measurements)
    return relative_scales(binomial, measured_variance(problem, coordinates, measurements))


def require_fittable(law: Law, measurements: Measurements) -> None:
    """ValueError, in one sentence, where the law cannot be fitted to the measurements."""
    measurements.require_positive_values()
    measurements.require_ordinary_numbers()
    if law.takes_logs:
        measurements.require_positive_inputs()
    else:
        measurements.require_shares()
    if measurements.inputs.shape[1] != len(law.input_names):
        raise ValueError(f"law {law.name} takes {len(law.input_names)} inputs, not {measurements.inputs.shape[1]}")
    if measurements.num_sizes < law.num_parameters:
        needed = f"law {law.name} has {law.num_parameters} parameters and needs as many distinct sizes"
        raise ValueError(f"{needed}; there are {measurements.num_sizes}")


def _flags(problem: CentredProblem, coordinates: FloatArray, num_sizes: int) -> tuple[str, ...]:
    law, flags = problem.law, []
    for number, (name, bounds) in enumerate(zip(law.parameter_names, law.bounds, strict=True)):
        for bound in bounds:
            if bound is not None and abs(coordinates[number] - bound) < AT_BOUND:
                at_bound = coordinates.copy()
                at_bound[number] = bound
                flags.append(f"{name} at its bound {problem.parameters(at_bound)[number]:.3g}")
    if num_sizes == law.num_parameters:
        flags.append("as many sizes as parameters: nothing is left to check the law")
    if problem.is_flat(coordinates):
        flags.append(f"optimum not unique at δ = {problem.delta:g}: other curves fit as well")
    return tuple(flags)
