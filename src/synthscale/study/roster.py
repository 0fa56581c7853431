"""The points that a study has been asked for, kept on disk, so that its status is told without composing it again.

Each run or submission leaves one file with its points and the graph of their stages, named by its content; the same
command again renews it, but for when it was first given. Where two files have points of the same axes, with other
configs, those of the newer one count.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

from synthscale.durable import write_durably
from synthscale.study.recipe import Point
from synthscale.study.record import study_folder

log = logging.getLogger(__name__)
ROSTERS = "points"


@dataclass(frozen=True, slots=True)
class Member:
    """One point of a study by its axes, with the key of its last stage."""

    label: str
    task: str
    model: str
    algorithm: str
    data_size: int
    negative_fraction: float
    seed: int
    root: str

    @property
    def axes(self) -> tuple[Any, ...]:
        """What tells points apart in a table; one that was asked for up to an earlier stage is not the whole one."""
        last_stage = self.root.partition("-")[0]
        return (self.task, self.model, self.algorithm, self.data_size, self.negative_fraction, self.seed, last_stage)


_TYPES = {name: (int, float) if wanted is float else wanted for name, wanted in get_type_hints(Member).items()}


@dataclass(frozen=True, slots=True)
class Roster:
    """A study's points, and the inputs of each of their stages by key."""

    members: tuple[Member, ...]
    inputs: Mapping[str, tuple[str, ...]]


def member(point: Point) -> Member:
    """The point's entry."""
    config = point.config
    return Member(
        point.label,
        config.task.name,
        config.model.name,
        config.algorithm.name,
        config.data_size,
        config.mixture.negative_fraction,
        config.seed,
        point.root.key,
    )


def write_rosters(points: Iterable[Point]) -> None:
    """Keep the points in the folders of their studies."""
    studies: dict[Path, list[Point]] = {}
    for point in points:
        studies.setdefault(study_folder(point.config), []).append(point)
    for study, of_study in studies.items():
        content = {
            "members": [asdict(member(point)) for point in of_study],
            "inputs": {
                node.key: sorted(child.key for child in node.inputs.values())
                for point in of_study
                for node in point.root.walk()
            },
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        path, now = study / ROSTERS / f"{digest[:16]}.json", time.time()
        text = json.dumps({"begun": begun(path) or now, "created": now, **content}, indent=1)
        write_durably(path, text.encode())


def begun(path: Path) -> float | None:
    """When the points of a file were first asked for, in seconds since 1970; None where that cannot be read."""
    try:
        content = json.loads(path.read_bytes())
        return float(content.get("begun") or content["created"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _checked(one: Member) -> Member:
    """The entry; TypeError where one of its values is of another type than it is written with."""
    for name, wanted in _TYPES.items():
        value = getattr(one, name)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}")
    return one


def read_roster(study: Path) -> Roster | None:
    """All points of the study, in the order in which they were first asked for; None where there is none.

    Raises:
        OSError: if the folder cannot be read.
    """
    files = []
    for path in (study / ROSTERS).glob("*.json"):
        try:
            content = json.loads(path.read_bytes())
            members = [_checked(Member(**row)) for row in content["members"]]
            of_keys = {key: tuple(map(str, children)) for key, children in content["inputs"].items()}
            files.append((float(content["created"]), members, of_keys))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s is no list of points (%s) and is left out.", path, error)
    if not files:
        return None
    cells: dict[tuple[Any, ...], dict[Member, None]] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    for _, members, of_keys in sorted(files, key=lambda file: file[0]):
        cells |= {one.axes: {} for one in members}
        for one in members:  # a sweep over another key has several points in a cell
            cells[one.axes][one] = None
        inputs |= of_keys
    return Roster(tuple(one for cell in cells.values() for one in cell), inputs)
