"""What an ideal learner makes of the same traces, beside what methods do: how much there is to be gained at all.

Its records are a simulation's (`python analysis/benchmarks/ideal_learner.py`), kept like a study's.
"""

import pandas as pd

from synthscale.study.error import UserError
from synthscale_analysis.curves import curves_of
from synthscale_analysis.findings.results import RESULTS
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.summary import multipliers_table, summary_table
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import worlds_of

IDEAL = RESULTS / "ideal_learner"
METHODS = ("sft", "rft", "step_mix")
DEFAULT_TAIL = " zipf_exponent=1.0"  # of conf/task/precedence_many, as its records' task says it


def with_ideal(records: pd.DataFrame) -> pd.DataFrame:
    """The records, and the ideal learner's in the same worlds at their sizes, where it was simulated there."""
    ideal = read_records(IDEAL)
    found = [records]
    for task, model, rows in worlds_of(records):
        is_of_task = ideal["task"].astype(str).str.removesuffix(DEFAULT_TAIL) == task.removesuffix(DEFAULT_TAIL)
        same = ideal[is_of_task & ideal["data_size"].isin(rows["data_size"])]
        found += [] if same.empty else [same.assign(task=task, model=model)]
    return pd.concat(found, ignore_index=True)


def methods_with_ideal(records: pd.DataFrame) -> pd.DataFrame:
    """Some methods and the ideal learner; UserError where it was not simulated."""
    methods = records[records["algorithm"].isin(METHODS)]
    both = with_ideal(methods)
    if len(both) == len(methods) or methods.empty:
        raise UserError("no ideal learner was simulated for this task")
    return both


def ceiling_summary(made: Material) -> pd.DataFrame:
    """Means and multipliers at each size."""
    records = methods_with_ideal(made.records)
    return summary_table(records, curves_of(records), made.num_draws, made.seed)


def ceiling_multipliers(made: Material) -> pd.DataFrame:
    """Multipliers over all sizes."""
    records = methods_with_ideal(made.records)
    return multipliers_table(records, curves_of(records), made.num_draws, made.seed)
