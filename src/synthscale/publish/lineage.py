"""An artifact and all that it was made from, as their manifests tell, without anything of the machine."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from synthscale.problem.sources import HUB_NAME
from synthscale.stage.evaluate import HeldOut
from synthscale.stage.stage import Artifact
from synthscale.study.error import UserError
from synthscale.study.manifest import MANIFEST
from synthscale.study.store import ArtifactStore, open_store

LOCAL = re.compile(r"(file:|~|\.{0,2}/|[A-Za-z]:\\)\S*")
OF_THE_MACHINE = frozenset({"url", "command", "api_key_env"})  # of a server: addresses, and names of variables
PLACE_KEYS = frozenset({"source", "path"})  # hold a folder, or a name on the hub


def find_artifact(name: str, runs_dir: str) -> tuple[ArtifactStore, Artifact]:
    """The artifact that a key, the beginning of one, or a folder names, and the store that it lies in.

    Raises:
        UserError: if there is none, or more than one.
    """
    store = open_store(runs_dir)
    folder = Path(name)
    if (folder / MANIFEST).is_file():
        store, name = ArtifactStore(folder.resolve().parent, store.shipped), folder.resolve().name
    keys = sorted(set(keys_in(store)))
    matching = [name] if name in keys else [key for key in keys if name and key.startswith(name)]
    if len(matching) > 1:
        raise UserError(f"{name} is the beginning of {', '.join(matching[:6])}: say more of it.")
    if not matching:
        near = difflib.get_close_matches(name, keys, n=3, cutoff=0.3) or keys[:3]
        hint = f"; near are {', '.join(near)}" if near else ""
        raise UserError(f"There is no artifact {name!r} in {store.root}{hint}.")
    artifact = store.find_key(matching[0])
    if artifact is None:
        raise UserError(f"The artifact {matching[0]} is damaged: run the study again.")
    return store, artifact


def keys_in(store: ArtifactStore) -> Iterator[str]:
    """The names of all complete artifacts."""
    for place in (store.root, *store.shipped):
        yield from (path.parent.name for path in place.glob(f"*/{MANIFEST}"))


def lineage(store: ArtifactStore, artifact: Artifact) -> dict[str, Mapping[str, Any]]:
    """The manifests of the artifact and of what it was made from, by key, inputs first; those that are still there."""
    found: dict[str, Mapping[str, Any]] = {}

    def visit(one: Artifact) -> None:
        for key in one.manifest["inputs"].values():
            child = None if key in found else store.find_key(key)
            if child is not None:
                visit(child)
        found[one.manifest["key"]] = one.manifest

    visit(artifact)
    return found


def evaluations(store: ArtifactStore, key: str) -> list[Mapping[str, Any]]:
    """The manifests of all evaluations of a policy on test problems that are in the store."""
    found = (store.find_key(name) for name in sorted(set(keys_in(store))) if name.startswith("evaluate-"))
    manifests = [one.manifest for one in found if one is not None and one.manifest["inputs"].get("policy") == key]
    return [one for one in manifests if one["config"]["evaluation"].get("problems") in (None, HeldOut.test.value)]


def is_place_here(value: str) -> bool:
    """Whether it names a folder of this machine, and nothing on the hub."""
    return LOCAL.fullmatch(value) is not None or HUB_NAME.fullmatch(value) is None or Path(value).exists()


def published(value: Any, key: str = "") -> Any:
    """JSON without paths of the machine and addresses: what a manifest tells that is true elsewhere, too."""
    if isinstance(value, Mapping):
        return {name: published(one, name) for name, one in value.items() if name not in OF_THE_MACHINE}
    if isinstance(value, list):
        return [published(one, key) for one in value]
    if isinstance(value, str) and (LOCAL.fullmatch(value) or (key in PLACE_KEYS and is_place_here(value))):
        return "a local folder"
    return value
