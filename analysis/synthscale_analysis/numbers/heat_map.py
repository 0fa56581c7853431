"""Accuracy by data size and negative fraction, and whether the best fraction at a size stands out from the runner-up.

Means have the spread pooled over all cells of a method. The best is held against the second best seed by seed, with the
noise pooled over the method's sizes.
"""

import shlex

import pandas as pd

from synthscale.scaling import means_over_seeds
from synthscale_analysis.curves import LABELS
from synthscale_analysis.numbers.paired import Noise, block_of, difference, log_odds, pooled_noise, ratio_columns

COLUMNS = (
    *("algorithm", "variant", "data_size", "negative_fraction", "num_seeds", "mean_test_accuracy"),
    *("test_accuracy_low", "test_accuracy_high", "is_best", "runner_up", "odds_ratio", "odds_ratio_low"),
    *("odds_ratio_high", "stands_out"),
)
#: Settings that say nothing where there is no pair, so that a study has its points without one once for all of them.
OF_PAIRS_ALONE = ("mixture.pair_shape", "mixture.chosen_from", "credit.pit_rule")


def heat_map_table(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each method, size and fraction; no rows where no method has several fractions.

    is_best: the highest mean at its size. odds_ratio: of right answers, the best against its runner_up, with interval;
    empty in other rows. stands_out: whether that interval leaves out 1.
    """
    rows: list[dict[str, object]] = []
    for (algorithm, variant), own in with_shared_zero(records).groupby(["algorithm", "variant"], sort=False):
        own = own.dropna(subset=["negative_fraction"])
        if own["negative_fraction"].nunique() > 1:
            rows += [{"algorithm": algorithm, "variant": variant, **row} for row in _method_rows(own)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.assign(order=table["algorithm"].map(_rank)).sort_values("order", kind="stable").drop(columns="order")


def with_shared_zero(records: pd.DataFrame) -> pd.DataFrame:
    """The records, and those without a pair once more for every variant that they stand for too.

    They do for a variant that has none of its own and differs from theirs in settings of pairs alone.
    """
    methods = records.groupby(["algorithm", "variant"], sort=False)
    zero = {names: own[own["negative_fraction"] == 0] for names, own in methods}
    shared = []
    for (algorithm, variant), own in zero.items():
        stand_for = (
            rows
            for (other, donor), rows in zero.items()
            if other == algorithm and len(rows) and _but_pairs(str(donor)) == _but_pairs(str(variant))
        )
        if own.empty and (rows := next(stand_for, None)) is not None:
            shared.append(rows.assign(variant=str(variant)))
    return pd.concat([records, *shared], ignore_index=True)


def _but_pairs(variant: str) -> list[str]:
    settings = shlex.split(variant)
    return [setting for setting in settings if setting.partition("=")[0] not in OF_PAIRS_ALONE]


def _method_rows(own: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of one method: means with the spread pooled over all its cells, and the best of each size."""
    own = own.assign(value=log_odds(own["test_accuracy"]))
    cells = list(own.groupby(["data_size", "negative_fraction"]))
    means = means_over_seeds([cell["test_error"].to_numpy(dtype=float) for _, cell in cells])
    rows: list[dict[str, object]] = []
    for ((size, fraction), _), mean in zip(cells, means, strict=True):
        interval = mean.interval
        rows.append(
            {
                "data_size": int(float(str(size))),
                "negative_fraction": float(str(fraction)),
                "num_seeds": mean.num_seeds,
                "mean_test_accuracy": 1 - mean.mean,
                "test_accuracy_low": None if interval is None else 1 - interval.high,
                "test_accuracy_high": None if interval is None else 1 - interval.low,
            }
        )
    by_size = own.groupby("data_size")
    blocks = {float(str(size)): block_of(part, "negative_fraction", "value") for size, part in by_size}
    noise = pooled_noise(list(blocks.values()))
    for size, block in blocks.items():
        _mark_best([row for row in rows if row["data_size"] == size], block, noise)
    return rows


def _mark_best(rows: list[dict[str, object]], block: pd.DataFrame, noise: Noise) -> None:
    """Say which of the rows of one size is best and how it stands against the runner-up."""
    ranked = sorted(rows, key=lambda row: -float(str(row["mean_test_accuracy"])))
    for row in rows:
        row |= {"is_best": row is ranked[0] and len(ranked) > 1, "stands_out": False}
    if len(ranked) < 2:
        return
    best, second = (row["negative_fraction"] for row in ranked[:2])
    found = difference([(block, {best: 1.0, second: -1.0})], noise)
    ranked[0]["runner_up"] = second
    if found is not None:
        ranked[0] |= ratio_columns("odds_ratio", found) | {"stands_out": found.tells and found.value > 0}


def _rank(algorithm: str) -> tuple[int, str]:
    return (list(LABELS).index(algorithm) if algorithm in LABELS else len(LABELS), algorithm)
