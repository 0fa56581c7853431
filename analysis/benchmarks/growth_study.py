"""A study of many points with stages that do nothing: what planning, book-keeping and looking at it take.

The sizes are numbers of points; each has three stages of its own. As in `scale_phases`, a phase finds under `root` what
earlier ones made.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.scale_phases import Phase
from synthscale.session import Session
from synthscale.stage.stage import Artifact, Measures, Node


def plan_study(num_points: int, root: Path) -> int:
    """`synthscale plan`, nothing being there."""
    from synthscale.study.plan_app import plan

    _call(lambda: plan(_arguments(num_points, root)))
    return num_points


def run_study(num_points: int, root: Path) -> int:
    """`synthscale run` of stages that return at once."""
    from synthscale.study.app import run

    with mock.patch("synthscale.study.store.run_stage", _scripted):
        _call(lambda: run(_arguments(num_points, root)))
    return num_points


def run_study_again(num_points: int, root: Path) -> int:
    """The same command, everything being there."""
    from synthscale.study.app import run

    with mock.patch("synthscale.study.store.run_stage", _must_not_run):
        _call(lambda: run(_arguments(num_points, root)))
    return num_points


def status_of_study(num_points: int, root: Path) -> int:
    """`synthscale status` of the finished study."""
    from synthscale_slurm.status import main

    _call(lambda: main([str(root / "runs" / "many")]))
    return num_points


STUDY_PHASES: dict[str, Phase] = {
    "plan": plan_study,
    "run": run_study,
    "run again": run_study_again,
    "status": status_of_study,
}


def _arguments(num_points: int, root: Path) -> list[str]:
    swept = ["-m", "algorithm=sft", "data_size=16", f"seed=range({num_points})"]
    where = [f"runs_dir={root / 'runs'}", "study_name=many", "logger=none", "hydra.launcher.num_workers=0"]
    return [*swept, *where]


def _call(command: Callable[[], int]) -> None:
    """Call it without its output; raise RuntimeError where it fails."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = command()
    if status != 0:
        raise RuntimeError(err.getvalue() or out.getvalue())


def _scripted(node: Node, inputs: Mapping[str, Artifact], out: Path, session: Session) -> Measures:
    (out / "file.txt").write_text(node.key)
    return {"num_test": 10, "test_accuracy": 0.5} if node.stage == "evaluate" else {}


def _must_not_run(node: Node, *others: Any) -> Measures:
    raise RuntimeError(f"{node.key} was there and is made again")
