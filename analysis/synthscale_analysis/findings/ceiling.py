"""What an ideal learner makes of the same traces, beside what methods do: how much there is to be gained at all.

Its records are a simulation's (`python analysis/benchmarks/ideal_learner.py`), kept like a study's.
"""

from pathlib import Path

import pandas as pd

from synthscale_analysis.curves import curves_of
from synthscale_analysis.errors import UserError
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.summary import multipliers_table, summary_table
from synthscale_analysis.records import read_records

IDEAL = Path(__file__).parents[2] / "results" / "ideal_learner"
METHODS = ("sft", "rft", "step_mix")
DEFAULT_TAIL = " zipf_exponent=1.0"  # of conf/task/precedence_many, as its records' task says it


def with_ideal(records: pd.DataFrame) -> pd.DataFrame:
    """The records of some methods, and the ideal learner's at their sizes; UserError where it has none of the task."""
    methods = records[records["algorithm"].isin(METHODS)]
    ideal = read_records(IDEAL)
    of_task = ideal["task"].astype(str).str.removesuffix(DEFAULT_TAIL).isin(set(records["task"].astype(str)))
    ideal = ideal[of_task & ideal["data_size"].isin(methods["data_size"])]
    if ideal.empty or methods.empty:
        raise UserError("no ideal learner was simulated for this task")
    task, model = methods["task"].iloc[0], methods["model"].iloc[0]
    return pd.concat([methods, ideal.assign(task=task, model=model)], ignore_index=True)


def ceiling_summary(made: Material) -> pd.DataFrame:
    """Means and multipliers at each size."""
    records = with_ideal(made.records)
    return summary_table(records, curves_of(records), made.num_draws, made.seed)


def ceiling_multipliers(made: Material) -> pd.DataFrame:
    """Multipliers over all sizes."""
    records = with_ideal(made.records)
    return multipliers_table(records, curves_of(records), made.num_draws, made.seed)
