"""The pieces that the findings have beside those of a report."""

from synthscale_analysis.figures import arms as arms_script
from synthscale_analysis.figures import credit_cost, error, wrong_steps
from synthscale_analysis.figures import rounds as rounds_script
from synthscale_analysis.figures import slope as slope_script
from synthscale_analysis.findings.ceiling import ceiling_multipliers, ceiling_summary, methods_with_ideal, with_ideal
from synthscale_analysis.numbers.arms import arm_table, overall_table
from synthscale_analysis.numbers.credit_costs import credit_cost_table
from synthscale_analysis.numbers.rounds import rounds_by_seed, rounds_table
from synthscale_analysis.numbers.search import search_page, search_table
from synthscale_analysis.numbers.slopes import slope_multipliers, slope_table
from synthscale_analysis.numbers.wrong_steps import models_as_arms, wrong_steps_table
from synthscale_analysis.piece import Piece

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


def arms(*baselines: str, name: str = arms_script.NAME) -> Piece:
    """Arms against a baseline, the first of these names that the records have: by size and over sizes (`numbers.arms`).

    name: of the figure and the table.
    """
    return Piece(
        name=name,
        figure=lambda made: arms_script.arms_figure(made.records, baselines),
        tables={
            name: lambda made: arm_table(made.records, baselines),
            f"{name}_overall": lambda made: overall_table(made.records, baselines),
        },
    )
