"""The pieces of a report; the findings take those that they have from here too."""

import pandas as pd

from synthscale.study.error import UserError
from synthscale_analysis.figures import (
    cost,
    credit,
    error,
    fits,
    heat_map,
    multiplier,
    pass_at_k,
    saturation,
    seconds,
    spurious,
    training,
)
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.costs import cost_multipliers, cost_multipliers_table, cost_table
from synthscale_analysis.numbers.heat_map import heat_map_table
from synthscale_analysis.numbers.pass_at_k import pass_at_k_table
from synthscale_analysis.numbers.saturation import saturation_table
from synthscale_analysis.numbers.summary import fits_table, multipliers_table, summary_table
from synthscale_analysis.piece import Made, Piece

SUMMARY = "summary"


def _fits(made: Material) -> pd.DataFrame:
    jobs = [(curve, fit) for of_law in made.fits.values() for curve, fit in zip(made.curves, of_law, strict=True)]
    return fits_table([curve for curve, _ in jobs], [fit for _, fit in jobs])


def _some(table: pd.DataFrame, absent: str) -> pd.DataFrame:
    """The table; UserError in place of one without rows."""
    if table.empty:
        raise UserError(absent)
    return table


def _there(made: Made | None, absent: str) -> Made:
    """UserError in place of None."""
    if made is None:
        raise UserError(absent)
    return made


ERROR = Piece(
    name=error.NAME,
    figure=lambda made: error.error_figure(made.records, made.power_fits),
    tables={SUMMARY: lambda made: summary_table(made.records, made.curves, made.num_draws, made.seed)},
)
FITS = Piece(
    name=fits.NAME,
    figure=lambda made: fits.fits_figure(made.records, made.power_fits),
    tables={"fits": _fits},
)
MULTIPLIER = Piece(
    name=multiplier.NAME,
    figure=lambda made: multiplier.multiplier_figure(made.records, made.num_draws, made.seed),
    tables={"multipliers": lambda made: multipliers_table(made.records, made.curves, made.num_draws, made.seed)},
)
COST = Piece(
    name=cost.NAME,
    figure=lambda made: cost.cost_figure(made.records),
    tables={
        cost.NAME: lambda made: _some(cost_table(made.records), cost.ABSENT),
        "cost_multipliers": lambda made: _some(
            cost_multipliers_table(cost_multipliers(made.records, made.num_draws, made.seed)), cost.ABSENT
        ),
    },
)
PASS_AT_K = Piece(
    name=pass_at_k.NAME,
    figure=lambda made: pass_at_k.pass_at_k_figure(made.records),
    tables={pass_at_k.NAME: lambda made: _some(pass_at_k_table(made.records), pass_at_k.ABSENT)},
)
HEAT_MAP = Piece(
    name=heat_map.NAME,
    figure=lambda made: heat_map.heat_map_figure(made.records),
    tables={heat_map.NAME: lambda made: _some(heat_map_table(made.records), heat_map.ABSENT)},
)
SATURATION = Piece(
    name=saturation.NAME,
    figure=lambda made: saturation.saturation_figure(made.records),
    tables={saturation.NAME: lambda made: _some(saturation_table(made.records), saturation.ABSENT)},
)
SECONDS = Piece(
    name=seconds.NAME,
    figure=lambda made: seconds.seconds_figure(_there(made.stage_seconds, seconds.LEFT_OUT)),
    tables={seconds.NAME: lambda made: _there(made.stage_seconds, seconds.LEFT_OUT)},
)
#: Their tables are what was extracted from artifacts, and stand in the report's folder before any piece is made.
CREDIT = Piece(name=credit.NAME, figure=lambda made: _there(credit.credit_figure(made), credit.ABSENT))
SPURIOUS = Piece(name=spurious.NAME, figure=lambda made: _there(spurious.spurious_figure(made), spurious.ABSENT))
TRAINING = Piece(name=training.NAME, figure=lambda made: _there(training.training_figure(made), training.ABSENT))
