"""What credit assignment found, by curve and data size: credit.csv pooled over seeds.

Means are weighted by what they count; shares are of all seeds' counts together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from synthscale_analysis.curves import Curve
from synthscale_analysis.extract.credit_values import ADAPTIVE
from synthscale_analysis.extract.tables import CREDIT, read_table, with_curves
from synthscale_analysis.material import Material

KEYS = ["label", "data_size", "search", "statistic", "group", "place"]
_SHARES = ("pit_step", "advantage", "pit_from_wrong", "pit_chance")
SHOWN_OFFSETS = (-3, 3)


@dataclass(frozen=True, slots=True)
class CreditCell:
    """The rows of one curve and size."""

    curve: Curve
    data_size: int
    rows: pd.DataFrame

    def of(self, statistic: str, group: str | None = None) -> pd.DataFrame:
        """The statistic's rows by place; group: only those of it."""
        rows = self.rows[self.rows["statistic"] == statistic]
        return rows if group is None else rows[rows["group"] == group]

    def value(self, statistic: str, place: float) -> float | None:
        """The statistic's value at a place; None where it has none."""
        rows = self.of(statistic)
        found = rows.loc[rows["place"] == place, "value"]
        return float(found.iloc[0]) if len(found) else None

    @property
    def is_adaptive(self) -> bool:
        """Whether rollouts were drawn where they tell most, so that most values are not known."""
        return bool((self.rows["search"] == ADAPTIVE).any())

    @property
    def num_pits(self) -> int:
        """Pits that were looked at."""
        return int(self.of("pit_step")["count"].sum())

    @property
    def rollouts_per_negative(self) -> float:
        """Rollouts drawn on behalf of a wrong solution, on average."""
        return float(self.of("rollouts_at_step")["value"].sum())

    @property
    def share_at_first_wrong(self) -> float | None:
        """Of the pits in solutions whose first wrong step is known, those that are this step."""
        return self.value("pit_from_wrong", 0)

    @property
    def value_before(self) -> float | None:
        """Mean Q just before the pit."""
        return self.value("from_pit", -1)

    def pit_steps(self) -> list[int]:
        """The steps that pits fall on, rising."""
        return [int(step) for step in self.of("pit_step")["place"]]


def credit_cells(material: Material) -> list[CreditCell]:
    """By curve in the page's order, then by size; none where no values are known."""
    table = read_table(material, CREDIT)
    if table is None:
        return []
    table = with_curves(material, table)
    table = table.assign(group=table["group"].fillna(""))
    pooled = _pooled(table[table["label"].notna()])
    return list(_cells(pooled, material.curves))


def largest_cells(cells: Sequence[CreditCell]) -> list[CreditCell]:
    """Of each curve the cell of its largest size."""
    last = {cell.curve.label: cell for cell in cells}
    return list(last.values())


def telling_cell(cells: Sequence[CreditCell]) -> CreditCell:
    """The largest size of the first curve whose every prefix has a value, else of the first curve."""
    largest = largest_cells(cells)
    return next((cell for cell in largest if not cell.is_adaptive), largest[0])


def _pooled(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each of `KEYS`, over seeds."""
    weighted = table.assign(weighted=table["value"] * table["count"])
    pooled = weighted.groupby(KEYS, as_index=False)[["weighted", "count"]].sum()
    pooled["value"] = pooled["weighted"] / pooled["count"]
    whole = pooled.groupby(["label", "data_size", "statistic"])["count"].transform("sum")
    is_share = pooled["statistic"].isin(_SHARES)
    pooled.loc[is_share, "value"] = pooled["count"] / whole
    return pooled.drop(columns="weighted")


def _cells(table: pd.DataFrame, curves: Sequence[Curve]) -> Iterator[CreditCell]:
    for curve in curves:
        own = table[table["label"] == curve.label]
        for size in sorted(own["data_size"].unique()):
            yield CreditCell(curve, int(size), own[own["data_size"] == size])
