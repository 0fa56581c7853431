"""The pieces that `contents` puts together: a figure with its tables, named as in a report."""

import pandas as pd

from synthscale.study.error import UserError
from synthscale_analysis.figures import arms as arms_script
from synthscale_analysis.figures import (
    cost,
    credit_cost,
    error,
    fits,
    heat_map,
    multiplier,
    pass_at_k,
    saturation,
    wrong_steps,
)
from synthscale_analysis.figures import rounds as rounds_script
from synthscale_analysis.figures import slope as slope_script
from synthscale_analysis.findings.ceiling import ceiling_multipliers, ceiling_summary, methods_with_ideal, with_ideal
from synthscale_analysis.findings.piece import Piece
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.arms import arm_table
from synthscale_analysis.numbers.costs import cost_multipliers, cost_multipliers_table, cost_table
from synthscale_analysis.numbers.credit_costs import credit_cost_table
from synthscale_analysis.numbers.rounds import rounds_by_seed, rounds_table
from synthscale_analysis.numbers.saturation import saturation_table
from synthscale_analysis.numbers.search import search_page, search_table
from synthscale_analysis.numbers.slopes import slope_multipliers, slope_table
from synthscale_analysis.numbers.summary import fits_table, multipliers_table, summary_table
from synthscale_analysis.numbers.wrong_steps import models_as_arms, wrong_steps_table


def _fits(made: Material) -> pd.DataFrame:
    jobs = [(curve, fit) for of_law in made.fits.values() for curve, fit in zip(made.curves, of_law, strict=True)]
    return fits_table([curve for curve, _ in jobs], [fit for _, fit in jobs])


def _some(table: pd.DataFrame, absent: str) -> pd.DataFrame:
    """The table; UserError in place of one without rows."""
    if table.empty:
        raise UserError(absent)
    return table


ERROR = Piece(
    name=error.NAME,
    figure=lambda made: error.error_figure(made.records, made.power_fits),
    tables={"summary": lambda made: summary_table(made.records, made.curves, made.num_draws, made.seed)},
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
    tables={pass_at_k.NAME: lambda made: _some(pass_at_k.pass_at_k_table(made.records), pass_at_k.ABSENT)},
)
CEILING = Piece(
    name="ceiling",
    figure=lambda made: error.error_figure(methods_with_ideal(made.records)),
    tables={"ceiling": ceiling_summary, "ceiling_multipliers": ceiling_multipliers},
)
WRONG_STEPS = Piece(
    name=wrong_steps.NAME,
    figure=lambda made: wrong_steps.wrong_steps_figure(made.records),
    tables={wrong_steps.NAME: lambda made: wrong_steps_table(made.records)},
)
WRONG_STEPS_OF_MODELS = Piece(
    name=wrong_steps.NAME,
    figure=lambda made: wrong_steps.wrong_steps_figure(models_as_arms(made.records)),
    tables={wrong_steps.NAME: lambda made: wrong_steps_table(models_as_arms(made.records))},
    is_of_all=True,
)
HEAT_MAP = Piece(
    name=heat_map.NAME,
    figure=lambda made: heat_map.heat_map_figure(made.records),
    tables={heat_map.NAME: lambda made: _some(heat_map.heat_map_table(made.records), heat_map.ABSENT)},
)
SATURATION = Piece(
    name=saturation.NAME,
    figure=lambda made: saturation.saturation_figure(made.records),
    tables={saturation.NAME: lambda made: _some(saturation_table(made.records), saturation.ABSENT)},
)
ROUNDS = Piece(
    name=rounds_script.NAME,
    figure=lambda made: rounds_script.rounds_figure(made.records),
    tables={
        rounds_script.NAME: lambda made: rounds_table(made.records),
        "rounds_by_seed": lambda made: rounds_by_seed(made.records),
    },
)
CREDIT_COST = Piece(
    name=credit_cost.NAME,
    figure=lambda made: credit_cost.credit_cost_figure(made.records),
    tables={credit_cost.NAME: lambda made: credit_cost_table(made.records)},
)
SLOPE = Piece(
    name=slope_script.NAME,
    figure=lambda made: slope_script.slope_figure(with_ideal(made.records), made.num_draws, made.seed),
    tables={
        slope_script.NAME: lambda made: slope_table(made.records, made.num_draws, made.seed),
        "slope_multipliers": lambda made: slope_multipliers(with_ideal(made.records), made.num_draws, made.seed),
    },
    is_of_all=True,
)
SEARCH = Piece(
    name="search",
    tables={"search": lambda made: search_table(made.records)},
    pages={"search": lambda made: search_page(made.records)},
    is_of_all=True,
)


def arms(*baselines: str) -> Piece:
    """Arms at the same size against a baseline: the first of these names that the records have (`numbers.arms`)."""
    return Piece(
        name=arms_script.NAME,
        figure=lambda made: arms_script.arms_figure(made.records, baselines),
        tables={arms_script.NAME: lambda made: arm_table(made.records, baselines)},
    )
