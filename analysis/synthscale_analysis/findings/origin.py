"""Where a study's records come from: commands, commits, versions, machine, seconds, and which points are missing.

Seconds are those of the stages of all points, each artifact once, as `extract.stage_seconds` has them. Wall seconds are
those in which some stage was at work, from the artifacts' own times, so that a pause between two commands does not
count; artifacts that are older than the study's first command were made by another study and are left out of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from synthscale.study.error import UserError
from synthscale.study.execute import available_cores
from synthscale.study.roster import ROSTERS, begun, read_roster
from synthscale_analysis.extract.lineage import Artifacts, KeptArtifact
from synthscale_analysis.extract.provenance import commands, made_with
from synthscale_analysis.machine import processor


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Of one study's records.

    made_with: as `extract.provenance` has it. num_points: that were asked for; missing: those without a measured
    record, as labels. num_artifacts, num_unknown: stages that the records come from, and records whose stages are not
    here. num_reused: of the artifacts, those that an earlier study made. wall_seconds: None where nothing is known.
    """

    name: str
    commands: Sequence[str]
    made_with: dict[str, Any]
    processor: str
    num_cores: int
    num_records: int
    num_points: int
    missing: Sequence[str]
    num_artifacts: int
    num_unknown: int
    num_reused: int
    stage_seconds: float
    wall_seconds: float | None


def origin_of(source: Path, records: pd.DataFrame) -> Origin:
    """Of the records of a study's folder; UserError where the study does not say which points it was asked for."""
    roster = read_roster(source)
    if roster is None:
        raise UserError(
            f"{source} has no list of its points ({ROSTERS}/), so whether it is finished is not known; run its command "
            "again, which writes the list and trains nothing twice"
        )
    roots = set(records["artifact"].dropna().astype(str)) if "artifact" in records.columns else set()
    asked = [member for member in roster.members if member.root.startswith("evaluate-")]
    artifacts = artifacts_of(sorted(roots), source.resolve().parent / "artifacts")
    begin = begin_of(source)
    ours = [one for one in artifacts if begin is None or (ended(one) or begin) >= begin]
    return Origin(
        name=source.resolve().name,
        commands=commands(source),
        made_with=made_with(artifacts),
        processor=processor(),
        num_cores=available_cores(),
        num_records=len(records),
        num_points=len(asked),
        missing=[member.label for member in asked if member.root not in roots],
        num_artifacts=len(artifacts),
        num_unknown=len(roots - {one.key for one in artifacts}),
        num_reused=len(artifacts) - len(ours),
        stage_seconds=sum(one.seconds or 0.0 for one in artifacts),
        wall_seconds=wall_seconds(ours),
    )


def artifacts_of(roots: Iterable[str], folder: Path) -> list[KeptArtifact]:
    """All artifacts behind the records that are here, each once, by their keys."""
    found = (one for one in Artifacts(folder).behind(roots) if one is not None)
    return sorted(found, key=lambda one: one.key)


def begin_of(source: Path) -> float | None:
    """When the study was first asked for, in seconds since 1970; to the second, as the artifacts' times are."""
    times = [time for path in (source / ROSTERS).glob("*.json") if (time := begun(path)) is not None]
    return float(int(min(times))) if times else None


def ended(artifact: KeptArtifact) -> float | None:
    """When the artifact was finished, in seconds since 1970."""
    try:
        return datetime.fromisoformat(str(artifact.manifest.get("created"))).timestamp()
    except ValueError:
        return None


def wall_seconds(artifacts: Iterable[KeptArtifact]) -> float | None:
    """Length of the union of the times in which the artifacts were made; None where no time is known."""
    spans = sorted((end - (one.seconds or 0.0), end) for one in artifacts if (end := ended(one)) is not None)
    if not spans:
        return None
    total, until = 0.0, spans[0][0]
    for start, end in spans:
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
