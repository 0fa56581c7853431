"""Files written whole or not at all: a temporary name beside the target, fsync, then rename.

A report that is interrupted, or read while it is being made, never shows half a table.
"""

import os
from pathlib import Path

from synthscale_analysis.errors import UserError


def write_atomically(path: Path, content: bytes) -> None:
    """Write the file, making its folder where needed; UserError where the file system refuses."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
