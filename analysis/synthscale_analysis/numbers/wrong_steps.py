"""Which errors remain: shares of test problems whose first wrong step is a decision, or an execution.

A world whose steps' truth is known says of each greedy solution what went wrong first: the choice of the step, or its
execution, as a wrong copy or a wrong table entry. Choices are what data teach; the base already executes exactly.

A wrong execution that comes first hides the decisions behind it: where many do, few wrong decisions are seen, however
badly the policy decides. So wrong decisions are told as a share of the other problems too.
"""

import pandas as pd

from synthscale.scaling.seed_mean import means_over_seeds
from synthscale.study.error import UserError
from synthscale_analysis.curves import Curve, curves_of

#: Columns of the records, as `stage/evaluate` measures them.
SHARES = ("wrong_decision_share", "wrong_execution_share")
#: Wrong decisions among the problems whose first wrong step is no execution.
OF_OTHERS = "wrong_decision_share_of_others"
ABSENT = "the records do not say which steps are wrong: the world's truth of steps is not known, or not recorded"


def curves_that_know(records: pd.DataFrame) -> list[Curve]:
    """The curves of the records that say which steps are wrong, with a column more; UserError where none does."""
    known = records.dropna(subset=list(SHARES)) if set(SHARES).issubset(records) else records.iloc[:0]
    if known.empty:
        raise UserError(ABSENT)
    others = 1 - known["wrong_execution_share"]
    return curves_of(known.assign(**{OF_OTHERS: (known["wrong_decision_share"] / others).where(others > 0)}))


def wrong_steps_table(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each arm and size: mean shares with 95 % intervals, spread pooled over the sizes of an arm.

    A share of other problems is empty where there are none.
    """
    rows: list[dict[str, object]] = []
    for curve in curves_that_know(records):
        cells = [(int(float(str(size))), cell) for size, cell in curve.rows.groupby("data_size")]
        measured: list[dict[str, object]] = [
            {"arm": curve.label, "algorithm": curve.algorithm, "variant": curve.variant or None, "data_size": size}
            | {"num_seeds": len(cell), "mean_test_error": float(cell["test_error"].mean())}
            for size, cell in cells
        ]
        for name in (*SHARES, OF_OTHERS):
            known = [(row, cell[name].dropna()) for row, (_, cell) in zip(measured, cells, strict=True)]
            known = [(row, shares) for row, shares in known if len(shares)]
            means = means_over_seeds([shares for _, shares in known])
            for (row, _), mean in zip(known, means, strict=True):
                low, high = (None, None) if mean.interval is None else (mean.interval.low, mean.interval.high)
                row |= {f"mean_{name}": mean.mean, f"{name}_low": low, f"{name}_high": high}
        rows += measured
    return pd.DataFrame(rows)


def models_as_arms(records: pd.DataFrame) -> pd.DataFrame:
    """The records with the settings of their models, as "tiny adam_epsilon=1e-4", among those that tell arms apart."""
    model = records["model"].astype(str)
    settings = records["variant"].astype(str) + " " + model.str.partition(" ")[2]
    return records.assign(model=model.str.partition(" ")[0], variant=settings.str.strip())
