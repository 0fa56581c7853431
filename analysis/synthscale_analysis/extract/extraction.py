"""All tables of a study at once, kept where nothing that they hang on has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from synthscale_analysis.extract import credit_values, spurious, training
from synthscale_analysis.extract.lineage import FIRST_PHASE, Artifacts, KeptArtifact, Lineage
from synthscale_analysis.extract.provenance import provenance_json
from synthscale_analysis.extract.reading import Reading, reading_of
from synthscale_analysis.extract.solutions import PointOfView, solutions_json
from synthscale_analysis.extract.stage_seconds import SHARED
from synthscale_analysis.extract.tables import (
    CREDIT,
    PROVENANCE,
    SOLUTIONS,
    SPURIOUS,
    TRAINING,
    curve_by_artifact,
    write_json,
    write_table,
)
from synthscale_analysis.material import Material
from synthscale_analysis.output import with_progress, write_atomically

STAMP = "extracted_from.txt"

Rows = list[dict[str, Any]]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class PointRow:
    """A record's axes, and the artifacts of its point."""

    artifact: str
    algorithm: str
    data_size: int
    seed: str
    lineage: Lineage

    @property
    def axes(self) -> dict[str, Any]:
        """The first columns of every table."""
        return {
            "artifact": self.artifact,
            "algorithm": self.algorithm,
            "data_size": self.data_size,
            "seed": self.seed,
        }

    def has(self, *roles: str) -> bool:
        """Whether the point has such artifacts, and the data that their rows belong to."""
        return all(role in self.lineage for role in ("data", *roles))


def extract_tables(material: Material) -> list[str]:
    """Write the tables into the report's folder; sentences on what could not be read."""
    points, damage = points_here(material)
    if not points:
        return damage
    digest, notes = _digest(points), list(damage)
    if not _is_fresh(material.study.folder, digest):
        _extract(material, points, notes)
        if not notes:
            write_atomically(material.study.folder / STAMP, f"{digest}\n".encode())
    notes = list(dict.fromkeys(notes))
    write_json(material, PROVENANCE, _provenance(material, points) | {"notes": notes})
    return notes


def _extract(material: Material, points: Sequence[PointRow], notes: list[str]) -> None:
    reader = _Reader(notes)
    write_table(material, CREDIT, credit_values.COLUMNS, reader.credit(points))
    write_table(material, SPURIOUS, spurious.COLUMNS, reader.spurious(points))
    write_table(material, TRAINING, training.COLUMNS, reader.training(points))
    for content in reader.solutions(points):
        if content["sets"]:
            write_json(material, SOLUTIONS, content)


def points_here(material: Material) -> tuple[list[PointRow], list[str]]:
    """The points of the records whose artifacts are here, and sentences on what is here and damaged."""
    if "artifact" not in material.records.columns:
        return [], []
    artifacts = Artifacts(material.artifacts)
    known = material.records[material.records["artifact"].notna()].drop_duplicates("artifact")
    columns = (known[name].astype(str) for name in ("artifact", "algorithm", "data_size", "seed"))
    points = []
    for artifact, algorithm, size, seed in zip(*columns, strict=True):
        lineage = artifacts.lineage(artifact)
        if lineage is not None:
            points.append(PointRow(artifact, algorithm, int(float(size)), seed, lineage))
    known_artifacts = {one.key: one for point in points for one in point.lineage.by_role.values()}
    damaged = [f"{key}/{name}" for key, one in known_artifacts.items() for name in one.damaged]
    unreadable = [f"{key}/manifest.json" for key in artifacts.unreadable]
    return points, [f"{name} cannot be read or is cut short; its rows are left out." for name in damaged + unreadable]


class _Reader:
    """Makes rows of artifacts; a damaged or half-written one gives none, and a note."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes
        self._readings: dict[str, Reading] = {}

    def credit(self, points: Sequence[PointRow]) -> Iterator[dict[str, Any]]:
        """Rows of credit.csv; points that share credit and rules share their reading."""
        known: dict[tuple[str, ...], Rows] = {}
        for point in with_progress([one for one in points if one.has("sample", "credit")], "reading credit"):
            lineage, rules = point.lineage, point.lineage.config("compose")
            same = (lineage["credit"].key, str(rules.get("pit_rule")), str(rules.get("best_of")))
            if same not in known:
                known[same] = self._read(partial(credit_values.credit_rows, lineage, self._reading(lineage)))
            yield from ({**point.axes, **row} for row in known[same])

    def spurious(self, points: Sequence[PointRow]) -> Iterator[dict[str, Any]]:
        """Rows of spurious.csv; points of the same samples and credit one after the other, which are read once."""
        sampled = sorted((one for one in points if one.has("sample")), key=_sample_and_credit)
        last, found = ("", ""), list[spurious.Sampled]()
        for point in with_progress(sampled, "reading solutions"):
            lineage, reading = point.lineage, self._reading(point.lineage)
            if _sample_and_credit(point) != last:
                last, found = _sample_and_credit(point), self._read(partial(_one_sampled, lineage, reading))
            rows = self._read(partial(spurious.spurious_rows, lineage, reading, found[0])) if found else []
            yield from ({**point.axes, **row} for row in rows)

    def training(self, points: Sequence[PointRow]) -> Iterator[dict[str, Any]]:
        """Rows of each training once: of a method's own under its point, of a shared one under its own key."""
        users: dict[str, list[tuple[PointRow, str]]] = {}
        trainings: dict[str, KeptArtifact] = {}
        for point in points:
            for phase, artifact in point.lineage.phases.items():
                trainings[artifact.key] = artifact
                users.setdefault(artifact.key, []).append((point, phase))
        for key, of_key in with_progress(list(users.items()), "reading curves"):
            point, phase = of_key[0]
            is_shared = len(of_key) > 1 and phase == FIRST_PHASE
            axes = point.axes | ({"artifact": key, "algorithm": SHARED} if is_shared else {})
            rows = self._read(partial(training.training_rows, trainings[key]))
            yield from ({**axes, "phase": phase, **row} for row in rows)

    def solutions(self, points: Sequence[PointRow]) -> Rows:
        """The content of solutions.json, if there are samples: of each method's first seed, the largest size first."""
        having = [point for point in points if point.has("sample")]
        sampled = [point for point in having if point.lineage["sample"].file("samples.parquet") is not None]
        first = {point.algorithm: point.seed for point in sorted(sampled, key=lambda one: one.seed, reverse=True)}
        views = [
            PointOfView(point.lineage, size, point.seed)
            for size in _to_browse({point.data_size for point in sampled})
            for point in sampled
            if point.data_size == size and point.seed == first[point.algorithm]
        ]
        reading = self._reading(views[0].lineage) if views else None
        return self._read(lambda: [solutions_json(views, reading)]) if reading is not None else []

    def _reading(self, lineage: Lineage) -> Reading:
        config = lineage["sample"].config.get("task", {})
        name = json.dumps(config, sort_keys=True, default=str)
        if name not in self._readings:
            self._readings[name] = reading_of(config)
        return self._readings[name]

    def _read(self, make: Callable[[], list[Made]]) -> list[Made]:
        try:
            return make()
        except (ValueError, OSError, KeyError, TypeError) as error:
            self._notes.append(f"Left out of the page's tables: {' '.join(str(error).split())}")
            return []


def _one_sampled(lineage: Lineage, reading: Reading) -> list[spurious.Sampled]:
    return [spurious.sampled_of(lineage, reading)]


def _sample_and_credit(point: PointRow) -> tuple[str, str]:
    credit = point.lineage.get("credit")
    return point.lineage["sample"].key, "" if credit is None else credit.key


def _to_browse(sizes: set[int]) -> list[int]:
    """The largest, the smallest and the middle one."""
    ranked = sorted(sizes)
    return list(dict.fromkeys([ranked[-1], ranked[0], ranked[len(ranked) // 2]])) if ranked else []


def _provenance(material: Material, points: Sequence[PointRow]) -> dict[str, Any]:
    labels = {key: curve.label for key, curve in curve_by_artifact(material).items()}
    lineages = {point.artifact: point.lineage for point in points}
    return provenance_json(material.source, material.records, labels, lineages)


def _digest(points: Sequence[PointRow]) -> str:
    """What the tables depend on: the artifacts that are here, and the code that reads them."""
    keys = sorted({one.key for point in points for one in point.lineage.by_role.values()})
    digest = hashlib.sha256(json.dumps([sorted(point.artifact for point in points), keys]).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _is_fresh(folder: Path, digest: str) -> bool:
    stamp = folder / STAMP
    there = all((folder / name).exists() for name in (CREDIT, SPURIOUS, TRAINING))
    return there and stamp.exists() and stamp.read_text().strip() == digest
