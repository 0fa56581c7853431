"""The artifact store: each stage's output once, in a folder named by its key.

Making an artifact takes its key's lock, so that two processes that want the same one make it once. The lock is
`filelock.FileLock`, that is flock(2), which the kernel releases when its holder dies in whatever way; a
`SoftFileLock` is a file that exists, and one left by a killed process would block the study for ever.

Files are written in `.making/<key>-<random>`, with the manifest last, and the folder is renamed into place: `<key>`
is there whole or not at all. What a killed process left in `.making` is removed by the next maker of that key,
which is safe because it holds the lock. A folder in place whose manifest cannot be read was damaged from outside:
it counts as absent, with a warning, since a stage can always be run again while a study that stops at it cannot go
on by itself.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

import synthscale
from synthscale.stage.stage import Advance, Artifact, Node, run_stage
from synthscale.study.durable import is_out_of_space, sync_path, sync_tree
from synthscale.study.error import UserError
from synthscale.study.manifest import read_manifest, write_manifest

log = logging.getLogger(__name__)
Waiting = Callable[[Node], None]
"""Called once with a node that another process is making."""


def open_store(runs_dir: str | Path) -> ArtifactStore:
    """The store that all studies under `runs_dir` share, with the base policies that ship with the package."""
    return ArtifactStore(Path(runs_dir) / "artifacts", [Path(synthscale.__file__).parent / "policy" / "base"])


def quiet(done: int, total: int) -> None:
    """An `Advance` for callers that show nothing."""


def say_waiting(node: Node) -> None:
    """Log that another process has the lock."""
    log.warning("Waiting for %s, which another process is making.", node.key)


class ArtifactStore:
    """Finds artifacts in `root` and in read-only `shipped` folders, and makes missing ones in `root`."""

    def __init__(self, root: Path, shipped: Sequence[Path] = ()) -> None:
        self.root = root
        self.shipped = tuple(shipped)

    def find(self, node: Node) -> Artifact | None:
        """The node's artifact if it is there in full."""
        for place in (self.root, *self.shipped):
            try:
                manifest = read_manifest(place / node.key, node.key)
            except (ValueError, KeyError, OSError) as error:
                log.warning("%s is damaged (%s) and counts as absent.", node.key, error)
                continue
            if manifest is not None:
                return Artifact(place / node.key, manifest)
        return None

    def make(self, node: Node, advance: Advance = quiet, waiting: Waiting = say_waiting) -> Artifact:
        """The node's artifact, made now if it is not there, with all it needs.

        Raises:
            UserError: if the disk is full.
            Exception: whatever the stage raised; no artifact is left of it.
        """
        found = self.find(node)
        if found is not None:
            return found
        inputs = {name: self.make(child, advance, waiting) for name, child in node.inputs.items()}
        with self._clear_message_when_full(node), self._lock(node, waiting):
            found = self.find(node)  # another process may have made it meanwhile
            if found is not None:
                return found
            self._sweep(node.key)
            return self._run(node, inputs, advance)

    @contextmanager
    def _lock(self, node: Node, waiting: Waiting) -> Iterator[None]:
        folder = self.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{node.key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting(node)
            lock.acquire(poll_interval=0.2)
        try:
            if isinstance(lock, SoftFileLock):  # filelock's fallback where the file system has no flock
                raise UserError(f"The file system of {self.root} has no flock; choose another runs_dir.")
            yield
        finally:
            lock.release()

    def _sweep(self, key: str) -> None:
        """Remove what dead makers of the key left, and a damaged folder in its place; the caller holds its lock."""
        for leftover in (self.root / ".making").glob(f"{key}-*"):
            shutil.rmtree(leftover)
        if (self.root / key).exists():
            shutil.rmtree(self.root / key)

    def _run(self, node: Node, inputs: Mapping[str, Artifact], advance: Advance) -> Artifact:
        out = self.root / ".making" / f"{node.key}-{secrets.token_hex(4)}"
        out.mkdir(parents=True)
        try:
            start = time.perf_counter()
            measures = run_stage(node, inputs, out, advance)
            manifest = write_manifest(out, node, measures, time.perf_counter() - start)
            sync_tree(out)
            out.rename(self.root / node.key)
        finally:
            shutil.rmtree(out, ignore_errors=True)  # nothing is left of it after the rename
        sync_path(self.root)
        return Artifact(self.root / node.key, manifest)

    @contextmanager
    def _clear_message_when_full(self, node: Node) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not is_out_of_space(error):
                raise
            raise UserError(f"No space is left for {node.key} in {os.path.abspath(self.root)}: free some.") from error
