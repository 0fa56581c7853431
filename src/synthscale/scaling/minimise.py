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
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthscale.scaling.laws import Bound, FloatArray

#: δ of the first step (nearly least squares for log residuals) and the factor between steps.
FIRST_DELTA, DELTA_STEP = 1.0, 10**-0.5
#: Iterations of each step before the last, and of the last.
NUM_APPROACH_ITERATIONS, NUM_ITERATIONS = 15, 200
#: Damping, as a share of the Hessian of reweighted least squares: at first, at least, and where a step is given up.
FIRST_DAMPING, LEAST_DAMPING, HOPELESS_DAMPING = 1e-2, 1e-10, 1e10
#: Accepted steps that lower the loss by less than this share are no progress; so many in a row end a minimisation.
LEAST_DECREASE, NUM_IDLE_STEPS = 1e-13, 4

#: Log values [num_curves, num_points] and gradient [num_curves, num_points, num_parameters] at coordinates.
Evaluate = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(slots=True)
class _State:
    """Curves that are being moved; everything has num_curves rows."""

    coordinates: FloatArray
    weights: FloatArray
    residuals: FloatArray
    jacobian: FloatArray
    losses: FloatArray
    damping: FloatArray
    idle: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> "_State":
        return _State(*(getattr(self, name)[rows] for name in self.__slots__))


def huber(residuals: FloatArray, delta: float) -> FloatArray:
    """Huber loss divided by δ: r²/2δ within δ, |r| - δ/2 beyond."""
    size = np.abs(residuals)
    return np.where(size <= delta, 0.5 * residuals**2 / delta, size - 0.5 * delta)


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

    log_values: [num_points], to be met. starts: [num_curves, num_parameters], within bounds. weights:
    [num_curves, num_points], at least 0. from_least_squares: lower δ in steps; otherwise begin at δ itself, which finds
    other local optima of a law that is not linear.
    """
    low = np.array([-np.inf if bound[0] is None else bound[0] for bound in bounds])
    high = np.array([np.inf if bound[1] is None else bound[1] for bound in bounds])
    num_steps = max(0, int(np.ceil(np.log(delta / FIRST_DELTA) / np.log(DELTA_STEP) - 1e-9)))
    approach = [FIRST_DELTA * DELTA_STEP**step for step in range(num_steps)] if from_least_squares else []
    coordinates, losses = np.array(starts, dtype=np.float64), np.zeros(len(starts))
    for step_delta in (*approach, delta):
        num_iterations = NUM_ITERATIONS if step_delta == delta else NUM_APPROACH_ITERATIONS
        losses = _minimise(evaluate, log_values, coordinates, weights, (low, high), step_delta, num_iterations)
    return coordinates, losses


def _minimise(
    evaluate: Evaluate,
    log_values: FloatArray,
    coordinates: FloatArray,
    weights: FloatArray,
    box: tuple[FloatArray, FloatArray],
    delta: float,
    num_iterations: int,
) -> FloatArray:
    """Lower every row's loss at one δ, in place; the losses."""
    state = _state_at(evaluate, log_values, coordinates, weights, delta)
    losses, moving = state.losses.copy(), np.arange(len(coordinates))
    for _ in range(num_iterations):
        direction, flat = _direction(state, box, delta)
        keep = ~flat & (state.damping < HOPELESS_DAMPING) & (state.idle < NUM_IDLE_STEPS)
        moving, state, direction = moving[keep], state.take(keep), direction[keep]
        if not moving.size:
            break
        moved = _state_at(evaluate, log_values, _step_within(state.coordinates, direction, box), state.weights, delta)
        _accept(state, moved)
        coordinates[moving], losses[moving] = state.coordinates, state.losses
    return losses


def _state_at(
    evaluate: Evaluate, log_values: FloatArray, coordinates: FloatArray, weights: FloatArray, delta: float
) -> _State:
    predicted, jacobian = evaluate(coordinates)
    residuals = predicted - log_values
    losses = (weights * huber(residuals, delta)).sum(axis=1)
    num_curves = len(coordinates)
    damping, idle = np.full(num_curves, FIRST_DAMPING), np.zeros(num_curves, dtype=np.int64)
    return _State(coordinates.copy(), weights, residuals, jacobian, losses, damping, idle)


def _direction(state: _State, box: tuple[FloatArray, FloatArray], delta: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Damped Newton step [num_curves, num_parameters], and where the gradient within bounds is 0."""
    size, transposed = np.abs(state.residuals), state.jacobian.swapaxes(1, 2)
    slopes = state.weights * np.clip(state.residuals / delta, -1.0, 1.0)
    gradient = (transposed @ slopes[:, :, None])[:, :, 0]
    at_low, at_high = state.coordinates <= box[0], state.coordinates >= box[1]
    stuck = (at_low & (gradient >= 0)) | (at_high & (gradient <= 0))
    flat = np.abs(np.where(stuck, 0.0, gradient)).max(axis=1) <= 1e-12 * state.weights.sum(axis=1)
    curvature = np.where(size <= delta, 1.0 / delta, 0.0) + state.damping[:, None] / np.maximum(size, delta)
    hessian = (transposed * (state.weights * curvature)[:, None, :]) @ state.jacobian
    direction = _solve(hessian, gradient, stuck)
    for _ in range(len(box[0]) - 1):
        # A parameter at its bound may wish to leave it and yet be pushed out of it by the others.
        outward = (at_low & (direction < 0)) | (at_high & (direction > 0))
        if not outward.any():
            break
        stuck |= outward
        direction = _solve(hessian, gradient, stuck)
    return direction, flat


def _solve(hessian: FloatArray, gradient: FloatArray, stuck: NDArray[np.bool_]) -> FloatArray:
    """Newton step in the parameters that are not stuck; 0 in those that are."""
    reduced = np.where(stuck[:, :, None] | stuck[:, None, :], 0.0, hessian)
    diagonal = np.arange(hessian.shape[1])
    reduced[:, diagonal, diagonal] = np.where(stuck, 1.0, reduced[:, diagonal, diagonal] * (1 + 1e-12) + 1e-30)
    return -np.linalg.solve(reduced, np.where(stuck, 0.0, gradient)[:, :, None])[:, :, 0]


def _step_within(coordinates: FloatArray, direction: FloatArray, box: tuple[FloatArray, FloatArray]) -> FloatArray:
    """The step, shortened to end at the first bound it meets."""
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(direction < 0, (box[0] - coordinates) / direction, (box[1] - coordinates) / direction)
    room = np.where(direction == 0, np.inf, room)
    share = np.minimum(1.0, room.min(axis=1))[:, None]
    moved = np.where(room <= share, np.where(direction < 0, box[0], box[1]), coordinates + share * direction)
    return np.clip(moved, *box)


def _accept(state: _State, moved: _State) -> None:
    """Keep the steps that lower the loss, and adapt the damping; in place."""
    better = moved.losses < state.losses
    idle = moved.losses >= state.losses * (1.0 - LEAST_DECREASE)
    state.idle = np.where(better & idle, state.idle + 1, np.where(better, 0, state.idle))
    state.damping = np.where(better, np.maximum(state.damping / 10, LEAST_DAMPING), state.damping * 5)
    for name in ("coordinates", "residuals", "jacobian", "losses"):
        getattr(state, name)[better] = getattr(moved, name)[better]
