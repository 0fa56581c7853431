"""Which law holds: how probable each makes the table, for its number of parameters, and how it does on larger sizes.

The fit minimises a sum of Huber losses h of log residuals, which is the negative log-likelihood of residuals with the
density exp(-h(r)/s) / Z(s): normal ones within δ, double exponential ones beyond. The scale s is estimated as well, so
that AIC with the small-sample correction (Hurvich and Tsai 1989, Biometrika 76) compares laws at any δ. Differences
below `CLOSE` leave either plausible (Burnham and Anderson 2002, section 2.6, where 4 to 7 begins to tell).

The second measure asks what a law is for: fitted without the largest sizes, how far is it off there? The third, whether
any of them is good enough: where sizes have several seeds, the means lie further from the curve than seeds explain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import fdtrc, log_ndtr

from synthscale.scaling.bootstrap import FitBootstrap
from synthscale.scaling.fit import Fit, fit_law
from synthscale.scaling.laws import FloatArray, Law
from synthscale.scaling.measurements import Measurements
from synthscale.scaling.minimise import huber

CLOSE = 4.0
LEAST_SQUARES = 10.0  # Huber's δ, beyond any log residual
SIGNIFICANT = 0.05
EXACT = 1e-20  # the square of a log residual that is rounding
NEAR_BOUND = 1e-3  # times the estimate
MOST_SPREAD = 100.0  # of an interval, high by low
FAR = 4.0  # times the largest size: beyond it a prediction is an extrapolation


@dataclass(frozen=True, slots=True)
class Judged:
    """One law on one table.

    aicc: in nats times two; infinite with too few rows for it. held_out: mean absolute log error on the sizes held
    out; None where none were, or where the rest is too small to fit. lack_of_fit: a p-value, see there.
    """

    fit: Fit
    aicc: float
    held_out: float | None
    lack_of_fit: float | None


def judge(fit: Fit, measurements: Measurements, num_held_out: int = 0) -> Judged:
    """AICc of a fit to the measurements, and its law's error on the largest sizes, so many, without them."""
    residuals = (np.log(fit.predict(measurements.inputs)) - np.log(measurements.values)) / fit.scales
    held_out = held_out_error(fit.law, measurements, num_held_out, fit.delta) if num_held_out else None
    information = aicc(residuals, fit.delta, fit.law.num_parameters)
    return Judged(fit, information, held_out, lack_of_fit(fit.law, measurements))


def aicc(residuals: FloatArray, delta: float, num_parameters: int) -> float:
    """AIC with its small-sample correction, the scale of the residuals counted as a parameter."""
    num_rows, num_free = len(residuals), num_parameters + 1
    if num_rows <= num_free + 1:
        return float("inf")
    correction = 2 * num_free * (num_free + 1) / (num_rows - num_free - 1)
    return 2 * negative_log_likelihood(residuals, delta) + 2 * num_free + correction


def negative_log_likelihood(residuals: FloatArray, delta: float) -> float:
    """In nats, at the scale that makes the residuals most probable."""
    loss = float(huber(residuals, delta).sum())
    if 2 * delta * loss <= EXACT * len(residuals):
        return -np.inf

    def at(log_scale: float) -> float:
        scale = math.exp(log_scale)
        return loss / scale + len(residuals) * log_normaliser(scale, delta)

    near = np.log(loss / len(residuals))
    return float(minimize_scalar(at, bounds=(near - 10.0, near + 10.0), method="bounded").fun)


def log_normaliser(scale: float, delta: float) -> float:
    """log Z(s), the integral over r of exp(-h(r)/s), where h is the Huber loss divided by δ."""
    width = np.sqrt(delta * scale)  # the standard deviation of the normal part
    inside = 0.5 * np.log(2 * np.pi) + np.log(width) + _log_within(delta / width)
    return float(np.logaddexp(inside, np.log(2 * scale) - delta / (2 * scale)))


def _log_within(bound: float) -> float:
    """Log of the chance that a standard normal number lies within the bound."""
    return float(np.log1p(-2 * np.exp(log_ndtr(-bound))))


def held_out_error(law: Law, measurements: Measurements, num_held_out: int, delta: float) -> float | None:
    """Mean absolute log error on the largest sizes by a fit to the others; None where they are too few for the law.

    ValueError where there are no sizes to order: with more than one input.
    """
    sizes = measurements.sizes()
    if num_held_out >= len(sizes):
        return None
    is_large = measurements.inputs[:, 0] >= sizes[-num_held_out]
    rest = measurements.rows(~is_large)
    if rest.num_sizes < law.num_parameters:
        return None
    fit = fit_law(law, rest, delta=delta)
    predicted = np.log(fit.predict(measurements.inputs[is_large]))
    return float(np.abs(predicted - np.log(measurements.values[is_large])).mean())


def lack_of_fit(law: Law, measurements: Measurements) -> float | None:
    """The chance of means this far from the curve of least squares, were the law true and seeds' log errors normal.

    The F test against pure error (Draper and Smith 1998, section 2.1). None without several seeds at a size, or without
    more sizes than parameters.
    """
    cells = measurements.cells()
    freedom_fit = len(cells) - law.num_parameters
    freedom_pure = measurements.num_rows - len(cells)
    if freedom_fit < 1 or freedom_pure < 1:
        return None
    fit = fit_law(law, measurements, delta=LEAST_SQUARES)
    log_values, weights = np.log(measurements.values), fit.scales**-2
    residuals = (np.log(fit.predict(measurements.inputs)) - log_values) / fit.scales
    pure = sum(_squares_about_mean(log_values[rows], weights[rows]) for rows in cells)
    if pure <= EXACT * measurements.num_rows:
        return None
    ratio = (float((residuals**2).sum()) - pure) / freedom_fit / (pure / freedom_pure)
    return float(fdtrc(freedom_fit, freedom_pure, max(0.0, ratio)))


def _squares_about_mean(values: FloatArray, weights: FloatArray) -> float:
    return float(weights @ (values - np.average(values, weights=weights)) ** 2)


def extrapolation(law: Law, measurements: Measurements, points: FloatArray) -> list[str]:
    """How far points [num_points, num_inputs] lie from the sizes measured: "", "extrapolated" or "far", by point.

    Extrapolated: outside the sizes in any input. Far: beyond `FAR` times the largest, for laws that take logs.
    """
    low, high = measurements.inputs.min(axis=0), measurements.inputs.max(axis=0)
    outside = ((points < low) | (points > high)).any(axis=1)
    far = (points > FAR * high).any(axis=1) & law.takes_logs
    return ["far" if is_far else "extrapolated" if is_out else "" for is_far, is_out in zip(far, outside, strict=True)]


def unidentified(bootstrap: FitBootstrap) -> dict[str, str]:
    """Why the table does not tell a parameter, by its name: an interval to a bound, or over powers of ten."""
    fit, law = bootstrap.fit, bootstrap.fit.law
    ends = {name: bootstrap.interval(name) for name in law.parameter_names}
    at_low, at_high = (
        dict(zip(law.parameter_names, law.bound_parameters(side).tolist(), strict=True)) for side in (0, 1)
    )
    reasons = {}
    for name, interval in ends.items():
        slack = NEAR_BOUND * abs(fit.parameters[name])
        reached = [bound for bound in (at_low[name], at_high[name]) if not np.isnan(bound)]
        reached = [bound for bound in reached if interval.low - slack <= bound <= interval.high + slack]
        if reached:
            reasons[name] = f"its interval reaches {' and '.join(digits(bound) for bound in reached)}"
        elif interval.low > 0 and interval.high > MOST_SPREAD * interval.low:
            reasons[name] = f"its interval spans a factor of more than {digits(MOST_SPREAD)}"
    return reasons


def best_of(judged: Sequence[Judged]) -> Judged:
    """The lowest AICc; among those within `CLOSE` of it, the law of the fewest parameters."""
    lowest = min(one.aicc for one in judged)
    close = [one for one in judged if one.aicc <= lowest + CLOSE]
    return min(close, key=lambda one: (one.fit.law.num_parameters, one.aicc))


def verdict(judged: Sequence[Judged], bootstraps: dict[str, FitBootstrap]) -> str:
    """What a reader should take away, in one sentence or two; bootstraps by law.

    It compares these laws with each other; that even the best does not hold is said where seeds can tell.
    """
    if min(one.aicc for one in judged) == np.inf:
        return "too few rows to tell which law holds"
    best = best_of(judged)
    told = _Told(best.fit, bootstraps.get(best.fit.law.name))
    others = [one.fit.law.name for one in judged if one is not best and one.aicc <= best.aicc + CLOSE]
    if best.lack_of_fit is None or best.lack_of_fit >= SIGNIFICANT:
        beside = f"; {' and '.join(others)} fit{'s' * (len(others) == 1)} about as well" if others else ""
        return told.as_holding() + beside
    beside = f"; {' and '.join(others)} {'is' if len(others) == 1 else 'are'} about as near" if others else ""
    chance = f"lack of fit, p = {best.lack_of_fit:.2g}"
    return f"none of these laws holds ({chance}); the nearest is {told.as_nearest()}{beside}"


@dataclass(frozen=True, slots=True)
class _Told:
    """What the best law says: with numbers, and intervals where there is a bootstrap."""

    fit: Fit
    bootstrap: FitBootstrap | None

    def as_holding(self) -> str:
        """A sentence, of a law that holds as far as can be told."""
        name = self.fit.law.name
        if name == "power":
            if self._is_flat():
                return f"no trend can be told: the exponent is {self._number('b')}"
            return f"a power law fits; exponent {self._number('b')}"
        if name == "power_offset":
            if self._has_unidentified():
                sentence = "a power law above a floor fits, but c is not identified: its interval reaches 0"
                return f"{sentence}; exponent {self._number('b')}"
            return f"a power law above a floor fits; exponent {self._number('b')}, floor {self._number('c')}"
        if name == "broken":
            return f"a single power law does not hold: it bends at x ≈ {self._number('d')}, {self._exponents()}"
        return f"{name} fits: {self._all_numbers()}"

    def as_nearest(self) -> str:
        """A noun with what belongs to it, of a law that does not hold."""
        name = self.fit.law.name
        if name == "power":
            flat = "; no trend can be told" if self._is_flat() else ""
            return f"a power law, exponent {self._number('b')}{flat}"
        if name == "power_offset":
            unknown = "; c is not identified: its interval reaches 0" if self._has_unidentified() else ""
            floor = "" if unknown else f", floor {self._number('c')}"
            return f"a power law above a floor, exponent {self._number('b')}{floor}{unknown}"
        if name == "broken":
            return f"a power law with a bend at x ≈ {self._number('d')}, {self._exponents()}"
        return f"{name}, {self._all_numbers()}"

    def _number(self, parameter: str) -> str:
        estimate = digits(self.fit.parameters[parameter])
        if self.bootstrap is None:
            return estimate
        interval = self.bootstrap.interval(parameter)
        return f"{estimate} [{digits(interval.low)}, {digits(interval.high)}]"

    def _all_numbers(self) -> str:
        return ", ".join(f"{parameter} {self._number(parameter)}" for parameter in self.fit.parameters)

    def _exponents(self) -> str:
        return f"from exponent {self._number('b')} to {self.fit.parameters['b'] + self.fit.parameters['g']:.3g}"

    def _is_flat(self) -> bool:
        return self.bootstrap is not None and self.bootstrap.interval("b").low <= 0 <= self.bootstrap.interval("b").high

    def _has_unidentified(self) -> bool:
        return self.bootstrap is not None and self.fit.law.floor in unidentified(self.bootstrap)


def digits(number: float) -> str:
    """Three digits, without an exponent up to a million: 0.31, 12.3, 1,230."""
    rounded = float(f"{number:.3g}")
    return f"{rounded:,.0f}" if 1000 <= abs(rounded) < 1e6 else f"{rounded:.3g}"
