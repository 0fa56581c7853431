"""Whether a report is still what its records would give: the bootstrap takes a while, so an unchanged one is kept."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

import synthscale.scaling
import synthscale_analysis
from synthscale_analysis.output import write_atomically

STAMP = "made_from.txt"


def digest_of(records: pd.DataFrame, num_draws: int, seed: int, surroundings: Iterable[str] = ()) -> str:
    """What a report depends on, as one hash: the records, the options, and the code that draws and fits.

    surroundings: of the records, as `Material.surroundings` has them.
    """
    digest = hashlib.sha256(f"{num_draws} {seed}\n{records.to_csv(index=False)}".encode())
    for there in surroundings:
        digest.update(f"{there}\n".encode())
    for package in (Path(synthscale_analysis.__file__).parent, Path(synthscale.scaling.__file__).parent):
        for source in sources_of(package):
            digest.update(f"{source.relative_to(package).as_posix()}\n".encode() + source.read_bytes())
    return digest.hexdigest()


def sources_of(package: Path) -> list[Path]:
    """Files of a package that a report's looks and numbers hang on: its code and its assets, subpackages included."""
    return sorted(
        path
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    )


def is_fresh(folder: Path, digest: str) -> bool:
    """Whether the folder's report was made from just this, and all its files are there."""
    stamp = folder / STAMP
    if not stamp.exists():
        return False
    made_from, *files = stamp.read_text().splitlines()
    return made_from == digest and all((folder / name).exists() for name in files)


def files_of(folder: Path) -> list[str]:
    """Names of the files of the folder's report; none where there is none."""
    stamp = folder / STAMP
    return stamp.read_text().splitlines()[1:] if stamp.exists() else []


def mark_fresh(folder: Path, digest: str, files: Iterable[str]) -> None:
    """Note what the report was made from, and its files; written last."""
    write_atomically(folder / STAMP, "".join(f"{line}\n" for line in (digest, *sorted(files))).encode())
