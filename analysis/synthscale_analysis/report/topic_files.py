"""Tables and figures of the topics that a study may have no contrast for: heat map, saturation, pass@k, cost.

`files` writes them; None where the study has nothing to show, which a figure says by a UserError.
"""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from synthscale.study.error import UserError
from synthscale_analysis.figures.cost import NAME as COST_NAME
from synthscale_analysis.figures.cost import cost_figure
from synthscale_analysis.figures.heat_map import NAME as HEAT_MAP_NAME
from synthscale_analysis.figures.heat_map import heat_map_figure, heat_map_table
from synthscale_analysis.figures.pass_at_k import NAME as PASS_AT_K_NAME
from synthscale_analysis.figures.pass_at_k import pass_at_k_figure, pass_at_k_table
from synthscale_analysis.figures.saturation import NAME as SATURATION_NAME
from synthscale_analysis.figures.saturation import saturation_figure
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.costs import cost_multipliers, cost_multipliers_table, cost_table
from synthscale_analysis.numbers.saturation import saturation_table

MULTIPLIERS_NAME = "cost_multipliers"


def _cost_multipliers(material: Material) -> pd.DataFrame:
    return cost_multipliers_table(cost_multipliers(material.records, material.num_draws, material.seed))


def _where_any(make: Callable[[Material], pd.DataFrame]) -> Callable[[Material], pd.DataFrame | None]:
    """None in place of a table without rows."""

    def made(material: Material) -> pd.DataFrame | None:
        table = make(material)
        return None if table.empty else table

    return made


def _where_drawn(make: Callable[[pd.DataFrame], Figure]) -> Callable[[Material], Figure | None]:
    """None in place of a refusal."""

    def made(material: Material) -> Figure | None:
        try:
            return make(material.records)
        except UserError:
            return None

    return made


TOPIC_TABLES: dict[str, Callable[[Material], pd.DataFrame | None]] = {
    HEAT_MAP_NAME: _where_any(lambda made: heat_map_table(made.records)),
    SATURATION_NAME: _where_any(lambda made: saturation_table(made.records)),
    PASS_AT_K_NAME: _where_any(lambda made: pass_at_k_table(made.records)),
    COST_NAME: _where_any(lambda made: cost_table(made.records)),
    MULTIPLIERS_NAME: _where_any(_cost_multipliers),
}
TOPIC_FIGURES: dict[str, Callable[[Material], Figure | None]] = {
    HEAT_MAP_NAME: _where_drawn(heat_map_figure),
    SATURATION_NAME: _where_drawn(saturation_figure),
    PASS_AT_K_NAME: _where_drawn(pass_at_k_figure),
    COST_NAME: _where_drawn(cost_figure),
}
