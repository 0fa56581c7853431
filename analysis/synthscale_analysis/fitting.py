"""Fits with intervals for tables, where a fit that cannot be had is a note and not a crash.

`synthscale fit` and the report share these lines, so that both print the same numbers for the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from synthscale.scaling import (
    Fit,
    FitBootstrap,
    Interval,
    Judged,
    Law,
    Measurements,
    bootstrap_fit,
    fit_law,
    interval_obstacle,
    judge,
    verdict,
)

FEW_SEEDS = 5


@dataclass(frozen=True, slots=True)
class FittedCurve:
    """A law on one curve: fit, its judgement and bootstrap, or None and a note that says why there is none."""

    law: Law
    measurements: Measurements
    judged: Judged | None
    bootstrap: FitBootstrap | None
    notes: tuple[str, ...]

    @property
    def fit(self) -> Fit | None:
        """The fit, None where there is none."""
        return None if self.judged is None else self.judged.fit

    def interval(self, parameter: str) -> Interval | None:
        """The parameter's interval, None without a bootstrap."""
        return None if self.bootstrap is None else self.bootstrap.interval(parameter)

    @property
    def seeds_per_size(self) -> str:
        """Fewest and most seeds at a size, as "5" or "3-5"."""
        num_seeds = self.measurements.num_seeds()
        fewest, most = int(num_seeds.min()), int(num_seeds.max())
        return str(most) if fewest == most else f"{fewest}-{most}"


def fit_curve(
    law: Law, measurements: Measurements, num_draws: int, seed: int, delta: float, num_held_out: int = 0
) -> FittedCurve:
    """Fit a law with a bootstrap at Huber's δ, and judge it on as many sizes held out; values must be positive."""
    if measurements.num_sizes < law.num_parameters:
        note = f"{law.name} needs {law.num_parameters} sizes, there are {measurements.num_sizes}"
        return FittedCurve(law, measurements, None, None, (note,))
    obstacle = interval_obstacle(law, measurements)
    if obstacle or num_draws < 2:
        fit = fit_law(law, measurements, delta=delta)
        judged = judge(fit, measurements, num_held_out)
        notes = _fit_notes(fit) + ((obstacle,) if obstacle else ())
        return FittedCurve(law, measurements, judged, None, notes + _held_out_notes(judged, num_held_out))
    bootstrap = bootstrap_fit(law, measurements, num_draws=num_draws, seed=seed, delta=delta)
    judged = judge(bootstrap.fit, measurements, num_held_out)
    notes = _fit_notes(bootstrap.fit) + _draw_notes(bootstrap, measurements) + _held_out_notes(judged, num_held_out)
    return FittedCurve(law, measurements, judged, bootstrap, notes)


def verdict_on(curves: Sequence[FittedCurve]) -> str:
    """One sentence on several laws of one curve."""
    judged = [curve.judged for curve in curves if curve.judged is not None]
    if not judged:
        return "no law can be fitted"
    sentence = verdict(judged, {curve.law.name: curve.bootstrap for curve in curves if curve.bootstrap is not None})
    untried = [curve.notes[0] for curve in curves if curve.judged is None]
    return "; ".join([sentence, *untried])


def _fit_notes(fit: Fit) -> tuple[str, ...]:
    return fit.flags if fit.converged else (*fit.flags, "starts disagree: the optimum is uncertain")


def _held_out_notes(judged: Judged, num_held_out: int) -> tuple[str, ...]:
    return (f"too few sizes to hold out {num_held_out}",) if num_held_out and judged.held_out is None else ()


def _draw_notes(bootstrap: FitBootstrap, measurements: Measurements) -> tuple[str, ...]:
    """What the interval leaves out."""
    num_seeds = measurements.num_seeds()
    if bootstrap.resampled == "sizes":
        return ("one seed a size: interval from resampled sizes",)
    if num_seeds.min() == 1:
        return (f"{int((num_seeds == 1).sum())} sizes have one seed: interval too narrow",)
    if num_seeds.min() < FEW_SEEDS:
        return (f"{int(num_seeds.min())} seeds: interval runs narrow",)
    return ()
