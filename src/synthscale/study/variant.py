"""What tells points apart that no axis does: a sweep over another key, such as `mixture.positives_per_problem=1,2,4`.

A point's variant names the settings that vary among the points of its task, model and algorithm. A setting that the
size, the fraction or the seed decides by itself is none: it says nothing that the axis does not, as where longer
training goes with more data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthscale.stage.stage import plain
from synthscale.study.config import RunConfig

Settings = Mapping[str, Any]
"""A config's values by their dotted keys."""

_AXES = ("data_size", "seed", "mixture.negative_fraction")
_NOT_OF_THE_RESULT = ("study_name", "runs_dir", "stage", "logger", "execution")


def settings_of(config: RunConfig) -> dict[str, Any]:
    """All that the result may depend on, beside the axes."""
    settings = dict(_flat("", plain(config, for_identity=True)))
    return {key: value for key, value in settings.items() if key not in _AXES and not _is_in(key, _NOT_OF_THE_RESULT)}


def variants(group: Sequence[tuple[Sequence[Any], Settings]]) -> list[str | None]:
    """The variants of points of one task, model and algorithm, by their axes and settings; None where nothing varies.

    As "key=value key=value", with the keys in their order.
    """
    keys = sorted({key for _, settings in group for key in settings})
    telling = [key for key in keys if _tells(key, group)]
    return [
        " ".join(f"{key}={_text(settings[key])}" for key in telling if key in settings) or None for _, settings in group
    ]


def _tells(key: str, group: Sequence[tuple[Sequence[Any], Settings]]) -> bool:
    """Whether the setting varies, and no axis decides it."""
    values = [_text(settings[key]) for _, settings in group if key in settings]
    if len(set(values)) < 2:
        return False
    pointed = [axes for axes, settings in group if key in settings]
    return not any(_decides(axis, values) for axis in zip(*pointed, strict=True) if len(set(axis)) > 1)


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
    return value if isinstance(value, str) else json.dumps(value)
