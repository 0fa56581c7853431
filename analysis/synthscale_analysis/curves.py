"""Curves of a study: which rows belong together, how each is called and drawn.

A curve is an algorithm's rows over data sizes and seeds; where an algorithm was run with several negative fractions,
each fraction is a curve of its own, in tints of the algorithm's colour. An algorithm keeps its colour and marker in
every figure and every study. Colours are Okabe and Ito's (2008), told apart under the common colour blindnesses;
markers and dashes differ too, for print without colour, and none is a triangle: those stand for bounds.
"""

from dataclasses import dataclass

import pandas as pd
from matplotlib.colors import to_hex, to_rgb

from synthscale_analysis.errors import UserError

LineStyle = str | tuple[float, tuple[float, ...]]

LABELS = {
    "sft": "SFT",
    "sft_matched": "SFT, matched updates",
    "rft": "RFT",
    "dpo": "DPO",
    "step_dpo": "per-step DPO (paper's form)",
    "step_mix": "per-step mix",
}
COLOURS = {
    "sft": "#000000",
    "sft_matched": "#7f7f7f",
    "rft": "#0072b2",
    "dpo": "#e69f00",
    "step_dpo": "#d55e00",
    "step_mix": "#009e73",
}
FURTHER_COLOURS = ("#cc79a7", "#56b4e9", "#8c6d31", "#6a3d9a", "#b2182b", "#4d9221")
MARKERS = ("o", "s", "D", "p", "X", "P", "h", "d", "*", "8", "H")
FRACTION_MARKERS = ("P", "o", "D", "s", "X", "h", "d", "*")
#: Dashes, as matplotlib takes them: of algorithms, and of fractions within one.
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
    """Rows of one algorithm, and of one negative fraction where that varies within the algorithm.

    negative_fraction: None where the algorithm has only one. rows: records, one a seed and size.
    """

    algorithm: str
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
    """Rows of a baseline algorithm; no rows where the study has none."""
    return records[records["algorithm"].astype(str) == baseline]


def _curves_of_algorithm(name: str, rows: pd.DataFrame, colour: str, marker: str, style: LineStyle) -> list[Curve]:
    label = LABELS.get(name, name)
    fractions = sorted(float(fraction) for fraction in rows["negative_fraction"].dropna().unique())
    if len(fractions) < 2:
        return [Curve(name, None, label, colour, marker, style, rows)]
    if rows["negative_fraction"].isna().any():
        raise UserError(f"algorithm {name} has several negative fractions and rows without one; fill the column")
    curves = []
    for rank, fraction in enumerate(fractions):
        tint = _tint(colour, 0.5 * (1 - rank / (len(fractions) - 1)))
        mark = FRACTION_MARKERS[rank % len(FRACTION_MARKERS)]
        own = rows[rows["negative_fraction"] == fraction]
        dashes = LINE_STYLES[rank % len(LINE_STYLES)]
        curves.append(Curve(name, fraction, f"{label}, {fraction:g} negative", tint, mark, dashes, own))
    return curves


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
