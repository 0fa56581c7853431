"""Minimum of a weighted Huber loss of log residuals, for many starts or many weightings at once.

A damped Newton method for robust regression, in the spirit of Madsen and Nielsen 1990 ("Finite algorithms for robust
linear regression", BIT 30): the Hessian counts the points within δ of the curve, the damping that of iteratively
reweighted least squares, whose full step never raises the loss of a linear model. δ is lowered in steps from 1 to its
target, so that every minimisation begins as least squares and its answer does not hang on where it started.

That matters because for a small δ the optimum is often not a point. The gradient then only counts points above and
below the curve, and over four sizes in equal log steps the signs -, +, +, - cancel for every line that keeps the outer
sizes below it and the inner ones above: all such lines are optima, of the table and of every draw of its seeds. A
minimiser that starts a draw at the optimum of the table stays there, and an interval from such draws has width 0. On
the way down from least squares each draw enters the set of optima from its own side.

Least squares is met closely, for where it lies decides the side; the steps after it only until a Newton step has little
left to gain. Each curve lowers its own δ as soon as it may, with the residuals and the gradient that it has, so that
no point of any curve is evaluated twice. Curves are taken so many at a time as the processor's cache holds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthscale.scaling.laws import Bound, FloatArray

#: δ of the first step (nearly least squares for log residuals) and the factor between steps.
FIRST_DELTA, DELTA_STEP = 1.0, 0.1
#: A curve is done with a δ where a Newton step would lower its loss by less than this share: least squares, the steps
#: between, and the last δ; or after so many iterations at a δ between, and at the first or the last.
FIRST_GAIN, APPROACH_GAIN, LEAST_GAIN = 1e-8, 1e-3, 1e-12
NUM_APPROACH_ITERATIONS, NUM_ITERATIONS = 15, 200
#: A loss a point below this is an exact fit, up to rounding.
EXACT = 1e-24
#: Damping, as a share of the Hessian of reweighted least squares: at first, at least, and where a step is given up.
FIRST_DAMPING, LEAST_DAMPING, HOPELESS_DAMPING = 0.1, 1e-10, 1e10
#: Numbers in the gradient of the curves that are moved at once.
CHUNK_NUMBERS = 500_000

#: Log values [num_curves, num_points] and gradient [num_curves, num_points, num_parameters] at coordinates.
Evaluate = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(slots=True)
class _Problem:
    """What is not moved.

    log_values: [num_curves, num_points]. low, high: [num_parameters]. deltas: [num_steps], falling.
    """

    evaluate: Evaluate
    log_values: FloatArray
    low: FloatArray
    high: FloatArray
    deltas: FloatArray

    def at(self, coordinates: FloatArray, rows: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Residuals [num_curves, num_points] and gradient, parameter by parameter, of the curves of these rows."""
        predicted, jacobian = self.evaluate(coordinates)
        return predicted - self.log_values[rows], np.moveaxis(jacobian, -1, 0)


@dataclass(slots=True)
class _Curves:
    """Curves that are being moved. gradient: [num_parameters, num_curves, num_points]; the rest has num_curves rows.

    rows: where each stands in the result. steps: which of the problem's δ it is at. tried: iterations at that δ.
    """

    rows: NDArray[np.int64]
    coordinates: FloatArray
    weights: FloatArray
    residuals: FloatArray
    gradient: FloatArray
    losses: FloatArray
    damping: FloatArray
    steps: NDArray[np.int64]
    tried: NDArray[np.int64]

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "_Curves":
        rest = (getattr(self, name)[which] for name in self.__slots__ if name != "gradient")
        rows, coordinates, weights, residuals, *others = rest
        return _Curves(rows, coordinates, weights, residuals, self.gradient[:, which], *others)


def huber(residuals: FloatArray, delta: float | FloatArray) -> FloatArray:
    """Huber loss divided by δ: r²/2δ within δ, |r| - δ/2 beyond."""
    size = np.abs(residuals)
    within = np.minimum(size, delta)
    size -= 0.5 * within
    size *= within
    size /= delta
    return size


def minimise_huber(
    evaluate: Evaluate,
    log_values: FloatArray,
    starts: FloatArray,
    weights: FloatArray,
    bounds: tuple[Bound, ...],
    delta: float,
    *,
    from_least_squares: bool = True,
) -> tuple[FloatArray, FloatArray]:
    """Coordinates [num_curves, num_parameters] and losses [num_curves] (divided by δ) of a minimum for every row.

    log_values: to be met, [num_curves, num_points], or [num_points] by every curve. starts:
    [num_curves, num_parameters], within bounds. weights: [num_curves, num_points], at least 0. from_least_squares:
    lower δ in steps; otherwise begin at δ itself, which finds other local optima of a law that is not linear.
    """
    low = np.array([-np.inf if bound[0] is None else bound[0] for bound in bounds])
    high = np.array([np.inf if bound[1] is None else bound[1] for bound in bounds])
    num_steps = max(0, int(np.ceil(np.log(delta / FIRST_DELTA) / np.log(DELTA_STEP) - 1e-9)))
    approach = [FIRST_DELTA * DELTA_STEP**step for step in range(num_steps)] if from_least_squares else []
    targets = np.broadcast_to(log_values, weights.shape)
    coordinates, losses = np.array(starts, dtype=np.float64), np.zeros(len(starts))
    num_at_once = max(1, CHUNK_NUMBERS // (weights.shape[1] * len(bounds)))
    for first in range(0, len(starts), num_at_once):
        chunk = slice(first, first + num_at_once)
        problem = _Problem(evaluate, targets[chunk], low, high, np.array([*approach, delta]))
        _minimise(problem, coordinates[chunk], losses[chunk], weights[chunk])
    return coordinates, losses


def _minimise(problem: _Problem, coordinates: FloatArray, losses: FloatArray, weights: FloatArray) -> None:
    """Lower δ and each row's loss; both results in place."""
    curves = _start(problem, coordinates, weights)
    while True:
        direction, done = _lower_deltas(problem, curves)
        if done.any():
            ended = curves.rows[done]
            coordinates[ended], losses[ended] = curves.coordinates[done], curves.losses[done]
            curves, direction = curves.take(~done), direction[~done]
        if not curves.rows.size:
            return
        _move(problem, curves, direction)


def _start(problem: _Problem, coordinates: FloatArray, weights: FloatArray) -> _Curves:
    num_curves = len(coordinates)
    rows = np.arange(num_curves)
    residuals, gradient = problem.at(coordinates, rows)
    losses = np.vecdot(weights, huber(residuals, problem.deltas[0]))
    none, damping = np.zeros(num_curves, dtype=np.int64), np.full(num_curves, FIRST_DAMPING)
    return _Curves(rows, coordinates.copy(), weights, residuals, gradient, losses, damping, none, none.copy())


def _lower_deltas(problem: _Problem, curves: _Curves) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Steps [num_curves, num_parameters], each at the δ that its curve has come to, and which curves are at the end."""
    direction, gains = _direction(problem, curves)
    done = _is_done(problem, curves, gains)
    last = len(problem.deltas) - 1
    lowered = np.flatnonzero(done & (curves.steps < last))
    while lowered.size:
        curves.steps[lowered] = _next_steps(problem, curves.steps[lowered], curves.residuals[lowered])
        curves.tried[lowered], curves.damping[lowered] = 0, FIRST_DAMPING
        some = curves.take(lowered)
        some.losses = np.vecdot(some.weights, huber(some.residuals, problem.deltas[some.steps][:, None]))
        curves.losses[lowered] = some.losses
        direction[lowered], gains = _direction(problem, some)
        done[lowered] = _is_done(problem, some, gains)
        lowered = lowered[done[lowered] & (some.steps < last)]
    return direction, done


def _next_steps(problem: _Problem, steps: NDArray[np.int64], residuals: FloatArray) -> NDArray[np.int64]:
    """The next δ of each curve, past those that no residual exceeds: there the loss is still that of least squares."""
    largest = np.maximum(residuals.max(axis=1), -residuals.min(axis=1))
    num_above = np.searchsorted(-problem.deltas, -largest, side="right")
    following: NDArray[np.int64] = np.maximum(steps + 1, num_above)
    return np.minimum(following, len(problem.deltas) - 1, out=following)


def _is_done(problem: _Problem, curves: _Curves, gains: FloatArray) -> NDArray[np.bool_]:
    """Whether a curve has nothing left to do at its δ. gains: [num_curves], by which a step would lower its loss."""
    is_first, is_last = curves.steps == 0, curves.steps == len(problem.deltas) - 1
    least = np.where(is_last, LEAST_GAIN, np.where(is_first, FIRST_GAIN, APPROACH_GAIN))
    most = np.where(is_first | is_last, NUM_ITERATIONS, NUM_APPROACH_ITERATIONS)
    done: NDArray[np.bool_] = gains <= least * curves.losses + EXACT * curves.weights.sum(axis=1)
    done |= (curves.damping >= HOPELESS_DAMPING) | (curves.tried >= most)
    return done


def _direction(problem: _Problem, curves: _Curves) -> tuple[FloatArray, FloatArray]:
    """Damped Newton step [num_curves, num_parameters] and by how much it would lower the loss [num_curves]."""
    size, deltas = np.abs(curves.residuals), problem.deltas[curves.steps][:, None]
    near = size <= deltas
    pull = np.divide(curves.weights, np.maximum(size, deltas, out=size), out=size)
    gradient = np.vecdot(curves.gradient, curves.residuals * pull).T
    hessian = _weighted_gram(curves.gradient, (near + curves.damping[:, None]) * pull)
    at_low, at_high = curves.coordinates <= problem.low, curves.coordinates >= problem.high
    stuck = (at_low & (gradient >= 0)) | (at_high & (gradient <= 0))
    direction = _solve(hessian, gradient, stuck)
    for _ in range(len(problem.low) - 1):
        # A parameter at its bound may wish to leave it and yet be pushed out of it by the others.
        outward = (at_low & (direction < 0)) | (at_high & (direction > 0))
        if not outward.any():
            break
        stuck |= outward
        direction = _solve(hessian, gradient, stuck)
    # A step that much damping made short is no sign of an optimum.
    return direction, -0.5 * np.vecdot(gradient, direction) * np.maximum(curves.damping, 1.0)


def _weighted_gram(gradient: FloatArray, weights: FloatArray) -> FloatArray:
    """Sums over points of weight times gradient times gradient, [num_curves, num_parameters, num_parameters].

    One scalar product an entry: `matmul` takes two to four times as long over many matrices of so few rows.
    """
    num_parameters, num_curves, _ = gradient.shape
    gram = np.empty((num_curves, num_parameters, num_parameters))
    for i in range(num_parameters):
        products = np.vecdot(gradient[i:], gradient[i] * weights)
        gram[:, i, i:] = gram[:, i:, i] = products.T
    return gram


def _solve(hessian: FloatArray, gradient: FloatArray, stuck: NDArray[np.bool_]) -> FloatArray:
    """Newton step in the parameters that are not stuck; 0 in those that are."""
    reduced = np.where(stuck[:, :, None] | stuck[:, None, :], 0.0, hessian)
    diagonal = np.arange(hessian.shape[1])
    reduced[:, diagonal, diagonal] = np.where(stuck, 1.0, reduced[:, diagonal, diagonal] * (1 + 1e-12) + 1e-30)
    return -np.linalg.solve(reduced, np.where(stuck, 0.0, gradient)[:, :, None])[:, :, 0]


def _step_within(problem: _Problem, coordinates: FloatArray, direction: FloatArray) -> FloatArray:
    """The step, shortened to end at the first bound it meets."""
    low, high = problem.low, problem.high
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(direction < 0, (low - coordinates) / direction, (high - coordinates) / direction)
    room = np.where(direction == 0, np.inf, room)
    share = np.minimum(1.0, room.min(axis=1))[:, None]
    moved = np.where(room <= share, np.where(direction < 0, low, high), coordinates + share * direction)
    return np.clip(moved, low, high)


def _move(problem: _Problem, curves: _Curves, direction: FloatArray) -> None:
    """Take the steps that lower the loss, and adapt the damping; in place."""
    coordinates = _step_within(problem, curves.coordinates, direction)
    residuals, gradient = problem.at(coordinates, curves.rows)
    losses = np.vecdot(curves.weights, huber(residuals, problem.deltas[curves.steps][:, None]))
    better = losses < curves.losses
    curves.damping = np.where(better, np.maximum(curves.damping / 10, LEAST_DAMPING), curves.damping * 5)
    curves.tried += 1
    # Most steps are kept, so the few that are not are what is copied.
    worse = ~better
    coordinates[worse], losses[worse] = curves.coordinates[worse], curves.losses[worse]
    residuals[worse], gradient[:, worse] = curves.residuals[worse], curves.gradient[:, worse]
    curves.coordinates, curves.residuals, curves.gradient, curves.losses = coordinates, residuals, gradient, losses
