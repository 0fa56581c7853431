"""Files that `synthscale fit` writes: what cannot be written, or would destroy the table, is refused before a fit."""

import argparse
from pathlib import Path

from synthscale.study.error import UserError


def check(options: argparse.Namespace) -> None:
    """UserError for a --json or --figure that cannot be meant."""
    named = {name: path for name in ("json", "figure") if (path := getattr(options, name)) is not None}
    for name, path in named.items():
        if _same(path, options.table):
            raise UserError(f"--{name} would overwrite the table that is read; name another file")
        if path.is_dir():
            raise UserError(f"--{name} {path} is a folder; name a file in it")
        _require_folder(name, path)
    if len(named) == 2 and _same(options.json, options.figure):
        raise UserError(f"--json and --figure both name {options.json}; name two files")


def _same(path: Path, other: Path) -> bool:
    """Whether both are one file, by whatever links."""
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


def _require_folder(name: str, path: Path) -> None:
    """One new folder is made in one that is there; more than one is taken for a slip of the pen."""
    folder = path.parent if path.parent.exists() else path.parent.parent
    if not folder.exists():
        raise UserError(f"--{name} {path}: there is no folder {folder}")
    if not folder.is_dir():
        raise UserError(f"cannot write {path}: {folder} is no folder")
