"""A search over hyper-parameters: every setting of an algorithm with what it reached, the best one marked.

Settings of an algorithm at a size are ranked by their mean accuracy over seeds, equal ones by their cost. The best
stands at an edge where a number in it is the smallest or the largest that was tried of this key: the grid may end too
early there. Each setting's odds of a right answer are told against the best one's, paired over seeds, with the noise
pooled over all settings: where that interval holds 1, the search cannot tell the two apart. The best was chosen by the
same runs, so its own accuracy is a little too high.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from synthscale.study.error import UserError
from synthscale_analysis.curves import LABELS, short, short_keys
from synthscale_analysis.numbers.arms import settings_of
from synthscale_analysis.numbers.paired import block_of, difference, log_odds, pooled_noise, ratio_columns
from synthscale_analysis.numbers.wording import accuracy_text, times_text
from synthscale_analysis.studies import worlds_of

COLUMNS = (
    *("task", "model", "algorithm", "data_size", "rank", "setting", "num_seeds", "mean_accuracy", "sd_accuracy"),
    *("mean_seconds", "is_best", "edges", "odds_of_best", "odds_of_best_low", "odds_of_best_high"),
)
ABSENT = "no algorithm of these records was run with several settings"
FRACTION = "mixture.negative_fraction"
_SECONDS = ("train_seconds", "sample_seconds")
Row = dict[str, object]


def search_table(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each setting, sorted; UserError where no algorithm has several."""
    rows = [
        {"task": task, "model": model, "algorithm": algorithm, "data_size": int(float(str(size))), **row}
        for task, model, of_world in worlds_of(_with_settings(records))
        for algorithm, of_algorithm in _by_algorithm(of_world)
        for size, own in of_algorithm.groupby("data_size")
        for row in _ranked(own)
    ]
    if all(row["rank"] == 1 for row in rows):
        raise UserError(ABSENT)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def search_page(records: pd.DataFrame) -> str:
    """The table in Markdown, one an algorithm and size, for a page of findings."""
    table, parts = search_table(records), []
    for (task, model, algorithm, size), rows in table.groupby(["task", "model", "algorithm", "data_size"], sort=False):
        title = f"### {LABELS.get(str(algorithm), algorithm)}, {size:,} problems ({task}, {model})"
        lines = [
            title,
            "",
            "| setting | seeds | accuracy, % | seconds | best's odds over its own |",
            "|---|---|---|---|---|",
        ]
        lines += [_line(row) for row in rows.to_dict("records")]
        edges = rows["edges"].dropna()
        lines += ["", f"The best stands at an edge: {edges.iloc[0]}."] if len(edges) else []
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def edges_of(best: Mapping[str, str], tried: Sequence[Mapping[str, str]]) -> list[str]:
    """Keys whose number in the best setting is the smallest or largest that was tried, as "beta=0.5 (largest of 3)".

    A negative fraction of 0 or 1 cannot be passed and is no edge.
    """
    found, names = [], short_keys(list(best))
    for key, text in best.items():
        number = _number(text)
        numbers = sorted({value for one in tried if (value := _number(one.get(key, ""))) is not None})
        if number is None or len(numbers) < 2 or (key == FRACTION and number in (0, 1)):
            continue
        for end, word in ((numbers[0], "smallest"), (numbers[-1], "largest")):
            if number == end:
                found.append(f"{names[key]}={text} ({word} of {len(numbers)})")
    return found


def _with_settings(records: pd.DataFrame) -> pd.DataFrame:
    """The records with the variant, and the fraction where an algorithm has several, as `setting`."""
    fractions = records.groupby(["task", "model", "algorithm"], dropna=False)["negative_fraction"].transform("nunique")
    told = [
        f"{FRACTION}={fraction:g}" if several and pd.notna(fraction) else ""
        for fraction, several in zip(records["negative_fraction"], fractions > 1, strict=True)
    ]
    settings = [" ".join(filter(None, pair)) for pair in zip(records["variant"], told, strict=True)]
    return records.assign(setting=settings)


def _by_algorithm(records: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Known algorithms as the paper tells of them, then others by name."""
    groups = {str(name): rows for name, rows in records.groupby(records["algorithm"].astype(str))}
    names = [name for name in LABELS if name in groups] + sorted(set(groups) - set(LABELS))
    return [(name, groups[name]) for name in names]


def _ranked(own: pd.DataFrame) -> list[Row]:
    """Rows of one algorithm at one size, the best first."""
    cells = {str(setting): cell for setting, cell in own.groupby("setting")}
    seconds = {setting: _seconds(cell) for setting, cell in cells.items()}
    means = {setting: float(cell["test_accuracy"].mean()) for setting, cell in cells.items()}
    order = sorted(cells, key=lambda one: (-round(means[one], 12), math.inf if (s := seconds[one]) is None else s, one))
    edges = edges_of(settings_of(order[0]), [settings_of(setting) for setting in order])
    block = block_of(own.assign(value=log_odds(own["test_accuracy"])), "setting", "value")
    noise = pooled_noise([block])
    rows: list[Row] = []
    for rank, setting in enumerate(order, 1):
        accuracies = cells[setting]["test_accuracy"]
        row: Row = {"rank": rank, "setting": setting, "num_seeds": len(accuracies), "mean_accuracy": means[setting]}
        row |= {"sd_accuracy": float(accuracies.std(ddof=1)) if len(accuracies) > 1 else None}
        row |= {"mean_seconds": seconds[setting], "is_best": rank == 1 and len(order) > 1}
        row |= {"edges": "; ".join(edges) or None} if rank == 1 else {}
        found = difference([(block, {order[0]: 1.0, setting: -1.0})], noise) if rank > 1 else None
        rows.append(row | ratio_columns("odds_of_best", found))
    return rows


def _seconds(cell: pd.DataFrame) -> float | None:
    """Of training and sampling, the mean over seeds; a phase that a point does not have took none."""
    columns = cell[[name for name in _SECONDS if name in cell.columns]].apply(pd.to_numeric, errors="coerce")
    if _SECONDS[0] not in columns or columns[_SECONDS[0]].isna().any():
        return None
    return round(float(columns.fillna(0.0).sum(axis=1).mean()), 3)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _line(row: Mapping[Hashable, Any]) -> str:
    accuracy = accuracy_text(row["mean_accuracy"], row["sd_accuracy"])
    seconds = "" if pd.isna(row["mean_seconds"]) else f"{row['mean_seconds']:,.1f}"
    ends = [row[f"odds_of_best{end}"] for end in ("", "_low", "_high")]
    odds = "" if pd.isna(ends[0]) else times_text(ends[0], ends[1], ends[2])
    setting = short(str(row["setting"])) or "as it is"
    cells = [f"**{setting}**" if row["is_best"] else setting, row["num_seeds"], accuracy, seconds, odds]
    return f"| {' | '.join(map(str, cells))} |"
