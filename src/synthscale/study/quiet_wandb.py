"""A quiet wandb run: offline unless WANDB_MODE says otherwise, with nothing of the machine or its environment in it.

Keys come from the environment alone, and wandb's own error reports are switched off, so that by default no network is
touched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SERVICE = "WANDB_SERVICE"


def open_run(
    *, folder: Path, project: str, group: str, name: str, run_id: str, config: Mapping[str, Any], job_type: str | None
) -> Any:
    """A run of its own, to be used in a `with`; its files go to `folder/wandb`.

    An offline run of the same id is removed first: of a process that was killed while it wrote, or of an earlier state.
    wandb tells children where its service listens by an environment variable, which would reach jobs on other nodes and
    processes that outlive this one, and fail them; it is taken back.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    folder.mkdir(parents=True, exist_ok=True)
    for leftover in (folder / "wandb").glob(f"offline-run-*-{run_id}"):
        shutil.rmtree(leftover)
    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_code=True,
        disable_git=True,
        save_code=False,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
        init_timeout=30,
    )
    mode: Any = os.environ.get("WANDB_MODE", "offline")
    service = os.environ.get(SERVICE)
    run = wandb.init(
        project=project,
        group=group,
        name=name,
        id=run_id,
        config=dict(config),
        job_type=job_type,
        mode=mode,
        resume="allow" if mode == "online" else None,
        reinit="create_new",
        dir=folder,
        settings=settings,
    )
    if service is None:
        os.environ.pop(SERVICE, None)
    return run
