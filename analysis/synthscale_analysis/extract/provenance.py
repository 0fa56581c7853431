"""provenance.json: how a study was made: settings, versions, commits, seeds, devices, command, and what did not finish.

Settings are those of the stages' manifests, without paths and addresses of the machine, and nothing is read from the
environment. A setting that follows from the size or the seed is shown as such.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from synthscale_analysis.extract.lineage import KeptArtifact, Lineage

Json = dict[str, Any]
Value = str
LEFT_OUT = frozenset({"seed", "fingerprint", "test_fingerprint", "num_problems"})
MAX_REASON_CHARACTERS = 300
MAX_VALUES = 6
MAX_UNFINISHED = 200
_ABSOLUTE = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:\\|~?/)[^\s'\",:;()]*[/\\]")


def provenance_json(
    source: Path, records: pd.DataFrame, labels: Mapping[str, str], lineages: Mapping[str, Lineage]
) -> Json:
    """All of it; labels: of each point's curve, by the key of its last artifact, as `lineages` are."""
    artifacts = {
        one.key: one for lineage in lineages.values() for one in lineage.by_role.values() if not one.is_shipped
    }
    sizes = dict(zip(records["artifact"].astype(str), records["data_size"], strict=True))
    return {
        "settings": settings_by_label(lineages, labels, sizes),
        **made_with(artifacts.values()),
        "has_shipped_base": any(one.is_shipped for lineage in lineages.values() for one in lineage.by_role.values()),
        "teachers": [teacher for one in artifacts.values() if (teacher := _teacher(one))],
        "commands": commands(source),
        **unfinished(source, records),
    }


def made_with(artifacts: Collection[KeptArtifact]) -> Json:
    """Versions and commits, each with its number of artifacts, devices, and the first and last time."""
    return {
        "versions": _versions(artifacts),
        "git_commits": _counted(one.manifest.get("git_commit") for one in artifacts),
        "devices": _counted(one.manifest.get("device") for one in artifacts),
        "created": _span(one.manifest.get("created") for one in artifacts),
    }


def settings_by_label(
    lineages: Mapping[str, Lineage], labels: Mapping[str, str], sizes: Mapping[str, float]
) -> dict[str, dict[str, str]]:
    """Settings by their dotted key, each with what it is for every label; a label without the stage has none."""
    values: dict[str, dict[str, dict[Value, set[float]]]] = {}
    for root, lineage in lineages.items():
        for key, value in _settings(lineage):
            of_label = values.setdefault(key, {}).setdefault(labels[root], {})
            of_label.setdefault(value, set()).add(sizes[root])
    return {
        key: {label: _shown(of_label) for label, of_label in by_label.items()}
        for key, by_label in sorted(values.items())
    }


def commands(source: Path) -> list[str]:
    """The commands that the study was run with, newest last; without those parts that name a place on the machine."""
    import yaml

    found: dict[str, None] = {}
    for path in sorted([*source.glob("hydra/*/multirun.yaml"), *source.glob("hydra/*/.hydra/hydra.yaml")]):
        try:
            overrides = yaml.safe_load(path.read_text())["hydra"]["overrides"]
            words = [str(word) for word in [*overrides["hydra"], *overrides["task"]]]
        except (OSError, yaml.YAMLError, KeyError, TypeError):
            continue
        here = [word for word in words if not word.startswith(("runs_dir=", "hydra.mode="))]
        multirun = ["-m"] if "hydra.mode=MULTIRUN" in words else []
        found.setdefault(without_paths(shlex.join(["synthscale", "run", *multirun, *here])))
    return list(found)


def unfinished(source: Path, records: pd.DataFrame) -> Json:
    """The study's points that have no record: how many there are in all, and each with its state and reason."""
    from synthscale.study.roster import read_roster
    from synthscale.study.status import State, study_status
    from synthscale.study.store import open_store

    try:
        roster = read_roster(source)
    except OSError:
        roster = None
    if roster is None:
        return {"num_points": None, "unfinished": []}
    pairs = set(zip(records["task"].astype(str), records["model"].astype(str), strict=True))
    done = set(records["artifact"].dropna().astype(str))
    status = study_status(source, roster, open_store(source.resolve().parent), {})
    ours = [point for point in status.points if (point.member.task, point.member.model) in pairs]
    waiting = [p for p in ours if p.member.root not in done and p.state is not State.done]
    return {
        "num_points": len(ours),
        "unfinished": [
            {
                "label": point.member.label,
                "state": point.state.value,
                "stage": point.because.stage if point.because else None,
                "reason": without_paths(point.because.reason or "") if point.because else None,
            }
            for point in waiting[:MAX_UNFINISHED]
        ],
        "num_unfinished": len(waiting),
    }


def without_paths(text: str) -> str:
    """The text with the folders of absolute paths left out, and cut to a length."""
    bare = _ABSOLUTE.sub("…/", text)
    return bare if len(bare) <= MAX_REASON_CHARACTERS else f"{bare[:MAX_REASON_CHARACTERS]}…"


def _settings(lineage: Lineage) -> Iterator[tuple[str, Value]]:
    """The settings of all stages; those of the task once, since every stage has them."""
    from synthscale.publish.lineage import published

    task: dict[str, Value] = {}
    for role, artifact in lineage.by_role.items():
        for key, value in _flat(published(_in_use(artifact.config))):
            name = key.rpartition(".")[2]
            if key.startswith("task.") and role != "pretrain":
                task.setdefault(key, value)
            elif name not in LEFT_OUT and not key.startswith("world."):
                yield f"{role}.{key}", value
    yield from ((key, value) for key, value in task.items() if key.rpartition(".")[2] not in LEFT_OUT)


def _in_use(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config without the settings of a server, where it samples in its own process."""
    sampler = config.get("sampler")
    if not isinstance(sampler, Mapping) or sampler.get("kind") != "in_process":
        return config
    return {**config, "sampler": {name: value for name, value in sampler.items() if name != "server"}}


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Value]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _flat(part, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(value, list):
        yield prefix, ", ".join(map(str, value)) or "none"
    else:
        yield prefix, _text(value)


def _text(value: Any) -> Value:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shown(values: Mapping[Value, set[float]]) -> str:
    """One value as it is; of several, how they follow from the size, or that they vary."""
    if len(values) == 1:
        return next(iter(values))
    by_size = sorted((size, value) for value, of_value in values.items() for size in of_value)
    one_each = len({size for size, _ in by_size}) == len(by_size)
    shown = [value for _, value in by_size] if one_each else sorted(values)
    more = f" … ({len(shown)} values)" if len(shown) > MAX_VALUES else ""
    return f"{'by size' if one_each else 'varies'}: {', '.join(shown[:MAX_VALUES])}{more}"


def _versions(artifacts: Iterable[KeptArtifact]) -> dict[str, dict[str, int]]:
    """Of each package, how many artifacts were made with each version."""
    counts: dict[str, Counter[str]] = {}
    for one in artifacts:
        for package, version in one.versions.items():
            counts.setdefault(package, Counter())[str(version)] += 1
    return {package: dict(counter.most_common()) for package, counter in sorted(counts.items())}


def _counted(values: Iterable[Any]) -> dict[str, int]:
    return dict(Counter(str(value) for value in values if value is not None).most_common())


def _span(values: Iterable[Any]) -> list[str]:
    """The first and the last, where there is one."""
    known = sorted(str(value) for value in values if value)
    return [known[0], known[-1]] if known else []


def _teacher(artifact: KeptArtifact) -> Json | None:
    """What a teacher behind a server was asked for and cost."""
    if artifact.stage != "teach":
        return None
    names: Sequence[str] = ("num_prompt_tokens", "num_completion_tokens", "cost", "num_problems")
    return {name: artifact.measures[name] for name in names if artifact.measures.get(name) is not None}
