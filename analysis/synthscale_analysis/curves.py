"""Curves of a study: which rows belong together, how each is called and drawn.

A curve is an algorithm's rows over data sizes and seeds; where an algorithm was run in several variants (settings that
are no axis) or with several negative fractions, each is a curve of its own, in tints of the algorithm's colour. An
algorithm keeps its colour and marker in every figure and every study. Colours are Okabe and Ito's (2008), told apart
under the common colour blindnesses; markers and dashes differ too, for print without colour, and none is a triangle:
those stand for bounds.
"""

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.colors import to_hex, to_rgb

from synthscale.study.error import UserError

LineStyle = str | tuple[float, tuple[float, ...]]

LABELS = {
    "sft": "SFT",
    "sft_matched": "SFT, matched updates",
    "rft": "RFT",
    "rft_from_base": "RFT, from the base",
    "dpo": "DPO",
    "step_dpo": "per-step DPO (paper's form)",
    "step_mix": "per-step mix",
    "rft_filtered": "RFT, filtered by advantage",
    "advantage_weighted": "advantage-weighted RL",
    "ideal": "ideal learner of the traces",
}
COLOURS = {
    "sft": "#000000",
    "sft_matched": "#7f7f7f",
    "rft": "#0072b2",
    "rft_from_base": "#56b4e9",
    "dpo": "#e69f00",
    "step_dpo": "#d55e00",
    "step_mix": "#009e73",
    "rft_filtered": "#cc79a7",
    "advantage_weighted": "#8c6d31",
    "ideal": "#b2182b",
}
FURTHER_COLOURS = ("#6a3d9a", "#4d9221")
MARKERS = ("o", "s", "D", "p", "X", "P", "h", "d", "*", "8", "H")
PART_MARKERS = ("P", "o", "D", "s", "X", "h", "d", "*")
#: Dashes, as matplotlib takes them: of algorithms, and of variants and fractions within one.
LINE_STYLES: tuple[LineStyle, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (7, 1.5, 1.5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (10, 2)),
)


@dataclass(frozen=True, slots=True)
class Curve:
    """Rows of one algorithm, and of one variant and negative fraction where these vary within the algorithm.

    variant: settings as "key=value key=value", empty where the algorithm has only one. negative_fraction: None where
    it has only one. rows: records, one a seed and size.
    """

    algorithm: str
    variant: str
    negative_fraction: float | None
    label: str
    colour: str
    marker: str
    line_style: LineStyle
    rows: pd.DataFrame


def curves_of(records: pd.DataFrame) -> list[Curve]:
    """Curves in a fixed order: known algorithms as the paper tells of them, then others by name."""
    present = set(records["algorithm"].astype(str))
    names = [name for name in LABELS if name in present] + sorted(present - set(LABELS))
    curves = []
    for name in names:
        rows = records[records["algorithm"].astype(str) == name]
        place = _place(name, names)
        style = LINE_STYLES[place % len(LINE_STYLES)]
        curves += _curves_of_algorithm(name, rows, _colour(name, names), MARKERS[place % len(MARKERS)], style)
    return curves


def baseline_rows(records: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Rows of a baseline algorithm; no rows where the study has none, or several variants of it: which would it be?"""
    rows = records[records["algorithm"].astype(str) == baseline]
    return rows if rows["variant"].nunique() < 2 else rows.iloc[:0]


def _curves_of_algorithm(name: str, rows: pd.DataFrame, colour: str, marker: str, style: LineStyle) -> list[Curve]:
    label, several_variants = LABELS.get(name, name), rows["variant"].nunique() > 1
    parts = [
        (str(variant) if several_variants else "", fraction, part)
        for variant, of_variant in rows.groupby("variant", sort=False)
        for fraction, part in _by_fraction(name, of_variant)
    ]
    parts.sort(key=lambda part: natural_key(part[0]))
    if len(parts) == 1:
        return [Curve(name, *parts[0][:2], label, colour, marker, style, parts[0][2])]
    curves = []
    for rank, (variant, fraction, own) in enumerate(parts):
        tint = _tint(colour, 0.5 * (1 - rank / (len(parts) - 1)))
        mark, dashes = PART_MARKERS[rank % len(PART_MARKERS)], LINE_STYLES[rank % len(LINE_STYLES)]
        told = [label_of(name, variant), "" if fraction is None else f"{fraction:g} negative"]
        curves.append(Curve(name, variant, fraction, ", ".join(filter(None, told)), tint, mark, dashes, own))
    return curves


def _by_fraction(name: str, rows: pd.DataFrame) -> list[tuple[float | None, pd.DataFrame]]:
    """The rows of each negative fraction; of none where there is only one."""
    fractions = sorted(float(fraction) for fraction in rows["negative_fraction"].dropna().unique())
    if len(fractions) < 2:
        return [(None, rows)]
    if rows["negative_fraction"].isna().any():
        raise UserError(f"algorithm {name} has several negative fractions and rows without one; fill the column")
    return [(fraction, rows[rows["negative_fraction"] == fraction]) for fraction in fractions]


def label_of(algorithm: str, variant: str) -> str:
    """As a legend or a panel's title has them: "RFT, positives_per_problem=4"."""
    return ", ".join(filter(None, [LABELS.get(algorithm, algorithm), short(variant)]))


def short(variant: str) -> str:
    """The variant for a legend: keys without their groups, as "positives_per_problem=4".

    Keys that are then the same keep a part of theirs, as "first.learning_rate=0.001".
    """
    settings = [setting.partition("=") for setting in shlex.split(variant)]
    names = short_keys([key for key, _, _ in settings])
    return " ".join(f"{names[key]}={value}" for key, _, value in settings)


def short_keys(keys: Sequence[str]) -> dict[str, str]:
    """Each key's last part; its last two where another key has the same last part."""
    last = {key: key.rpartition(".")[2] for key in keys}
    shared = {name for name, count in Counter(last.values()).items() if count > 1}
    return {key: ".".join(key.split(".")[-2:]) if name in shared else name for key, name in last.items()}


def natural_key(text: str) -> list[tuple[int, float, str]]:
    """A sort key that puts k=4 before k=16."""
    pieces = re.split(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", text)
    return [(0, float(piece), "") if index % 2 else (1, 0.0, piece) for index, piece in enumerate(pieces)]


def distinct_looks(algorithms: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each line; algorithms: by the lines' names.

    The first line of a known algorithm has its colour, others have further ones.
    """
    looks: dict[str, tuple[str, str]] = {}
    for place, (name, algorithm) in enumerate(algorithms.items()):
        known = COLOURS.get(algorithm)
        is_taken = known in {colour for colour, _ in looks.values()}
        colour = known if known and not is_taken else FURTHER_COLOURS[place % len(FURTHER_COLOURS)]
        looks[name] = (colour, MARKERS[place % len(MARKERS)])
    return looks


def _place(name: str, names: list[str]) -> int:
    if name in LABELS:
        return list(LABELS).index(name)
    return len(LABELS) + [other for other in names if other not in LABELS].index(name)


def _colour(name: str, names: list[str]) -> str:
    if name in COLOURS:
        return COLOURS[name]
    return FURTHER_COLOURS[(_place(name, names) - len(LABELS)) % len(FURTHER_COLOURS)]


def _tint(colour: str, share_white: float) -> str:
    red, green, blue = (channel + (1 - channel) * share_white for channel in to_rgb(colour))
    return to_hex((red, green, blue))
