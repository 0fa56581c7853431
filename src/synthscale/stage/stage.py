"""What a stage is: a function from a typed config and input artifacts to one artifact, named by its content.

A `Node` is a stage with its config and the nodes it takes its inputs from: a recipe unfolds into a graph of them, and a
node's key is the hash of all that its artifact depends on. Each stage is one file beside this one, with a config class,
a VERSION (raised when the stage's result changes for the same config) and a `run`. The files import torch only inside
`run`, so that a plan can be made without it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from synthscale.session import Session

RECIPE_STAGES = ("synthesize", "finetune", "sample", "credit", "compose", "evaluate")  # what a recipe is made of
STAGES = ("pretrain", "teach", *RECIPE_STAGES)  # the first two come before, where model and teacher ask for them

SEES_TEST = ("teach", "evaluate")  # the one keeps clear of the test problems, the other scores them

Measures = dict[str, float | int | str | None]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished stage's output: a folder, and the manifest that was written into it last."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def measures(self) -> Mapping[str, Any]:
        """The counts, seconds and metrics that the stage returned."""
        measures: Mapping[str, Any] = self.manifest["measures"]
        return measures


@dataclass(frozen=True)
class Node:
    """One stage of a point, and by its inputs the whole graph under it."""

    stage: str
    config: Any
    inputs: Mapping[str, Node] = field(default_factory=dict)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        identity = {
            "stage": self.stage,
            "version": importlib.import_module(f"synthscale.stage.{self.stage}").VERSION,
            "config": plain(self.config, for_identity=True, sees_test=self.stage in SEES_TEST),
            "inputs": {name: node.key for name, node in sorted(self.inputs.items())},
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        object.__setattr__(self, "key", f"{self.stage}-{digest[:16]}")

    def walk(self) -> Iterator[Node]:
        """This node and all under it, inputs before what needs them, each once."""
        seen: set[str] = set()

        def visit(node: Node) -> Iterator[Node]:
            if node.key in seen:
                return
            seen.add(node.key)
            for name in sorted(node.inputs):
                yield from visit(node.inputs[name])
            yield node

        return visit(self)


def run_stage(node: Node, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Run the node's stage; it writes its files into `out` and returns its measures."""
    run: Callable[..., Measures] = importlib.import_module(f"synthscale.stage.{node.stage}").run
    return run(node.config, inputs, out, session)


def plain(config: Any, *, for_identity: bool = False, sees_test: bool = True) -> Any:
    """A config as JSON types: dataclasses to dicts, enums to their values.

    For the identity of an artifact without what says only how; and where no test problem is seen, without those either.
    """

    def inner(value: Any) -> Any:
        return plain(value, for_identity=for_identity, sees_test=sees_test)

    if dataclasses.is_dataclass(config):
        left_out = {"only_how"} if for_identity else set()
        left_out |= set() if sees_test else {"only_test"}
        kept = {f.name: f for f in dataclasses.fields(config) if not left_out & set(f.metadata)}
        values = {name: getattr(config, name) for name in kept}
        if for_identity:
            has_fingerprint = values.get("fingerprint") is not None
            for name, field_ in kept.items():
                if "only_without_fingerprint" in field_.metadata and has_fingerprint:
                    values[name] = None
                if "if_set" in field_.metadata and values[name] is None:
                    del values[name]
        return {name: inner(value) for name, value in values.items()}
    if isinstance(config, Enum):
        return config.value
    if isinstance(config, Mapping):
        return {str(key): inner(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [inner(value) for value in config]
    return config
