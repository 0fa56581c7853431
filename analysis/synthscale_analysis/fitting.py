"""Fits with intervals for tables, where a fit that cannot be had is a note and not a crash.

`synthscale fit` and the report share these lines, so that both print the same numbers for the same rows.
"""

from dataclasses import dataclass

from synthscale.scaling import (
    Fit,
    FitBootstrap,
    Interval,
    Law,
    Measurements,
    bootstrap_fit,
    fit_law,
    interval_obstacle,
)

FEW_SEEDS = 5


@dataclass(frozen=True, slots=True)
class FittedCurve:
    """A law on one curve: fit and bootstrap, or None and a note that says why there is none."""

    law: Law
    measurements: Measurements
    fit: Fit | None
    bootstrap: FitBootstrap | None
    notes: tuple[str, ...]

    def interval(self, parameter: str) -> Interval | None:
        """The parameter's interval, None without a bootstrap."""
        return None if self.bootstrap is None else self.bootstrap.interval(parameter)

    @property
    def seeds_per_size(self) -> str:
        """Fewest and most seeds at a size, as "5" or "3-5"."""
        num_seeds = self.measurements.num_seeds()
        fewest, most = int(num_seeds.min()), int(num_seeds.max())
        return str(most) if fewest == most else f"{fewest}-{most}"


def fit_curve(law: Law, measurements: Measurements, num_draws: int, seed: int, delta: float) -> FittedCurve:
    """Fit a law with a bootstrap at Huber's δ; values must be positive."""
    if measurements.num_sizes < law.num_parameters:
        note = f"{law.name} needs {law.num_parameters} sizes, there are {measurements.num_sizes}"
        return FittedCurve(law, measurements, None, None, (note,))
    obstacle = interval_obstacle(law, measurements)
    if obstacle or num_draws < 2:
        fit = fit_law(law, measurements, delta=delta)
        return FittedCurve(law, measurements, fit, None, _fit_notes(fit) + ((obstacle,) if obstacle else ()))
    bootstrap = bootstrap_fit(law, measurements, num_draws=num_draws, seed=seed, delta=delta)
    return FittedCurve(
        law, measurements, bootstrap.fit, bootstrap, _fit_notes(bootstrap.fit) + _draw_notes(bootstrap, measurements)
    )


def _fit_notes(fit: Fit) -> tuple[str, ...]:
    return fit.flags if fit.converged else (*fit.flags, "starts disagree: the optimum is uncertain")


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
