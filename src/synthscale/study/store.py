"""The artifact store: each stage's output once, in a folder named by its key.

Making an artifact takes its key's lock, so that two processes that want the same one make it once. The lock is
`filelock.FileLock`, that is flock(2), which the kernel releases when its holder dies in whatever way; a
`SoftFileLock` is a file that exists, and one left by a killed process would block the study for ever.

Files are written in `.making/<key>`, with the manifest last, and the folder is renamed into place: `<key>` is there
whole or not at all. What a killed process left in `.making` is cleared by the next maker of that key, which is safe
because it holds the lock, all but the checkpoints: the stage goes on from those, if the libraries are still the same.
A stage that raised leaves nothing but journals, since its state is not to be trusted, while a journal holds what others
answered, perhaps for money; new libraries do not change that either. One that met a full disk is as one killed. A
folder in place whose manifest cannot be read was damaged from outside: it counts as absent, with a warning, since a
stage can always be run again while a study that stops at it cannot go on by itself.

Of several ranks that train together, rank 0 does all of this; the others find the folder by the token that it leaves
there once it holds the lock.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, SoftFileLock, Timeout

import synthscale
from synthscale.durable import is_out_of_space, sync_path, sync_tree, write_durably
from synthscale.session import JOURNAL_SUFFIX, Session, checkpoints_of
from synthscale.stage.stage import Artifact, Node, run_stage
from synthscale.study.error import UserError
from synthscale.study.manifest import package_versions, read_manifest, write_manifest

log = logging.getLogger(__name__)
Waiting = Callable[[str], None]
"""Called once with a sentence when another process is making what is wanted here."""

MAX_WAIT_SECONDS = 24 * 3600.0
_SECONDS_BETWEEN_LOOKS = 0.2
_VERSIONS = "versions.json"  # in the checkpoints: what they were written with
_RANKS = ".ranks"


def open_store(runs_dir: str | Path, max_wait_seconds: float = MAX_WAIT_SECONDS) -> ArtifactStore:
    """The store that all studies under `runs_dir` share, with the base policies that ship with the package."""
    shipped = [Path(synthscale.__file__).parent / "policy" / "base"]
    return ArtifactStore(Path(runs_dir) / "artifacts", shipped, max_wait_seconds)


def say_waiting(sentence: str) -> None:
    """Log that another process has the lock."""
    log.warning(sentence)


class ArtifactStore:
    """Finds artifacts in `root` and in read-only `shipped` folders, and makes missing ones in `root`.

    For an artifact that another process is making it waits `max_wait_seconds` at most.
    """

    def __init__(self, root: Path, shipped: Sequence[Path] = (), max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self.root = root
        self.shipped = tuple(shipped)
        self.max_wait_seconds = max_wait_seconds

    def find(self, node: Node) -> Artifact | None:
        """The node's artifact if it is there in full."""
        return self.find_key(node.key)

    def find_key(self, key: str) -> Artifact | None:
        """The artifact of that key if it is there in full."""
        for place in (self.root, *self.shipped):
            try:
                manifest = read_manifest(place / key, key)
            except (ValueError, KeyError, OSError) as error:
                log.warning("%s is damaged (%s) and counts as absent.", key, error)
                continue
            if manifest is not None:
                return Artifact(place / key, manifest)
        return None

    def make(self, node: Node, session: Session | None = None, waiting: Waiting = say_waiting) -> Artifact:
        """The node's artifact, made now if it is not there, with all it needs.

        Raises:
            UserError: if the disk is full, or another process has been making it for too long.
            Stopped: if the stage was asked to stop and has saved its state.
            Exception: whatever the stage raised; no artifact is left of it, only its journals to go on from.
        """
        session = session or Session()
        found = self.find(node)
        if found is not None:
            return found
        inputs = {name: self.make(child, session, waiting) for name, child in node.inputs.items()}
        if session.rank > 0:
            return self._take_part(node, inputs, session)
        with self._clear_message_when_full(node), self._lock(node, waiting):
            found = self.find(node)  # another process may have made it meanwhile
            return found or self._run(node, inputs, session)

    def is_being_made(self, key: str) -> bool:
        """Whether a process holds the key's lock now; asked for by who may not write here, too."""
        try:
            descriptor = os.open(self._lock_path(key), os.O_RDONLY)
        except OSError:
            return False
        try:  # shared, so that two who ask at once do not take each other for the maker
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without flock
            return False
        finally:
            os.close(descriptor)
        return False

    def _lock_path(self, key: str) -> Path:
        return self.root / ".locks" / f"{key}.lock"

    @contextmanager
    def _lock(self, node: Node, waiting: Waiting) -> Iterator[None]:
        path = self._lock_path(node.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock, holder = FileLock(path), path.with_suffix(".holder")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting(f"Waiting for {node.key}, which {_read_holder(holder)} is making.")
            try:
                lock.acquire(timeout=self.max_wait_seconds, poll_interval=_SECONDS_BETWEEN_LOOKS)
            except Timeout:
                minutes = self.max_wait_seconds / 60
                raise UserError(
                    f"Waited {minutes:g} min for {node.key}, which {_read_holder(holder)} is making: end that process, "
                    "or raise execution.max_wait_minutes."
                ) from None
        try:
            if isinstance(lock, SoftFileLock):  # filelock's fallback where the file system has no flock
                raise UserError(f"The file system of {self.root} has no flock; choose another runs_dir.")
            _write_holder(holder)
            yield
        finally:
            with suppress(OSError):
                holder.unlink(missing_ok=True)
            lock.release()

    def _run(self, node: Node, inputs: Mapping[str, Artifact], session: Session) -> Artifact:
        out = self._folder_to_work_in(node)
        if session.num_ranks > 1:
            write_durably(out / _RANKS, session.token.encode())
        try:
            start = time.perf_counter()
            session.begin()
            measures = run_stage(node, inputs, out, session)
            seconds = time.perf_counter() - start
            (out / _RANKS).unlink(missing_ok=True)
            manifest = write_manifest(out, node, measures, seconds)
            sync_tree(out)
            shutil.rmtree(checkpoints_of(out))  # as late as can be: the manifest may be refused, or find no room
            out.rename(self.root / node.key)
        except Exception as error:
            if is_out_of_space(error):
                _clear(out)
            else:
                with suppress(OSError):  # what the stage raised is what is to be told
                    _clear_to_journals(out)
            raise
        sync_path(self.root)
        return Artifact(self.root / node.key, manifest)

    def _folder_to_work_in(self, node: Node) -> Path:
        """The key's folder in `.making`, with nothing in it but the checkpoints to go on from; we hold the lock."""
        if (self.root / node.key).exists():  # damaged
            shutil.rmtree(self.root / node.key)
        out = self.root / ".making" / node.key
        versions = json.dumps(package_versions()).encode()
        stamp = checkpoints_of(out) / _VERSIONS
        if out.exists():
            _clear(out)
            if not stamp.exists() or stamp.read_bytes() != versions:
                _clear_to_journals(out)
        if not stamp.exists():
            write_durably(stamp, versions)
        return out

    def _take_part(self, node: Node, inputs: Mapping[str, Artifact], session: Session) -> Artifact:
        """Run the stage beside rank 0, which writes its files, and return the artifact when it is in place."""
        out, took_part = self.root / ".making" / node.key, False
        end = time.monotonic() + self.max_wait_seconds
        while (found := self.find(node)) is None:
            if not took_part and _read_token(out / _RANKS) == session.token:
                session.begin()
                run_stage(node, inputs, out, session)
                took_part = True
            if time.monotonic() > end:
                raise UserError(f"Rank {session.rank} waited in vain for rank 0 to make {node.key}.")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return found

    @contextmanager
    def _clear_message_when_full(self, node: Node) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not is_out_of_space(error):
                raise
            raise UserError(f"No space is left for {node.key} in {os.path.abspath(self.root)}: free some.") from error


def _clear(out: Path) -> None:
    """Remove all but the checkpoints."""
    for path in out.iterdir():
        if path.is_dir() and path != checkpoints_of(out):
            shutil.rmtree(path)
        elif not path.is_dir():
            path.unlink()


def _clear_to_journals(out: Path) -> None:
    """Remove all but the checkpoints' journals; the whole folder where there are none."""
    _clear(out)
    for path in sorted(checkpoints_of(out).rglob("*"), reverse=True):  # what is in a folder before the folder
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # journals are in it
                path.rmdir()
        elif path.suffix != JOURNAL_SUFFIX:
            path.unlink()
    if not any(checkpoints_of(out).rglob("*")):
        shutil.rmtree(out)


def _write_holder(path: Path) -> None:
    """Say beside the lock who holds it; a message is not worth failing for."""
    since = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    with suppress(OSError):
        path.write_text(f"process {os.getpid()} on {socket.gethostname()} (since {since})")


def _read_holder(path: Path) -> str:
    try:
        return path.read_text() or "another process"
    except OSError:
        return "another process"


def _read_token(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
