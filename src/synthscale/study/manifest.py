"""An artifact's manifest: how it was made, what it counted, and which files it holds; its completion marker.

It holds no path of the machine, no user name and nothing from the environment, so that an artifact can be published.
"""

from __future__ import annotations

import json
import math
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import synthscale
from synthscale.durable import write_durably
from synthscale.session import checkpoints_of
from synthscale.stage.stage import Measures, Node, plain

MANIFEST = "manifest.json"
_PACKAGES = ("torch", "transformers", "numpy", "lightning")


def write_manifest(folder: Path, node: Node, measures: Measures, seconds: float) -> dict[str, Any]:
    """Describe the finished files of `folder` in its manifest, and return it.

    Raises:
        ValueError: if a measure is NaN or infinite; what was not measured is None.
    """
    check_finite(node.key, measures)
    manifest = {
        "stage": node.stage,
        "version": import_module(f"synthscale.stage.{node.stage}").VERSION,
        "key": node.key,
        "config": plain(node.config),
        "inputs": {name: child.key for name, child in node.inputs.items()},
        "measures": measures,
        "seconds": round(seconds, 3),
        "files": file_sizes(folder),
        "versions": package_versions(),
        "device": measures.get("device") or "cpu",
        "git_commit": git_commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_durably(folder / MANIFEST, (json.dumps(manifest, indent=1, allow_nan=False) + "\n").encode())
    return manifest


def read_manifest(folder: Path, key: str) -> dict[str, Any] | None:
    """The manifest of a complete artifact, or None where there is none.

    Raises:
        ValueError: if the manifest cannot be read, is another artifact's, or names files that are not there in full.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        if folder.is_dir():
            raise ValueError("it has no manifest") from None
        return None
    if not isinstance(manifest, dict) or manifest.get("key") != key:
        raise ValueError("its manifest is not its own")
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise ValueError("its manifest lists no files")
    missing = {name for name, size in files.items() if _size(folder / name) != size}
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))} is missing or cut short")
    return manifest


def check_finite(key: str, measures: Mapping[str, Any]) -> None:
    """Raise ValueError where a measure is NaN or infinite."""
    bad = [name for name, value in measures.items() if isinstance(value, float) and not math.isfinite(value)]
    if bad:
        raise ValueError(f"{key} measured {', '.join(bad)} as not finite: it diverged, or should have returned None.")


def file_sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file under the folder, by its path in it; checkpoints are no part of the artifact."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path != folder / MANIFEST and checkpoints_of(folder) not in path.parents
    )
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


@cache
def package_versions() -> dict[str, str]:
    """Versions of what can change a result, from the installed metadata, so that nothing heavy is imported."""
    versions = {"python": platform.python_version(), "synthscale": synthscale.__version__}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


@cache
def git_commit() -> str | None:
    """The commit of the checkout that this package runs from, or None where it was installed.

    The `.git` must lie beside `src`: a package in some virtual environment inside another repository is not of its
    commit.
    """
    checkout = Path(synthscale.__file__).parents[2]
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
