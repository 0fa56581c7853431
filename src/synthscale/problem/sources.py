"""Where a data set's files are: a folder of one's own, or one that was fetched from the hub by name.

In a folder a split is `train.jsonl`, `train.json` (a list, or lines), `train.parquet`, or parts as the hub stores them:
`train-00000-of-00002.parquet`, in `data/` too. A subset is a folder in it, where there is one of its name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATTERNS = ("{}.jsonl", "{}.json", "{}.parquet", "{}-*.parquet", "data/{}.parquet", "data/{}-*.parquet")
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was when it was looked at; another size or time is another file."""

    path: Path
    num_bytes: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """What a config says of where the problems are."""

    name: str  # a folder, or a name on the hub
    subsets: tuple[str, ...] = ()
    revision: str | None = None
    train_split: str = "train"
    test_split: str = "test"

    @property
    def is_hub_name(self) -> bool:
        """Whether it is `owner/name`, and no folder here is called so."""
        return HUB_NAME.fullmatch(self.name) is not None and not Path(self.name).exists()


def locate(source: Source) -> tuple[tuple[SourceFile, ...], tuple[SourceFile, ...]]:
    """The files of the training and of the test split; what has a name on the hub is fetched, the first time.

    Raises:
        ValueError: if a split has no file, or has it in two formats, or cannot be fetched.
    """
    folders = hub_folders(source) if source.is_hub_name else local_folders(source)
    train, test = (
        tuple(file for folder in folders for file in files_of(source, folder, split))
        for split in (source.train_split, source.test_split)
    )
    return train, test


def local_folders(source: Source) -> list[Path]:
    """The folders of the subsets, where each has one; else the folder itself."""
    folder = Path(source.name).expanduser()
    inner = [folder / subset for subset in source.subsets]
    return inner if inner and all(path.is_dir() for path in inner) else [folder]


def hub_folders(source: Source) -> list[Path]:
    """The folders in our cache, filled now where they are not there."""
    from synthscale.problem.hub import fetch

    splits = (source.train_split, source.test_split)
    return [fetch(source.name, subset, source.revision, splits) for subset in source.subsets or (None,)]


def files_of(source: Source, folder: Path, split: str) -> list[SourceFile]:
    """One split's files in a folder, in the order of their names.

    Raises:
        ValueError: if there is none, or the split is there in two formats.
    """
    found = [files for pattern in PATTERNS if (files := sorted(folder.glob(pattern.format(split))))]
    if not found:
        raise ValueError(
            f"task.source={source.name} has no {split}.jsonl (nor .json, .parquet, {split}-*.parquet) in {folder}; it "
            f"has to be a folder with a file of {source.train_split} and of {source.test_split} problems, or the name "
            f"of a data set on the hub."
        )
    if len(found) > 1:
        raise ValueError(
            f"task.source={source.name} has {found[0][0].name} and {found[1][0].name} in {folder}: "
            "leave one of the two."
        )
    return [stamped(path) for path in found[0]]


def stamped(path: Path) -> SourceFile:
    """The file as it is now."""
    status = path.stat()
    return SourceFile(path, status.st_size, status.st_mtime_ns)


def digest_of(files: Sequence[SourceFile]) -> bytes:
    """SHA-256 of the files' bytes, in their order."""
    digest = hashlib.sha256()
    for one in files:
        with one.path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.digest()
