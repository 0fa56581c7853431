"""What a page is about: its title, and one line on how much was run."""

import pandas as pd

from synthscale_analysis.material import Material
from synthscale_analysis.numbers.wording import duration


def title_of(material: Material) -> str:
    """The studies that the records name, or the study's folder, with the task and the model."""
    return f"{studies_named(material)}: {material.study.task}, {material.study.model}"


def studies_named(material: Material) -> str:
    """As "quick" or "quick, quick-2"; the study's folder where the records name none."""
    named = material.records["study"].dropna() if "study" in material.records else pd.Series(dtype=str)
    return ", ".join(sorted(named.astype(str).unique())) or material.source.resolve().name


def scope_of(material: Material) -> str:
    """As "6 methods, 4 sizes, 2 seeds: 48 points, 12 min of computing"."""
    records = material.records
    axes = [
        _counted(len(material.curves), "method"),
        _counted(records["data_size"].nunique(), "size"),
        _counted(records["seed"].nunique(), "seed"),
    ]
    return f"{', '.join(axes)}: {_counted(len(records), 'point')}{_cost(material)}"


def _cost(material: Material) -> str:
    """Seconds of all stages, each artifact counted once; without the artifacts, those that the records name."""
    if material.stage_seconds is not None:
        return f", {duration(float(material.stage_seconds['seconds'].sum()))} of computing, over all processes"
    seconds = seconds_of(material.records)
    shared = "where methods share stages, counted for each"
    return "" if seconds is None else f", {duration(seconds)} of training and sampling ({shared})"


def seconds_of(records: pd.DataFrame) -> float | None:
    """Seconds of training and sampling, summed over points, also of what they share; None where not counted."""
    columns = [name for name in ("train_seconds", "sample_seconds") if name in records]
    numbers = records[columns].apply(pd.to_numeric, errors="coerce")
    return float(numbers.sum().sum()) if numbers.notna().any().any() else None


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
