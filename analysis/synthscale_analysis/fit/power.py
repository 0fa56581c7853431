"""`synthscale fit --power`: how many seeds and sizes are needed to see a data multiplier, with the table's noise.

    synthscale fit results.csv --x data_size --y test_error --group algorithm --baseline sft --power --multiplier 2

Studies with the baseline's slope and the table's noise are made up and tested; see `synthscale.scaling.power`.
"""

import argparse
import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from rich.table import Table

from synthscale.scaling import LAWS, Noise, PlantedStudy, Power, fit_law, power_of, seed_noise, spacing
from synthscale.study.error import UserError
from synthscale_analysis.fit.answer import Answer
from synthscale_analysis.fit.output import GroupFits
from synthscale_analysis.fit.target import baseline_of
from synthscale_analysis.numbers.fitting import FittedCurve
from synthscale_analysis.output import with_progress

SEEDS, SIZES = (2, 3, 5, 8, 10), (3, 4, 6, 8)
WANTED = 0.8
MULTIPLIER = 2.0
_CAPTION = (
    "share of 300 made-up studies, 100 where these agree, in which the one-sided test at 5 % says that the multiplier "
    "is more than 1; the standard error of a share is at most 3 %"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What studies are made up with; step: times the size before."""

    noise: Noise
    slope: float
    step: float
    multiplier: float
    num_seeds: int
    num_sizes: int

    def study(self, num_seeds: int, num_sizes: int) -> PlantedStudy:
        """One of so many seeds at so many sizes; the first size is of no matter."""
        return PlantedStudy(
            sizes=tuple(self.step**power for power in range(num_sizes)),
            num_seeds=num_seeds,
            slope=self.slope,
            multiplier=self.multiplier,
            noise=self.noise.sd,
            correlation=self.noise.correlation,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this question; --baseline is added by `fit.target`."""
    parser.add_argument(
        "--power", action="store_true", help="say how many seeds and sizes see a multiplier (--baseline)"
    )
    parser.add_argument(
        "--multiplier", type=float, metavar="M", help=f"to be seen by --power (default: {MULTIPLIER:g})"
    )


def check(options: argparse.Namespace) -> None:
    """UserError for options that make no sense by themselves; fills in the default multiplier."""
    if options.multiplier is None:
        options.multiplier = MULTIPLIER
    elif not options.power:
        raise UserError("--multiplier is what --power is to see, and so needs --power")
    if not (options.multiplier > 1 and math.isfinite(options.multiplier)):
        raise UserError(f"--multiplier must be more than 1, not {options.multiplier:g}")
    if options.power and (options.group is None or options.baseline is None):
        raise UserError("--power needs --group and --baseline, whose slope and noise the studies have")
    if options.power and len(options.x) > 1:
        raise UserError("--power plans sizes, and so needs one --x column")


def answer(fits: GroupFits, options: argparse.Namespace) -> Answer | None:
    """Power of every number of seeds and sizes; None where it was not asked for."""
    if not options.power:
        return None
    baseline = baseline_of(fits, options)
    assert baseline is not None  # see check
    setting = _setting(fits, baseline, options)
    own = (setting.num_seeds, setting.num_sizes)
    designs = [*product(SEEDS, SIZES), *([] if own in product(SEEDS, SIZES) or min(own) < 2 else [own])]
    found = {
        design: power_of(setting.study(*design), seed=options.seed)
        for design in with_progress(designs, "making studies up")
    }
    return Answer("power", _table(found, setting), [sentence(found, setting)], _content(found, setting))


def _setting(fits: GroupFits, baseline: FittedCurve, options: argparse.Namespace) -> Setting:
    others = {group: fitted.measurements for group, fitted in fits if group != options.baseline}
    table = baseline.measurements
    try:
        noise = seed_noise(table, list(others.values()))
        step, slope = (
            spacing(table.sizes().tolist()),
            fit_law(LAWS["power"], table, delta=options.delta).parameters["b"],
        )
    except ValueError as error:
        raise UserError(f"--power cannot plan from this table: {error}") from error
    if slope <= 0:
        told = f"the errors of {options.baseline} do not fall with {options.x[0]} (slope {slope:.2g})"
        raise UserError(f"--power cannot plan from this table: {told}")
    return Setting(noise, slope, step, options.multiplier, int(np.median(table.num_seeds())), table.num_sizes)


def _table(found: dict[tuple[int, int], Power], setting: Setting) -> Table:
    title = f"power to see a multiplier of {setting.multiplier:g}, by seeds and by sizes {setting.step:.3g} times apart"
    table = Table(title=title, caption=_CAPTION)
    for heading in ("seeds", *(f"{num_sizes} sizes" for num_sizes in SIZES)):
        table.add_column(heading, justify="right")
    for num_seeds in SEEDS:
        table.add_row(str(num_seeds), *(f"{found[num_seeds, num_sizes].share:.0%}" for num_sizes in SIZES))
    return table


def sentence(found: dict[tuple[int, int], Power], setting: Setting) -> str:
    """What the table's own seeds and sizes see, and the fewest runs that see it in 80 % of studies."""
    shared = (
        "" if setting.noise.correlation is None else f", correlation {setting.noise.correlation:.2f} of shared seeds"
    )
    given = f"with this noise (sd {setting.noise.sd:.2g} in log error{shared}) and slope {setting.slope:.2g}"
    own = found.get((setting.num_seeds, setting.num_sizes))
    seen = (
        ""
        if own is None
        else f"{_design(own)} see a multiplier of {setting.multiplier:g} in {own.share:.0%} of studies; "
    )
    enough = [one for one in found.values() if one.share >= WANTED]
    if not enough:
        best = max(found.values(), key=lambda one: one.share)
        return f"{given}, {seen}none of these reaches {WANTED:.0%}: {_design(best)} see it in {best.share:.0%}"
    fewest = min(enough, key=lambda one: (one.num_seeds * one.num_sizes, one.num_seeds))
    return f"{given}, {seen}the fewest runs for {WANTED:.0%} are {fewest.num_seeds} seeds × {fewest.num_sizes} sizes"


def _design(power: Power) -> str:
    return f"{power.num_seeds} seeds at {power.num_sizes} sizes"


def _content(found: dict[tuple[int, int], Power], setting: Setting) -> dict[str, Any]:
    cells = []
    for power in found.values():
        interval = power.interval()
        cells.append(
            {
                "seeds": power.num_seeds,
                "sizes": power.num_sizes,
                "power": power.share,
                "low": interval.low,
                "high": interval.high,
                "studies": power.num_studies,
            }
        )
    return {
        "multiplier": setting.multiplier,
        "slope": setting.slope,
        "sd_log_error": setting.noise.sd,
        "degrees_of_freedom": setting.noise.degrees_of_freedom,
        "correlation": setting.noise.correlation,
        "step": setting.step,
        "cells": cells,
        "sentence": sentence(found, setting),
    }
