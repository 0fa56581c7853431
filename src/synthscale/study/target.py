"""From a composed config to the point it asks for, cut short where `stage` names an earlier stage, and to its store."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from synthscale.stage.stage import Node
from synthscale.study.config import ConfigError, to_run_config
from synthscale.study.recipe import Point, build_point
from synthscale.study.refusal import nearest
from synthscale.study.store import ArtifactStore, open_store


def compose_point(config: DictConfig) -> Point:
    """The point that a composed config describes.

    Raises:
        ConfigError: if a value is out of range or the recipe has no such stage.
    """
    refuse_added_keys(config)
    run_config = to_run_config(config)
    point = build_point(run_config)
    return point if run_config.stage is None else up_to(point, run_config.stage)


def refuse_added_keys(config: DictConfig, prefix: str = "") -> None:
    """Raise ConfigError for a key that its config's class does not have; `+key=value` gets it past Hydra's check."""
    kind = OmegaConf.get_type(config)
    known = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else None
    for name in map(str, config):
        if known is not None and name not in known:
            raise ConfigError(f"There is no key {prefix}{name}; {nearest(name, known)}")
        child = None if OmegaConf.is_missing(config, name) else config._get_node(name)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_interpolation():
            refuse_added_keys(child, f"{prefix}{name}.")


def up_to(point: Point, stage: str) -> Point:
    """The point cut short after the role or stage named; of several of one stage, after the last."""
    targets: dict[str, Node] = {node.stage: node for node in point.root.walk()} | dict(point.nodes)
    if stage not in targets:
        raise ConfigError(f"stage={stage} is not a stage of {point.label}; accepted are {', '.join(sorted(targets))}.")
    root = targets[stage]
    kept = {node.key for node in root.walk()}
    nodes = {role: node for role, node in point.nodes.items() if node.key in kept}
    return dataclasses.replace(point, root=root, nodes=nodes)


def store_of(points: Sequence[Point]) -> ArtifactStore:
    """The store for these points.

    Whoever asks for `stage=pretrain` wants the base rebuilt, so the one that ships with the package is not looked at.
    """
    runs_dirs = {point.config.runs_dir for point in points}
    if len(runs_dirs) > 1:
        raise ConfigError(f"runs_dir must be one for all points of a sweep, but is {', '.join(sorted(runs_dirs))}.")
    store = open_store(runs_dirs.pop(), 60 * points[0].config.execution.max_wait_minutes)
    rebuilds = all(point.root.stage == "pretrain" for point in points)
    return ArtifactStore(store.root, max_wait_seconds=store.max_wait_seconds) if rebuilds else store
