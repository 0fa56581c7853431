"""Accuracy by the number of on-policy rounds against total compute: tokens trained on, sampled and rolled out.

A round samples from the newest policy, composes and fine-tunes. Its number is, the first that is there: a setting
`num_rounds` (or `rounds`) of the variant, the `compose` stages of a recipe in it, or the end of the algorithm's name,
as in `step_mix_2_rounds` or `rft_rounds3`. An algorithm that says nothing has one round, SFT none.

Arms that differ in the number alone are a method, and make as many updates in all: updates a problem of a second phase,
which each round has, are told times the rounds. Each arm is held against the same method with one round, seed by seed;
an arm without such a one, as a control with more updates, against the only one-round arm of the study.
"""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from synthscale.study.error import UserError
from synthscale_analysis.curves import Curve, curves_of, label_of
from synthscale_analysis.numbers.arms import differences, mean_rows, settings_of
from synthscale_analysis.numbers.costs import with_costs

COLUMNS = (
    *("method", "num_rounds", "arm", "algorithm", "variant", "negative_fraction", "data_size", "num_seeds"),
    *("mean_total_tokens", "mean_train_tokens", "mean_rollouts", "mean_test_accuracy", "test_accuracy_low"),
    *("test_accuracy_high", "reference", "num_paired_seeds", "difference", "difference_low", "difference_high"),
    *("odds_ratio", "odds_ratio_low", "odds_ratio_high"),
)
SEED_COLUMNS = (
    *("method", "num_rounds", "arm", "data_size", "seed", "test_accuracy", "reference", "reference_accuracy"),
    "difference",
)
ABSENT = "no method was run with several numbers of rounds"
_ONE_PHASE = ("sft", "sft_matched")
_KEYS, _RECIPE = ("num_rounds", "rounds"), "recipe"
_UPDATES, _IN_ALL = "algorithm.second.updates_per_problem", "updates_per_problem_in_all"
_NAMED = re.compile(r"(?P<method>.+?)_(?:r|rounds?_?)(?P<after>\d+)|(?P<method_before>.+?)_(?P<before>\d+)_?rounds?")


@dataclass(frozen=True, slots=True)
class Arm:
    """A curve with its number of rounds. method: its algorithm and settings without that number."""

    curve: Curve
    method: str
    num_rounds: int


def arms_by_rounds(records: pd.DataFrame) -> list[Arm]:
    """The arms of a study in the order of its curves; UserError where no method has several numbers of rounds."""
    arms = [_arm(curve) for curve in curves_of(records)]
    if not any(one.method == other.method and one.num_rounds != other.num_rounds for one in arms for other in arms):
        raise UserError(ABSENT)
    methods = list(dict.fromkeys(arm.method for arm in arms))
    return sorted(arms, key=lambda arm: (methods.index(arm.method), arm.num_rounds))


def method_label(method: str) -> str:
    """As a legend has it: "RFT, learning_rate=0.1"."""
    algorithm, *settings = shlex.split(method)
    return label_of(algorithm, shlex.join(settings))


def split_rounds(algorithm: str, variant: str) -> tuple[str, int]:
    """The method and its number of rounds."""
    settings = settings_of(variant)
    numbers = [value for key, value in settings.items() if key.rpartition(".")[2] in _KEYS]
    recipes = [value for key, value in settings.items() if key.rpartition(".")[2] == _RECIPE]
    if numbers or recipes:
        number = int(float(numbers[0])) if numbers else _stages(recipes[0]).count("compose")
        return _method(algorithm, in_all(settings, number)), number
    if named := _NAMED.fullmatch(algorithm):
        method = named["method"] or named["method_before"]
        return _method(method, settings), int(named["after"] or named["before"])
    return _method(algorithm, settings), 0 if algorithm in _ONE_PHASE else 1


def in_all(settings: dict[str, str], num_rounds: int) -> dict[str, str]:
    """The settings with the updates of all rounds in place of a round's, to three digits."""
    told = {key: value for key, value in settings.items() if key != _UPDATES}
    return told | ({_IN_ALL: f"{num_rounds * float(settings[_UPDATES]):.3g}"} if _UPDATES in settings else {})


def rounds_table(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each arm and size."""
    arms = arms_by_rounds(with_costs(records))
    references = one_round_arms(arms)
    compared = differences([arm.curve for arm in arms], references)
    rows = [
        {"method": arm.method, "num_rounds": arm.num_rounds, **mean, **_costs(arm.curve.rows, size)}
        | {"reference": references.get(arm.curve.label)}
        | compared.get((arm.curve.label, size), {})
        for arm in arms
        for size, mean in mean_rows(arm.curve).items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"num_paired_seeds": "Int64"})


def rounds_by_seed(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each run that has a run with one round of the same size and seed."""
    arms = arms_by_rounds(records)
    runs = {arm.curve.label: arm.curve.rows.set_index(["data_size", "seed"])["test_accuracy"] for arm in arms}
    references, rows = one_round_arms(arms), []
    for arm in (arm for arm in arms if arm.curve.label in references):
        reference = references[arm.curve.label]
        own: dict[str, object] = {"method": arm.method, "num_rounds": arm.num_rounds, "arm": arm.curve.label}
        both = pd.concat([runs[arm.curve.label], runs[reference]], axis=1, keys=["own", "other"]).dropna()
        for (size, seed), ours, theirs in zip(both.index, both["own"], both["other"], strict=True):
            pair = {"test_accuracy": ours, "reference": reference, "reference_accuracy": theirs}
            rows.append(own | {"data_size": int(size), "seed": seed, **pair, "difference": round(ours - theirs, 12)})
    return pd.DataFrame(rows, columns=list(SEED_COLUMNS))


def one_round_arms(arms: Sequence[Arm]) -> dict[str, str]:
    """The label of the one-round arm that each other arm is held against, for those that have one."""
    single = [arm for arm in arms if arm.num_rounds == 1]
    varied = [arm for arm in single if sum(other.method == arm.method for other in arms) > 1]
    references = {}
    for arm in arms:
        own = [one for one in single if one.method == arm.method] or (varied if len(varied) == 1 else [])
        if own and own[0].curve.label != arm.curve.label:
            references[arm.curve.label] = own[0].curve.label
    return references


def _arm(curve: Curve) -> Arm:
    method, number = split_rounds(curve.algorithm, curve.variant)
    told = [method_label(method), "" if number == 0 else f"{number} round{'s' * (number > 1)}"]
    told += [f"{curve.negative_fraction:g} negative"] if curve.negative_fraction is not None else []
    return Arm(replace(curve, label=", ".join(filter(None, told))), method, number)


def _method(algorithm: str, settings: dict[str, str]) -> str:
    """The algorithm with the settings that say nothing of rounds."""
    others = {key: value for key, value in settings.items() if key.rpartition(".")[2] not in (*_KEYS, _RECIPE)}
    return shlex.join([algorithm, *(f"{key}={value}" for key, value in others.items())])


def _stages(recipe: str) -> list[str]:
    try:
        return [str(stage) for stage in json.loads(recipe)]
    except (ValueError, TypeError):
        return re.findall(r"\w+", recipe)


def _costs(rows: pd.DataFrame, size: int) -> dict[str, object]:
    """Means over seeds; empty where a seed's is not known."""
    here = rows[rows["data_size"] == size]
    names = {"mean_total_tokens": "all_tokens", "mean_train_tokens": "train_tokens", "mean_rollouts": "num_rollouts"}
    counts = {
        name: pd.to_numeric(here[column], errors="coerce") for name, column in names.items() if column in here.columns
    }
    return {name: float(count.mean()) if count.notna().all() else None for name, count in counts.items()}
