"""Teach: the pool of new problems and verified traces that a capable model behind a server writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthscale.problem import TaskConfig
from synthscale.session import Session
from synthscale.stage.stage import Artifact, Measures
from synthscale.synthesis.config import ServerTeacherConfig

VERSION = 1


@dataclass(kw_only=True, slots=True)
class TeachConfig:
    """A pool; it does not depend on a study's sizes and seeds."""

    task: TaskConfig
    teacher: ServerTeacherConfig


def run(config: TeachConfig, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    """Write `problems.parquet`, `traces.parquet` and `dropped.parquet`."""
    raise NotImplementedError
