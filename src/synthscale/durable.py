"""Writes that survive a crash: a file or folder is there whole or not at all.

The order is the classical one: write under a temporary name, fsync, rename, fsync the folder that holds the name.
Without the first fsync a power cut can leave a renamed file of length 0; without the second the name itself can be
lost.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

_OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT}


def write_durably(path: Path, content: bytes) -> None:
    """Replace `path` by `content`; a reader or a crash sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_path(path.parent)


def rename_durably(temporary: Path, path: Path) -> None:
    """Put a finished file under its name, in place of an earlier one."""
    sync_path(temporary)
    temporary.replace(path)
    sync_path(path.parent)


def sync_path(path: Path) -> None:
    """Flush a file's bytes, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush every file and folder under `folder`, and the folder itself last."""
    for path in sorted(folder.rglob("*"), reverse=True):
        sync_path(path)
    sync_path(folder)


def is_out_of_space(error: BaseException) -> bool:
    """Whether a full disk or quota is behind the error.

    Libraries wrap it: safetensors and torch raise their own types and keep only the words of it.
    """
    return any(
        (isinstance(cause, OSError) and cause.errno in _OUT_OF_SPACE) or "No space left on device" in str(cause)
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
