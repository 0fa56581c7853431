"""The tables on disk: written into the report's folder, read from there or from beside the records.

A point whose artifacts are not here keeps the rows that an earlier report has of it, so that clearing artifacts away
loses nothing; rows of points that are no longer in the records go. Where no artifact is here at all, the tables beside
results.csv are as good: those that were committed with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from synthscale_analysis.curves import Curve
from synthscale_analysis.extract.stage_seconds import SHARED
from synthscale_analysis.material import Material
from synthscale_analysis.output import write_atomically, write_csv

CREDIT, SPURIOUS, TRAINING = "credit.csv", "spurious.csv", "training.csv"
SOLUTIONS, PROVENANCE = "solutions.json", "provenance.json"
NO_ARTIFACTS = "the artifacts of these points are not here, and no table that was made from them"


def read_table(material: Material, name: str) -> pd.DataFrame | None:
    """A table of the report or beside the records, with the rows of these records; None where there is none."""
    path = _found(material, name)
    if path is None or "artifact" not in material.records.columns:
        return None
    try:
        table = pd.read_csv(path, dtype={"artifact": str, "seed": str, "group": str, "algorithm": str})
    except (OSError, ValueError):
        return None
    if "artifact" not in table.columns:
        return None
    roots = set(material.records["artifact"].dropna().astype(str))
    kept = table[table["artifact"].isin(roots) | (table["algorithm"] == SHARED)].reset_index(drop=True)
    return None if kept.empty else kept


def read_plain(material: Material, name: str) -> pd.DataFrame | None:
    """Another table of the report or beside the records, as it is; None where there is none."""
    path = _found(material, name)
    try:
        return pd.read_csv(path) if path is not None else None
    except (OSError, ValueError):
        return None


def read_json(material: Material, name: str) -> dict[str, Any] | None:
    """A JSON file of the report or beside the records; None where there is none."""
    path = _found(material, name)
    try:
        content = json.loads(path.read_bytes()) if path is not None else None
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def curve_by_artifact(material: Material) -> dict[str, Curve]:
    """The curve that each point belongs to, by the key of its last artifact."""
    if "artifact" not in material.records.columns:
        return {}
    return {str(key): curve for curve in material.curves for key in curve.rows["artifact"].dropna()}


def with_curves(material: Material, table: pd.DataFrame) -> pd.DataFrame:
    """The rows with `label` and `algorithm` of the curve of their point, NaN where they are of no point.

    Points of several curves may be one artifact, as RFT and a mixture without negatives are: its rows are each curve's.
    """
    known = [
        (str(key), curve.label, curve.algorithm) for curve in material.curves for key in curve.rows["artifact"].dropna()
    ]
    of_points = pd.DataFrame(known, columns=["artifact", "label", "algorithm"], dtype=str).drop_duplicates()
    return table.drop(columns="algorithm").merge(of_points, on="artifact", how="left")


def write_table(material: Material, name: str, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write the rows, and behind them what an earlier table has of points that gave none now."""
    table = pd.DataFrame(list(rows), columns=list(columns))
    earlier = read_table(material, name)
    if earlier is not None:
        lost = earlier[~earlier["artifact"].isin(set(table["artifact"]))].reindex(columns=list(columns))
        table = pd.concat([table, lost]) if len(table) and len(lost) else table if len(table) else lost
    write_csv(material.study.folder / name, table)


def write_json(material: Material, name: str, content: Mapping[str, Any]) -> None:
    """Write the content on one line."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    write_atomically(material.study.folder / name, f"{text}\n".encode())


def _found(material: Material, name: str) -> Path | None:
    """The file in the report's folder, else at the same place beside the records."""
    report, folder = material.source / "report", material.study.folder
    beside = material.source / folder.relative_to(report) if folder.is_relative_to(report) else material.source
    return next((path for path in (folder / name, beside / name) if path.is_file()), None)
