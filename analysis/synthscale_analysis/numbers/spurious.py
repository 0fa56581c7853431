"""Wrong steps in accepted solutions, by point and source, and what they do to the policy that learns from them.

The effect is looked for where a method was run in several variants: within a method and a size, accuracy against the
share of positives with a wrong step, both as differences from that group's mean. Methods are not compared with one
another, because they differ in more than their positives.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from synthscale_analysis.extract.spurious import CHOSEN, POSITIVES, SAMPLES
from synthscale_analysis.extract.tables import SPURIOUS, read_table, with_curves
from synthscale_analysis.material import Material

TEST = "test"
SOURCES = {
    SAMPLES: "right samples",
    POSITIVES: "positives trained on",
    CHOSEN: "accepted sides of pairs",
    TEST: "right test answers",
}
LEAST_CONTRAST = 0.02  # difference in share between variants below which an effect could not be seen
COLUMNS = ["label", "algorithm", "data_size", "seed", "source", "num", "share", "test_accuracy"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one percentage point more of positives with a wrong step does to accuracy, within method and size.

    contrast: the largest difference in share between two variants of a method at one size. slope, low, high: change of
    test accuracy per unit of share with a 95 % interval; None where there is no contrast or too few runs.
    """

    contrast: float
    num_points: int
    slope: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def has_contrast(self) -> bool:
        """Whether variants differ enough in their positives."""
        return self.contrast >= LEAST_CONTRAST


def spurious_table(material: Material) -> pd.DataFrame:
    """One row a point and source with the share of accepted solutions that hold a wrong step; may be empty."""
    parts = [part for part in (_test_answers(material), _of_artifacts(material)) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def valued_table(material: Material) -> pd.DataFrame:
    """Curve, size and source with the shares of steps that did not help (A ≤ 0) or cost (A < 0); may be empty."""
    counts = ["num_valued_steps", "num_useless_steps", "num_harmful_steps"]
    table = read_table(material, SPURIOUS)
    if table is None or not set(counts) <= set(table.columns):
        return pd.DataFrame()
    sums = with_curves(material, table).groupby(["label", "data_size", "source"], as_index=False)[counts].sum()
    known = sums[sums["num_valued_steps"] > 0]
    return known.assign(
        useless=known["num_useless_steps"] / known["num_valued_steps"],
        harmful=known["num_harmful_steps"] / known["num_valued_steps"],
    )


def effect_of(table: pd.DataFrame) -> Effect:
    """The effect of wrong steps in positives, from `spurious_table`."""
    positives = table[table["source"] == POSITIVES]
    groups = positives.groupby(["algorithm", "data_size"])
    several = groups.filter(lambda group: group["label"].nunique() > 1)
    if several.empty:
        return Effect(0.0, 0)
    means = several.groupby(["algorithm", "data_size", "label"])["share"].mean().groupby(["algorithm", "data_size"])
    contrast = float((means.max() - means.min()).max())
    if contrast < LEAST_CONTRAST:
        return Effect(contrast, len(several))
    return _slope(several, contrast)


def relative_to_size(table: pd.DataFrame) -> pd.DataFrame:
    """Positives' points with share and accuracy less the means of all points of the same size."""
    positives = table[table["source"] == POSITIVES]
    means = positives.groupby("data_size")[["share", "test_accuracy"]].transform("mean")
    return positives.assign(
        share_less=positives["share"] - means["share"],
        accuracy_less=positives["test_accuracy"] - means["test_accuracy"],
    )


def _slope(several: pd.DataFrame, contrast: float) -> Effect:
    """Least squares within groups, with Student's t."""
    columns = several[["share", "test_accuracy"]]
    centred = columns - several.groupby(["algorithm", "data_size"])[["share", "test_accuracy"]].transform("mean")
    x, y = centred["share"].to_numpy(), centred["test_accuracy"].to_numpy()
    freedom = len(several) - several.groupby(["algorithm", "data_size"]).ngroups - 1
    square = float(x @ x)
    if freedom < 1 or square == 0:
        return Effect(contrast, len(several))
    slope = float(x @ y) / square
    error = float(np.sqrt(np.sum((y - slope * x) ** 2) / freedom / square))
    half = float(stdtrit(freedom, 0.975)) * error
    return Effect(contrast, len(several), slope, slope - half, slope + half)


def _of_artifacts(material: Material) -> pd.DataFrame:
    table = read_table(material, SPURIOUS)
    if table is None:
        return pd.DataFrame(columns=COLUMNS)
    accuracy = material.records.dropna(subset="artifact").drop_duplicates("artifact").set_index("artifact")
    judged = with_curves(material, table[table["num_judged"] > 0])
    return judged.assign(
        num=judged["num_judged"],
        share=judged["num_with_wrong_step"] / judged["num_judged"],
        test_accuracy=judged["artifact"].map(accuracy["test_accuracy"]),
    )[COLUMNS]


def _test_answers(material: Material) -> pd.DataFrame:
    """From the records: right answers to test problems."""
    parts = []
    for curve in material.curves:
        if "wrong_step_share" not in curve.rows.columns:
            continue
        rows = curve.rows[curve.rows["wrong_step_share"].notna()]
        num = rows["num_test"] * rows["test_accuracy"] if "num_test" in rows.columns else float("nan")
        parts.append(
            rows.assign(label=curve.label, source=TEST, num=num, share=rows["wrong_step_share"].astype(float))[COLUMNS]
        )
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
