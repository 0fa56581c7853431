"""Bootstrap refits of the Chinchilla law, all at once and one by one: how long they take and how low they come.

The table is the 240 runs of `tests/scaling/published/chinchilla.csv`, δ is 1e-3, draws are of whole rows. One by one is
scipy's L-BFGS-B as most notebooks have it, with its default tolerances, on the loss divided by δ (the undivided one
stops early at these tolerances); its gradient is written by hand, or left to finite differences. Both sides start at
the optimum of the whole table and see the same centred logs, weights and bounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from synthscale.scaling import LAWS, Measurements
from synthscale.scaling.fit import HUBER_DELTA, CentredProblem, fit_with_problem
from synthscale.scaling.resample import size_counts
from synthscale_analysis.output import with_progress

TABLE = Path(__file__).resolve().parents[2] / "tests/scaling/published/chinchilla.csv"
LAW = LAWS["chinchilla"]
#: An objective this share above another is no worse: less than the tolerance that either stops at.
NO_WORSE = 1e-9

FloatArray = NDArray[np.float64]
Ends = tuple[FloatArray, FloatArray]  # coordinates [num_draws, num_parameters] and losses [num_draws]
Loss = Callable[[FloatArray], float]
LossAndGradient = Callable[[FloatArray], tuple[float, FloatArray]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many draws each side refits a round, and how many rounds there are."""

    num_draws: int
    num_peer_draws: int
    num_numeric_draws: int
    num_rounds: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Refits of so many draws by one side, in seconds of CPU time, which a neighbour on the core adds little to, and of
    wall time."""

    num_draws: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def milliseconds_a_draw(self) -> float:
        """Of CPU time."""
        return 1e3 * self.cpu_seconds / self.num_draws


@dataclass(frozen=True, slots=True)
class Outcome:
    """Ours beside one peer: the turns of each round, and the ends of the last, on the draws that both refitted.

    share_no_worse: of draws in which our objective is at most theirs. median_excess, largest_excess: of theirs over
    ours, as a share. our_intervals, their_intervals: 2.5 and 97.5 percentiles of the parameters, over those draws.
    """

    peer: str
    ours: list[Turn]
    theirs: list[Turn]
    share_no_worse: float
    median_excess: float
    largest_excess: float
    our_intervals: dict[str, list[float]]
    their_intervals: dict[str, list[float]]

    @property
    def ratios(self) -> list[float]:
        """Their CPU time a draw over ours, round by round."""
        rounds = zip(self.ours, self.theirs, strict=True)
        return [theirs.milliseconds_a_draw / ours.milliseconds_a_draw for ours, theirs in rounds]

    @property
    def wall_ratios(self) -> list[float]:
        """The same of wall time."""
        rounds = zip(self.ours, self.theirs, strict=True)
        return [theirs.wall_seconds / theirs.num_draws * ours.num_draws / ours.wall_seconds for ours, theirs in rounds]


@dataclass(frozen=True, slots=True)
class Refits:
    """What is refitted: the centred table, where each draw starts, and the draws as weights [num_draws, num_rows]."""

    problem: CentredProblem
    start: FloatArray
    counts: FloatArray

    @classmethod
    def drawn(cls, num_draws: int) -> Refits:
        """Draws of the published table, the same every time."""
        runs = pd.read_csv(TABLE)[5:]
        inputs = np.stack([runs["parameters"], runs["flop"] / 6 / runs["parameters"]], axis=1)
        measurements = Measurements.from_columns(inputs, runs["loss"])
        _, problem, start = fit_with_problem(LAW, measurements, HUBER_DELTA)
        counts = size_counts(measurements, num_draws, np.random.default_rng(0), LAW.num_parameters)
        return cls(problem, start, counts)

    def at_once(self) -> Ends:
        """Ours."""
        return self.problem.minimise(self.start[None, :], self.counts)

    def one_by_one(self, num_draws: int, *, analytic: bool) -> Ends:
        """The peer's, of the first so many draws."""
        ends = []
        for draw in with_progress(range(num_draws), "draws one by one"):
            loss, with_gradient = self.losses(self.counts[draw])
            if analytic:
                end = minimize(with_gradient, self.start, jac=True, method="L-BFGS-B", bounds=LAW.bounds)
            else:
                end = minimize(loss, self.start, method="L-BFGS-B", bounds=LAW.bounds)
            ends.append((end.x, float(end.fun)))
        return np.array([at for at, _ in ends]), np.array([loss for _, loss in ends])

    def losses(self, weights: FloatArray) -> tuple[Loss, LossAndGradient]:
        """One draw's loss without and with its gradient, by hand and for this law alone."""
        log_parameters, log_tokens = np.ascontiguousarray(self.problem.inputs.T)
        log_values, delta = self.problem.log_values, self.problem.delta
        weights_by_delta = weights / delta

        def loss(at: FloatArray) -> float:
            log_a, log_b, floor, alpha, beta = at.tolist()
            values = np.exp(log_a - alpha * log_parameters) + np.exp(log_b - beta * log_tokens) + floor
            size = np.abs(np.log(values) - log_values)
            within = np.minimum(size, delta)
            return float(weights_by_delta @ (within * (size - 0.5 * within)))

        def with_gradient(at: FloatArray) -> tuple[float, FloatArray]:
            log_a, log_b, floor, alpha, beta = at.tolist()
            of_parameters, of_tokens = np.exp(log_a - alpha * log_parameters), np.exp(log_b - beta * log_tokens)
            values = of_parameters + of_tokens + floor
            residuals = np.log(values) - log_values
            size = np.abs(residuals)
            within = np.minimum(size, delta)
            slopes = weights_by_delta * np.copysign(within, residuals) / values
            by_a, by_b = slopes * of_parameters, slopes * of_tokens
            gradient = [by_a.sum(), by_b.sum(), slopes.sum(), -(by_a @ log_parameters), -(by_b @ log_tokens)]
            return float(weights_by_delta @ (within * (size - 0.5 * within))), np.array(gradient)

        return loss, with_gradient


def compare(sizes: Sizes) -> list[Outcome]:
    """Ours beside the loop with gradients by hand, and beside that with numerical ones."""
    refits = Refits.drawn(sizes.num_draws)
    return [
        _duel("L-BFGS-B, gradient by hand", refits, sizes.num_peer_draws, sizes.num_rounds, analytic=True),
        _duel("L-BFGS-B, numerical gradient", refits, sizes.num_numeric_draws, sizes.num_rounds, analytic=False),
    ]


def _duel(peer: str, refits: Refits, num_draws: int, num_rounds: int, *, analytic: bool) -> Outcome:
    ours, theirs = [], []
    for _ in range(num_rounds):
        turn, (our_ends, our_losses) = _timed(refits.at_once)
        ours.append(turn)
        turn, (their_ends, their_losses) = _timed(lambda: refits.one_by_one(num_draws, analytic=analytic))
        theirs.append(turn)
    excess = their_losses / our_losses[:num_draws] - 1.0
    return Outcome(
        peer,
        ours,
        theirs,
        share_no_worse=float((excess >= -NO_WORSE).mean()),
        median_excess=float(np.median(excess)),
        largest_excess=float(excess.max()),
        our_intervals=_intervals(refits, our_ends[:num_draws]),
        their_intervals=_intervals(refits, their_ends),
    )


def _timed(work: Callable[[], Ends]) -> tuple[Turn, Ends]:
    cpu, wall = time.process_time(), time.perf_counter()
    ends = work()
    return Turn(len(ends[1]), time.process_time() - cpu, time.perf_counter() - wall), ends


def _intervals(refits: Refits, coordinates: FloatArray) -> dict[str, list[float]]:
    ends = np.quantile(refits.problem.parameters(coordinates), [0.025, 0.975], axis=0).T
    return dict(zip(LAW.parameter_names, ends.tolist(), strict=True))
