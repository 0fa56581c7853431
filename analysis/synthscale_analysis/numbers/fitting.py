"""Fits with intervals for tables, where a fit that cannot be had is a note and not a crash.

`synthscale fit` and the report share these lines, so that both print the same numbers for the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from synthscale.scaling import (
    Band,
    Fit,
    FitBootstrap,
    Interval,
    IntervalKind,
    Judged,
    Law,
    Measurements,
    at_chance,
    bootstrap_fit,
    fit_law,
    interval_obstacle,
    judge,
    unidentified,
    verdict,
)
from synthscale.scaling.laws import FloatArray

#: Below these an interval is called rough. Of 200 draws, 5 lie beyond an end of it; sizes drawn with replacement were
#: tried with 12 or more (`synthscale.scaling.resample`); a jackknife of fewer units hardly tells a skew.
FEW_DRAWS, FEW_SIZES, FEW_UNITS = 200, 12, 5


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

    def predict(self, inputs: ArrayLike) -> FloatArray:
        """Values of the law in the table's units, which are not those of its parameters where there is a chance level.

        ValueError without a fit.
        """
        if self.fit is None:
            raise ValueError(f"law {self.law.name} was not fitted: {'; '.join(self.notes)}")
        return self.fit.predict(inputs) * self.measurements.unit

    def band(self, inputs: ArrayLike) -> Band | None:
        """Pointwise band of the law in the table's units, None without a bootstrap."""
        if self.bootstrap is None:
            return None
        band, unit = self.bootstrap.band(inputs), self.measurements.unit
        return Band(band.inputs, band.low * unit, band.high * unit)

    @property
    def seeds_per_size(self) -> str:
        """Fewest and most seeds at a size, as "5" or "3-5"."""
        num_seeds = self.measurements.num_seeds()
        fewest, most = int(num_seeds.min()), int(num_seeds.max())
        return str(most) if fewest == most else f"{fewest}-{most}"


def fit_curve(
    law: Law,
    measurements: Measurements,
    num_draws: int,
    seed: int,
    delta: float,
    num_held_out: int = 0,
    *,
    kind: IntervalKind = IntervalKind.PERCENTILE,
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
        return FittedCurve(law, measurements, judged, None, notes + _table_notes(measurements, judged, num_held_out))
    bootstrap = bootstrap_fit(law, measurements, num_draws=num_draws, seed=seed, delta=delta, kind=kind)
    judged = judge(bootstrap.fit, measurements, num_held_out)
    notes = _fit_notes(bootstrap.fit) + _draw_notes(bootstrap, measurements)
    return FittedCurve(law, measurements, judged, bootstrap, notes + _table_notes(measurements, judged, num_held_out))


def shared_notes(fits: Sequence[FittedCurve]) -> tuple[str, ...]:
    """Notes that all fits of a table have, which it then says once; none of a single fit, whose row has the room."""
    noted = [fitted.notes for fitted in fits if fitted.fit is not None]
    return tuple(note for note in noted[0] if all(note in notes for notes in noted)) if len(noted) > 1 else ()


def own_notes(fitted: FittedCurve, shared: Sequence[str]) -> str:
    """A row's notes, each once and without the table's own."""
    return "; ".join(note for note in dict.fromkeys(fitted.notes) if note not in shared)


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


def _table_notes(measurements: Measurements, judged: Judged, num_held_out: int) -> tuple[str, ...]:
    """What the table does not support."""
    notes = []
    if num_held_out and judged.held_out is None:
        notes.append(f"too few sizes to hold out {num_held_out}")
    if measurements.unit < 1 and (guessing := at_chance(measurements)):
        told = "1 row is" if guessing == 1 else f"{guessing} rows are"
        notes.append(f"{told} no better than guessing: a law says nothing of them")
    return tuple(notes)


def _unidentified_notes(bootstrap: FitBootstrap) -> list[str]:
    """One note, or none, as "not identified: a, d (interval reaches 10), c (interval reaches 0)"."""
    names: dict[str, list[str]] = {}
    for name, reason in unidentified(bootstrap).items():
        names.setdefault(reason.removeprefix("its "), []).append(name)
    told = [f"{', '.join(alike)} ({reason})" for reason, alike in names.items()]
    return [f"not identified: {', '.join(told)}"] if told else []


def _rough_notes(bootstrap: FitBootstrap, measurements: Measurements) -> list[str]:
    """Where the draws, or what they are drawn from, are too few to take an interval at its word."""
    num_draws = len(bootstrap.draws)
    notes = [f"{num_draws} draws: interval is rough"] if num_draws < FEW_DRAWS else []
    if bootstrap.kind is IntervalKind.BCA:
        from_sizes = bootstrap.resampled == "sizes"
        num_units = measurements.num_sizes if from_sizes else int(measurements.num_seeds().max())
        if num_units < FEW_UNITS:
            units = "sizes" if from_sizes else "seeds a size"
            notes.append(f"BCa from {num_units} {units}: rough, too few to correct for skew")
    return notes


def _draw_notes(bootstrap: FitBootstrap, measurements: Measurements) -> tuple[str, ...]:
    """Where the interval comes from, if not from the seeds of every size, and what it does not tell."""
    num_single = int((measurements.num_seeds() == 1).sum())
    notes = [*_unidentified_notes(bootstrap), *_rough_notes(bootstrap, measurements)]
    if bootstrap.resampled == "sizes":
        few = "one seed a size" if num_single == measurements.num_sizes else "most sizes have one seed"
        rough = ", rough from so few" if measurements.num_sizes < FEW_SIZES else ""
        return (*notes, f"{few}: interval from {measurements.num_sizes} resampled sizes{rough}")
    if num_single:
        borrow = (
            "1 size has one seed and borrows" if num_single == 1 else f"{num_single} sizes have one seed and borrow"
        )
        return (*notes, f"{borrow} the others' spread")
    return tuple(notes)
