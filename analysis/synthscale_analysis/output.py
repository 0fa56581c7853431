"""What a command leaves behind: files, written whole or not at all, printed tables, and a progress bar while it works.

A report that is interrupted, or read while it is being made, never shows half a table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.progress import track

from synthscale.durable import write_durably
from synthscale.study.error import UserError

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item")
#: Of figure files, with the entries of their metadata that say when and by what they were made.
FORMATS: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def with_progress(items: Sequence[Item], description: str) -> Iterable[Item]:
    """The items, with a bar on stderr that leaves no trace; no bar where stderr is not a terminal."""
    console = Console(stderr=True)
    return track(items, description=description, console=console, transient=True, disable=not console.is_terminal)


def report_console() -> Console:
    """Console for tables on stdout: as wide as the terminal, 160 columns elsewhere; brackets in cells are text."""
    return Console(width=None if sys.stdout.isatty() else 160, markup=False, emoji=False)


def write_atomically(path: Path, content: bytes) -> None:
    """Write the file, making its folder where needed; UserError where the file system refuses."""
    try:
        write_durably(path, content)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write the table without its index, with the same line ends on every system; UserError as `write_atomically`."""
    write_atomically(path, table.to_csv(index=False, lineterminator="\n").encode())
