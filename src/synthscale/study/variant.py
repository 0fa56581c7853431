"""What tells points apart that no axis does: a sweep over another key, such as `mixture.positives_per_problem=1,2,4`.

A point's variant names the settings that vary among the points of its task, model and algorithm; of the groups that
make another task or model (`OF_ALL`), those that vary among all algorithms' points, since only points with the same
world, teacher and base are compared. A setting that the size, the fraction or the seed decides by itself is none: it
says nothing that the axis does not, as where longer training goes with more data.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthscale.stage.stage import plain
from synthscale.study.config import RunConfig

Settings = Mapping[str, Any]
"""A config's values by their dotted keys."""

_AXES = ("data_size", "seed", "mixture.negative_fraction")
OF_ALL = ("task", "teacher", "evaluation", "model", "pretraining", "trainer")
_NOT_OF_THE_RESULT = ("study_name", "runs_dir", "stage", "logger", "execution")


def settings_of(config: RunConfig) -> dict[str, Any]:
    """All that the result may depend on, beside the axes.

    A key that an artifact's identity leaves out while it is null is there as null: among points with and without a
    value it tells them apart, and their records would replace each other otherwise.
    """
    whole = dict(_flat("", plain(config)))
    settings = {key: None for key, value in whole.items() if value is None}
    settings |= dict(_flat("", plain(config, for_identity=True)))
    return {key: value for key, value in settings.items() if key not in _AXES and not _is_in(key, _NOT_OF_THE_RESULT)}


@dataclass(frozen=True, slots=True)
class Placed:
    """A point of one task and model: its algorithm, its axes (size, fraction, seed) and its settings."""

    algorithm: str
    axes: tuple[Any, ...]
    settings: Settings


def variants(points: Sequence[Placed]) -> list[str | None]:
    """The variants of points of one task and model; None where nothing varies.

    As "key=value key=value", with the keys in their order; a value with spaces is quoted as a shell does it.
    """
    of_algorithm = {point.algorithm: [one for one in points if one.algorithm == point.algorithm] for point in points}
    shared = {key for key in _keys(points) if _is_in(key, OF_ALL) and _tells(key, points)}
    own = {
        name: {key for key in _keys(group) if not _is_in(key, OF_ALL) and _tells(key, group)}
        for name, group in of_algorithm.items()
    }
    named = []
    for point in points:
        telling = sorted((shared | own[point.algorithm]) & set(point.settings))
        named.append(shlex.join(f"{key}={_text(point.settings[key])}" for key in telling) or None)
    return named


def _keys(points: Sequence[Placed]) -> set[str]:
    return {key for point in points for key in point.settings}


def _tells(key: str, points: Sequence[Placed]) -> bool:
    """Whether the setting varies, and no axis decides it."""
    having = [point for point in points if key in point.settings]
    values = [_text(point.settings[key]) for point in having]
    if len(set(values)) < 2:
        return False
    axes = zip(*(point.axes for point in having), strict=True)
    return not any(_decides(axis, values) for axis in axes if len(set(axis)) > 1)


def _decides(axis: Sequence[Any], values: Sequence[str]) -> bool:
    return len(set(zip(axis, values, strict=True))) == len(set(axis))


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), part)
    else:
        yield prefix, value


def _is_in(key: str, groups: Sequence[str]) -> bool:
    return any(key == group or key.startswith(f"{group}.") for group in groups)


def _text(value: Any) -> str:
    """As it is written on the command line."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
