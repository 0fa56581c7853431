"""From a record to the artifacts that its point was made from, by role.

Only manifests are needed to walk, so that a policy whose weights were deleted to save room still leads to its samples.
An artifact whose manifest is not there, or cannot be read, counts as absent, and what lies behind it too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import synthscale

_SHIPPED = Path(synthscale.__file__).parent / "policy" / "base"
FIRST_PHASE, SECOND_PHASE = "sft", "policy"


@dataclass(frozen=True, slots=True)
class KeptArtifact:
    """An artifact whose manifest is there; its files may not be."""

    key: str
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def is_shipped(self) -> bool:
        """Whether it came with the package, and was not made by the study."""
        return self.folder.parent == _SHIPPED

    @property
    def stage(self) -> str:
        """The name of its stage."""
        return str(self.manifest.get("stage"))

    @property
    def seconds(self) -> float | None:
        """What its stage took, without start-up; None where the manifest does not say."""
        seconds: Any = self.manifest.get("seconds")
        is_length = isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0
        return float(seconds) if is_length else None

    @property
    def config(self) -> Mapping[str, Any]:
        """The config of its stage."""
        return self._part("config")

    @property
    def inputs(self) -> Mapping[str, str]:
        """Keys of what it was made from, by name."""
        return {name: key for name, key in self._part("inputs").items() if isinstance(key, str)}

    @property
    def measures(self) -> Mapping[str, Any]:
        """What its stage counted."""
        return self._part("measures")

    @property
    def versions(self) -> Mapping[str, str]:
        """Of the packages it was made with."""
        return self._part("versions")

    def file(self, name: str) -> Path | None:
        """The file, if it is there in full."""
        path = self.folder / name
        try:
            return path if path.stat().st_size == self._part("files")[name] else None
        except (OSError, KeyError):
            return None

    @property
    def damaged(self) -> list[str]:
        """Files that are there and not in full."""
        return [name for name in self._part("files") if (self.folder / name).is_file() and self.file(name) is None]

    def _part(self, name: str) -> Mapping[str, Any]:
        part = self.manifest.get(name)
        return part if isinstance(part, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Lineage:
    """A point's artifacts: evaluate, policy, compose, credit, sample, sft, data, teach, pretrain; those that are there.

    root: key of the point's last artifact. A recipe with a third phase has `policy_2` for the one before its last.
    """

    root: str
    by_role: Mapping[str, KeptArtifact]

    def __getitem__(self, role: str) -> KeptArtifact:
        return self.by_role[role]

    def __contains__(self, role: str) -> bool:
        return role in self.by_role

    def get(self, role: str) -> KeptArtifact | None:
        """The artifact of that role, if the point has one that is there."""
        return self.by_role.get(role)

    def config(self, role: str) -> Mapping[str, Any]:
        """The config of that role's stage; empty where there is none."""
        artifact = self.get(role)
        return {} if artifact is None else artifact.config

    @property
    def phases(self) -> dict[str, KeptArtifact]:
        """The trainings by role, the first one first."""
        roles = [role for role in self.by_role if role == FIRST_PHASE or role.startswith(SECOND_PHASE)]
        return {role: self.by_role[role] for role in reversed(roles)}


class Artifacts:
    """The artifacts of a folder, each manifest read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, KeptArtifact | None] = {}
        self.unreadable: list[str] = []  # keys of folders that are there without a manifest that can be read

    def find(self, key: str | None) -> KeptArtifact | None:
        """The artifact of that key."""
        if not key or "/" in key:
            return None
        if key not in self._found:
            self._found[key] = self._read(key)
        return self._found[key]

    def behind(self, roots: Iterable[str]) -> Iterator[KeptArtifact | None]:
        """These artifacts and all that they were made from, each once; None for one that is not there.

        Those that came with the package, which took no study any time, are left out.
        """
        waiting = list(roots)
        seen: set[str] = set()
        while waiting:
            key = waiting.pop()
            if key in seen:
                continue
            seen.add(key)
            one = self.find(key)
            if one is None:
                yield None
            elif not one.is_shipped:
                yield one
                waiting.extend(one.inputs.values())

    def lineage(self, root: str) -> Lineage | None:
        """The artifacts of the point that ends with this one; None where its own manifest is not there."""
        evaluate = self.find(root)
        if evaluate is None:
            return None
        roles: dict[str, KeptArtifact] = {}
        self._add(roles, "evaluate", root)
        policy, number = evaluate.inputs.get("policy"), 0
        while policy is not None:
            policy, number = self._add_phase(roles, policy, number + 1), number + 1
        return Lineage(root, roles)

    def _add(self, roles: dict[str, KeptArtifact], role: str, key: str | None) -> KeptArtifact | None:
        found = self.find(key)
        if found is not None:
            roles.setdefault(role, found)
        return found

    def _add_phase(self, roles: dict[str, KeptArtifact], key: str, number: int) -> str | None:
        """Add one training and its data; the key of the policy that its data were sampled from, if they were."""
        training = self.find(key)
        if training is None or training.stage != "finetune":
            return None
        data = self.find(training.inputs.get("data"))
        if data is None or data.stage != "compose":
            roles[FIRST_PHASE] = training
            source = self._add(roles, "data", training.inputs.get("data"))
            self._add(roles, "pretrain", training.inputs.get("policy"))
            self._add(roles, "teach", source.inputs.get("pool") if source else None)
            return None
        roles[SECOND_PHASE if number == 1 else f"{SECOND_PHASE}_{number}"] = training
        self._add(roles, "compose", data.key)
        self._add(roles, "data", data.inputs.get("data"))
        self._add(roles, "credit", data.inputs.get("credit"))
        samples = self._add(roles, "sample", data.inputs.get("samples"))
        return samples.inputs.get("policy") if samples is not None else None

    def _read(self, key: str) -> KeptArtifact | None:
        for place in (self._folder, _SHIPPED):
            try:
                manifest = json.loads((place / key / "manifest.json").read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(manifest, dict) and manifest.get("key") == key:
                return KeptArtifact(key, place / key, manifest)
        if (self._folder / key).is_dir():
            self.unreadable.append(key)
        return None
