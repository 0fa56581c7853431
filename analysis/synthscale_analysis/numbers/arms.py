"""Arms of a study at the same size: mean accuracies with intervals, and what each is more than a baseline arm.

An arm is a curve: an algorithm, or one variant or negative fraction of it. Means have the spread pooled over the sizes
of an arm. Differences are paired over seeds and told twice: in accuracy, by the seeds of the two arms at that size
alone, which holds where an arm is all right or all wrong; and as a ratio of the odds of a right answer, with the noise
pooled over all arms and sizes (`paired`), which few seeds need. Over all sizes that both arms have, `overall_table`
takes each seed's mean difference for one, since a seed's runs at several sizes may share their problems.

A baseline is named as "rft", "rft mixture.steps=null" or "step_mix mixture.negative_fraction=0", by its algorithm and,
where that has several arms, by settings. Where several arms are of that name, as SFT of several lengths, each other arm
has the one whose further settings are its own.
"""

import shlex
from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from synthscale.study.error import UserError
from synthscale_analysis.curves import Curve, curves_of
from synthscale_analysis.numbers.estimates import error_by_size
from synthscale_analysis.numbers.paired import Noise, block_of, difference, log_odds, pooled_noise, ratio_columns

COLUMNS = (
    *("arm", "algorithm", "variant", "negative_fraction", "data_size", "num_seeds", "mean_test_accuracy"),
    *("test_accuracy_low", "test_accuracy_high", "baseline", "num_paired_seeds", "difference", "difference_low"),
    *("difference_high", "odds_ratio", "odds_ratio_low", "odds_ratio_high"),
)
OVERALL_COLUMNS = (
    *("arm", "algorithm", "variant", "negative_fraction", "baseline", "sizes", "num_paired_seeds"),
    *("difference", "difference_low", "difference_high"),
)
Row = dict[str, object]
_NO_SPREAD = 1e-12  # seeds that agree to this many digits say nothing of their noise


def arm_table(records: pd.DataFrame, baselines: Sequence[str]) -> pd.DataFrame:
    """A row for each arm and size; baselines: names, of which the first that the records have is taken.

    UserError where they have none of them.
    """
    curves = curves_of(records)
    references = reference_arms(curves, baselines)
    compared = differences(curves, references)
    rows = [
        mean | {"baseline": references.get(curve.label)} | compared.get((curve.label, size), {})
        for curve in curves
        for size, mean in mean_rows(curve).items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"num_paired_seeds": "Int64"})


def overall_table(records: pd.DataFrame, baselines: Sequence[str]) -> pd.DataFrame:
    """A row for each arm that has a baseline: its difference in accuracy on average over the sizes that both have.

    Of seeds that have all these sizes in both arms; no difference where there is no such size or seed. UserError where
    no baseline is among the arms.
    """
    curves = {curve.label: curve for curve in curves_of(records)}
    rows: list[Row] = []
    for label, baseline in reference_arms(list(curves.values()), baselines).items():
        means = {one: by_seed_and_size(curves[one]) for one in (label, baseline)}
        sizes = means[label].columns.intersection(means[baseline].columns)
        pair = pd.DataFrame({one: of_size[sizes].mean(axis=1, skipna=False) for one, of_size in means.items()})
        row = _named(curves[label]) | {"baseline": baseline, "sizes": " ".join(f"{size:g}" for size in sizes)}
        rows.append(row | _of_pair(pair))
    return pd.DataFrame(rows, columns=list(OVERALL_COLUMNS)).astype({"num_paired_seeds": "Int64"})


def by_seed_and_size(curve: Curve) -> pd.DataFrame:
    """Test accuracies of an arm, a row a seed and a column a size."""
    return curve.rows.pivot_table(index="seed", columns="data_size", values="test_accuracy")


def mean_rows(curve: Curve) -> dict[int, Row]:
    """By size: the arm's columns, and its mean accuracy with interval."""
    rows: dict[int, Row] = {}
    for size, error in error_by_size(curve).items():
        ends = (None, None) if error.interval is None else (1 - error.interval.high, 1 - error.interval.low)
        measured: Row = {"data_size": size, "num_seeds": error.num_seeds, "mean_test_accuracy": 1 - error.mean}
        rows[size] = _named(curve) | measured | {"test_accuracy_low": ends[0], "test_accuracy_high": ends[1]}
    return rows


def _named(curve: Curve) -> Row:
    own: Row = {"arm": curve.label, "algorithm": curve.algorithm, "variant": curve.variant or None}
    return own | {"negative_fraction": curve.negative_fraction}


def reference_arms(curves: Sequence[Curve], baselines: Sequence[str]) -> dict[str, str]:
    """The label of the arm that each arm is held against, for those that have one."""
    name, found = next(((name, arms) for name in baselines if (arms := arms_named(curves, name))), ("", []))
    if not found:
        there = ", ".join(dict.fromkeys(curve.algorithm for curve in curves))
        raise UserError(f"there is no arm {' or '.join(baselines)} to hold the others against; there are {there}")
    labels, named = {arm.label for arm in found}, settings_of(name.partition(" ")[2])
    references = {}
    for curve in (curve for curve in curves if curve.label not in labels):
        alike = [arm for arm in found if len(found) == 1 or agree(arm, curve, but_for=named)]
        if len(alike) == 1:
            references[curve.label] = alike[0].label
    return references


def arms_named(curves: Sequence[Curve], name: str) -> list[Curve]:
    """The arms of an algorithm that have all the settings that the name gives."""
    algorithm, *settings = shlex.split(name)
    return [c for c in curves if c.algorithm == algorithm and set(settings) <= _settings(c)]


def _settings(curve: Curve) -> set[str]:
    share = curve.negative_fraction
    of_mixture = set() if share is None else {f"mixture.negative_fraction={share:g}"}
    return {*shlex.split(curve.variant), *of_mixture}


def agree(one: Curve, other: Curve, but_for: Collection[str] = ()) -> bool:
    """Whether the settings that both variants name are the same, some keys aside, and they have at least one."""
    ours, theirs = settings_of(one.variant), settings_of(other.variant)
    shared = (set(ours) & set(theirs)) - set(but_for)
    return bool(shared) and all(ours[key] == theirs[key] for key in shared)


def settings_of(variant: str) -> dict[str, str]:
    """A variant's values by their keys."""
    return {key: value for key, _, value in (setting.partition("=") for setting in shlex.split(variant))}


def differences(curves: Sequence[Curve], references: Mapping[str, str]) -> dict[tuple[str, int], Row]:
    """By arm and size, the columns from `num_paired_seeds` on: of an arm less its reference, both by their labels."""
    rows = pd.concat([curve.rows.assign(arm=curve.label) for curve in curves], ignore_index=True)
    rows = rows.assign(log_odds=log_odds(rows["test_accuracy"]))
    by_size = {int(float(str(size))): part for size, part in rows.groupby("data_size")}
    blocks = {size: block_of(part, "arm", "log_odds") for size, part in by_size.items()}
    noise = pooled_noise(list(blocks.values()))
    found: dict[tuple[str, int], Row] = {}
    for size, part in by_size.items():
        accuracies = block_of(part, "arm", "test_accuracy")
        for arm in accuracies.columns.intersection(list(references)):
            reference = references[str(arm)]
            if reference in accuracies:
                odds = difference([(blocks[size], {arm: 1.0, reference: -1.0})], noise)
                found[str(arm), size] = _of_pair(accuracies[[arm, reference]]) | ratio_columns("odds_ratio", odds)
    return found


def _of_pair(pair: pd.DataFrame) -> Row:
    """Of the first column less the second, by the seeds that have both: a paired t interval."""
    both = pair.dropna()
    if both.empty:
        return {}
    arm, reference = pair.columns
    noise = pooled_noise([both])
    if noise.sd is None or noise.sd < _NO_SPREAD:
        noise = Noise(None, 0)
    found = difference([(both, {arm: 1.0, reference: -1.0})], noise)
    if found is None:
        return {}
    ends: Row = {"difference": found.value, "difference_low": found.low, "difference_high": found.high}
    return {"num_paired_seeds": len(both), **ends}
