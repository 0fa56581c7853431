"""Whether more self-generated solutions per problem go on paying: error against SFT with as many updates, by number.

A method's rows differ in how many of a problem's own solutions they may train on, `mixture.positives_per_problem` in
their variant; where no row says so, the number that was trained on (with the teacher's own) stands for it. Error is
compared with the baseline's at the same size, seed by seed, in logs.

Whether gains have come to an end is asked once, of the last two doublings: from the largest number at or below a
quarter of the last (a half of it, where there is none) to the last, over all sizes together. A limit that no problem
reached gives the training set of the number before it, and a level line that tells nothing: it is left out there.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

import numpy as np
import pandas as pd

from synthscale_analysis.curves import baseline_rows
from synthscale_analysis.numbers.estimates import main_baseline
from synthscale_analysis.numbers.paired import (
    Difference,
    Noise,
    Weights,
    block_of,
    difference,
    logs,
    pooled_noise,
    ratio_columns,
)

KEY = "mixture.positives_per_problem"
BASELINE = "baseline"
COLUMNS = (
    *("algorithm", "setting", "data_size", "solutions_per_problem", "is_measured", "mean_num_train_positives"),
    *("baseline", "num_seeds", "mean_test_error", "error_ratio", "error_ratio_low", "error_ratio_high"),
)


class Ending(StrEnum):
    """What the last doublings say."""

    GAINING = "gaining"
    TURNED = "turned"
    SLOWED = "slowed"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class Lines:
    """The rows of one method that differ in their number of solutions. setting: the rest of the variant, or empty.

    rows: with `number`, and `value`, the log error.
    """

    algorithm: str
    setting: str
    is_measured: bool
    rows: pd.DataFrame

    def not_reached(self) -> dict[int, list[float]]:
        """By size, the numbers whose runs trained on as many solutions, seed by seed, as those of the number before.

        Empty where the numbers are what was trained on, or the records do not say what was.
        """
        if self.is_measured or "num_train_positives" not in self.rows:
            return {}
        trained = self.rows.assign(trained=pd.to_numeric(self.rows["num_train_positives"], errors="coerce"))
        found = {
            int(float(str(size))): _repeated(block_of(rows, "number", "trained"))
            for size, rows in trained.groupby("data_size")
        }
        return {size: numbers for size, numbers in found.items() if numbers}

    def reached(self) -> pd.DataFrame:
        """The rows without those of numbers that were not reached at their size."""
        numbers = self.not_reached()
        pairs = zip(self.rows["data_size"], self.rows["number"], strict=True)
        return self.rows[[number not in numbers.get(int(size), []) for size, number in pairs]]


@dataclass(frozen=True, slots=True)
class LastDoublings:
    """Of one method: log error at the last number less that at `before`, over all sizes that hold both.

    slowing: by how much less each doubling brings there than each of the first ones did (positive: less); None where
    the numbers are too few.
    """

    before: float
    last: float
    change: Difference
    slowing: Difference | None

    @property
    def ending(self) -> Ending:
        """A rise beyond the interval is a turn; slowed are gains that it cannot see and that once were larger."""
        if self.change.tells:
            return Ending.TURNED if self.change.value > 0 else Ending.GAINING
        if self.slowing is not None and self.slowing.tells and self.slowing.value > 0:
            return Ending.SLOWED
        return Ending.UNTOLD


def saturation_lines(records: pd.DataFrame) -> list[Lines]:
    """Of each method that has several numbers of solutions at some size, in the records' order."""
    found = []
    for (algorithm, setting), rows in with_numbers(records).groupby(["algorithm", "setting"], sort=False):
        counts = rows.groupby("data_size")["number"].nunique()
        if (counts > 1).any():
            varied = rows[rows["data_size"].isin(counts.index[counts > 1])]
            found.append(Lines(str(algorithm), str(setting), bool(rows["is_measured"].any()), varied))
    return found


def saturation_table(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each method, size and number: its error over the baseline's, with interval; empty without either."""
    baseline = main_baseline(records)
    rows = [
        {"algorithm": lines.algorithm, "setting": lines.setting, "is_measured": lines.is_measured, **row}
        for lines in saturation_lines(records)
        for row in _ratios(lines, records, baseline)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def last_doublings(lines: Lines) -> LastDoublings | None:
    """What the last doublings bring, of numbers that were reached.

    None where no two of these lie a factor 2 apart, or a run has no log error.
    """
    blocks = [block_of(rows, "number", "value") for _, rows in lines.reached().groupby("data_size")]
    last = max(float(number) for block in blocks for number in block.columns)
    with_last = [block for block in blocks if last in block.columns]
    shared = sorted(set.intersection(*(set(map(float, block.columns)) for block in with_last)))
    before = next((max(below) for share in (4, 2) if (below := [n for n in shared if 0 < n <= last / share])), None)
    if before is None:
        return None
    noise = pooled_noise(blocks)
    change = difference([(block, {last: 1.0, before: -1.0}) for block in with_last], noise)
    if change is None:
        return None
    first = [number for number in shared if 0 < number <= before]
    slowing = None
    if len(first) > 1:
        early, late = 1 / np.log2(first[-1] / first[0]), 1 / np.log2(last / before)
        weights: Weights = {last: late, first[0]: early, before: -late - early}
        slowing = difference([(block, weights) for block in with_last], noise)
    return LastDoublings(before, last, change, slowing)


def _repeated(trained: pd.DataFrame) -> list[float]:
    """Numbers whose counts equal those of the number before, on all seeds that have both; [seeds, numbers]."""
    numbers = sorted(map(float, trained.columns))
    repeated = []
    for before, number in pairwise(numbers):
        both = trained[[before, number]].dropna()
        if not both.empty and (both[before] == both[number]).all():
            repeated.append(number)
    return repeated


def with_numbers(records: pd.DataFrame) -> pd.DataFrame:
    """The records with log error as `value`, `number` of solutions, `is_measured`, and the rest of the variant."""
    parts = [_split(text) for text in records["variant"]]
    asked = pd.Series([number for number, _ in parts], index=records.index, dtype=float)
    rows = records.assign(value=logs(records["test_error"]), setting=[rest for _, rest in parts])
    has_asked = asked.notna().groupby(records["algorithm"].astype(str)).transform("any")
    rows = rows.assign(number=asked.where(has_asked, _measured(records)), is_measured=~has_asked)
    return rows.dropna(subset=["number"])


def _split(variant: str) -> tuple[float | None, str]:
    """The number of solutions that a variant asks for, and its other settings."""
    settings = [setting.partition("=") for setting in shlex.split(variant)]
    number = next((float(value) for key, _, value in settings if key == KEY), None)
    return number, shlex.join("".join(setting) for setting in settings if setting[0] != KEY)


def _measured(records: pd.DataFrame) -> "pd.Series[float]":
    """Positives that a point trained on, per problem: the mean over seeds, as seeds differ by a few."""
    if "num_train_positives" not in records.columns:
        return pd.Series(np.nan, index=records.index, dtype=float)
    counts = pd.to_numeric(records["num_train_positives"], errors="coerce") / records["data_size"]
    keys = [records[name].astype(str) for name in ("algorithm", "variant", "data_size", "negative_fraction")]
    return counts.groupby(keys).transform("mean").round(3).where(lambda mean: mean > 0)


def _ratios(lines: Lines, records: pd.DataFrame, baseline: str | None) -> list[dict[str, object]]:
    theirs = records.iloc[:0] if baseline is None else baseline_rows(records, baseline)
    errors = theirs.assign(value=logs(theirs["test_error"])).groupby(["data_size", "seed"])["value"].mean()
    cells: list[tuple[dict[str, object], pd.DataFrame]] = []
    for (size, number), own in lines.rows.groupby(["data_size", "number"]):
        pair = own.groupby("seed")["value"].mean().to_frame("method")
        at_size = errors[errors.index.get_level_values("data_size") == size].droplevel("data_size")
        cell = _cell(own, float(str(size)), float(str(number)), baseline)
        cells.append((cell, pair.assign(**{BASELINE: at_size})))
    noise = _noise([(float(str(cell["data_size"])), pair) for cell, pair in cells])
    found = [difference([(pair, {"method": 1.0, BASELINE: -1.0})], noise) for _, pair in cells]
    return [cell | ratio_columns("error_ratio", one) for (cell, _), one in zip(cells, found, strict=True)]


def _cell(own: pd.DataFrame, size: float, number: float, baseline: str | None) -> dict[str, object]:
    trained = pd.to_numeric(own["num_train_positives"], errors="coerce") if "num_train_positives" in own else None
    return {
        "data_size": int(size),
        "solutions_per_problem": number,
        "mean_num_train_positives": None if trained is None else float(trained.mean()),
        "baseline": baseline,
        "num_seeds": int(own["seed"].nunique()),
        "mean_test_error": float(own["test_error"].mean()),
    }


def _noise(pairs: Sequence[tuple[float, pd.DataFrame]]) -> Noise:
    """Pooled over all cells, with each size's degrees of freedom once: its cells share the baseline's runs."""
    noise = pooled_noise([pair.dropna() for _, pair in pairs])
    by_size: dict[float, int] = {}
    for size, pair in pairs:
        by_size[size] = max(by_size.get(size, 0), len(pair.dropna()) - 1)
    return replace(noise, freedom=sum(by_size.values())) if noise.sd is not None else noise
