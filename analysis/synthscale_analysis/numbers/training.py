"""Curves of trainings, from training.csv: by phase, size and seed, with the line each is drawn as."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from synthscale_analysis.curves import Curve
from synthscale_analysis.extract.lineage import FIRST_PHASE
from synthscale_analysis.extract.stage_seconds import SHARED
from synthscale_analysis.extract.tables import TRAINING, read_table, with_curves
from synthscale_analysis.material import Material

SHARED_LABEL = "shared by several methods"
_SHARED_COLOUR = "#8a6f4e"
QUANTITIES = {
    "train_loss": "training loss",
    "train_margin": "margin of pairs (nats)",
    "validation_loss": "validation loss",
    "validation_accuracy": "validation accuracy",
}


@dataclass(frozen=True, slots=True)
class Phase:
    """All curves of one phase. rows: of training.csv, with the label of the line; curves: the lines in their order."""

    name: str
    curves: list[Curve]
    rows: pd.DataFrame

    @property
    def title(self) -> str:
        """What the phase is called."""
        if self.name == FIRST_PHASE:
            return "First phase: the teacher's solutions"
        earlier = self.name.partition("_")[2]
        return f"Phase {int(earlier) - 1} before the last" if earlier else "Last phase: what each method composed"

    @property
    def quantities(self) -> list[str]:
        """Those that were measured in any training of the phase."""
        return [name for name in QUANTITIES if self.rows[name].notna().any()]

    @property
    def cells(self) -> list[tuple[int, str]]:
        """Sizes and seeds, the largest size last."""
        pairs = self.rows[["data_size", "seed"]].drop_duplicates()
        return sorted(zip(pairs["data_size"].astype(int), pairs["seed"].astype(str), strict=True))

    def line(self, curve: Curve, cell: tuple[int, str], quantity: str) -> pd.DataFrame:
        """Updates and values of one curve; of several trainings of the same name, the first."""
        rows = self.rows
        own = rows[(rows["label"] == curve.label) & (rows["data_size"] == cell[0]) & (rows["seed"] == cell[1])]
        own = own[own["artifact"] == own["artifact"].iloc[0]] if len(own) else own
        return own.loc[own[quantity].notna(), ["update", quantity]]


def phases_of(material: Material) -> list[Phase]:
    """The phases in their order; none where no curves are known."""
    table = read_table(material, TRAINING)
    if table is None:
        return []
    shared = table[table["algorithm"] == SHARED].assign(label=SHARED_LABEL)
    table = pd.concat([shared, with_curves(material, table[table["algorithm"] != SHARED]).dropna(subset="label")])
    table = table.assign(seed=table["seed"].astype(str))
    names = sorted(table["phase"].unique(), key=lambda name: (name != FIRST_PHASE, -_number(name)))
    return [_phase(str(name), table[table["phase"] == name], material.curves) for name in names]


def _number(phase: str) -> int:
    number = phase.partition("_")[2]
    return int(number) if number.isdigit() else 1


def _phase(name: str, rows: pd.DataFrame, curves: Sequence[Curve]) -> Phase:
    there = set(rows["label"])
    shared = Curve(
        algorithm=SHARED,
        variant="",
        negative_fraction=None,
        label=SHARED_LABEL,
        colour=_SHARED_COLOUR,
        marker="o",
        line_style="-",
        rows=rows.head(0),
    )
    own = [curve for curve in curves if curve.label in there]
    return Phase(name, [*([shared] if SHARED_LABEL in there else []), *own], rows)
