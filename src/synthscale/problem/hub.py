"""Data sets by their names on the Hugging Face hub: fetched once into a folder of ours, from then on read from there.

The folder is `~/.cache/synthscale/datasets/…` (XDG_CACHE_HOME, or SYNTHSCALE_CACHE for the whole of it). It holds
JSON lines, whose bytes depend on the rows alone and not on a library's version, and `origin.json`, which names the
commit on the hub. It is there whole or not at all; a node without a network needs nothing else. To fetch
again, delete it.

The `datasets` library tries for 23 s where there is no network; so the hub is asked first whether it has the data set.
No code of a data set's is ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthscale.durable import sync_path, sync_tree, write_durably

SECONDS_FOR_AN_ANSWER = 10.0
ORIGIN = "origin.json"
LOG_IN = "check the name, or log in with `hf auth login`"
FETCH_FIRST = "run `synthscale plan` with it once where there is a network, or name a folder with train and test files"


def cache_folder() -> Path:
    """Where fetched data sets are kept."""
    named = os.environ.get("SYNTHSCALE_CACHE")
    root = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "synthscale"
    return root.expanduser() / "datasets"


def folder_of(name: str, subset: str | None, revision: str | None, splits: Sequence[str]) -> Path:
    """The folder of one subset, named so that a person finds it and nothing else falls on it."""
    asked = json.dumps([name, subset, revision, list(splits)])
    words = re.sub(r"[^\w.-]+", "-", "--".join(part for part in (name, subset) if part))
    return cache_folder() / f"{words}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"


def fetch(name: str, subset: str | None, revision: str | None, splits: Sequence[str]) -> Path:
    """The folder with `{split}.jsonl` of each split; downloaded now if it is not there.

    Raises:
        ValueError: with one sentence, if it cannot be had.
    """
    folder = folder_of(name, subset, revision, splits)
    if (folder / ORIGIN).is_file():
        return folder
    from filelock import FileLock

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not (folder / ORIGIN).is_file():  # another process may have fetched it meanwhile
                download(name, subset, revision, splits, folder)
    except OSError as error:
        raise ValueError(f"task.source={name} cannot be kept in {folder.parent} ({error.strerror}).") from error
    return folder


def download(name: str, subset: str | None, revision: str | None, splits: Sequence[str], folder: Path) -> None:
    """Fill the folder under a temporary name, and rename it."""
    commit = commit_of(name, revision)
    print(f"Fetching {name}{f' ({subset})' if subset else ''} from the hub, once, into {folder}.", file=sys.stderr)
    temporary = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    temporary.mkdir()
    try:
        rows = {split: write_split(name, subset, commit, split, temporary / f"{split}.jsonl") for split in splits}
        origin = {"name": name, "subset": subset, "revision": revision, "commit": commit, "rows": rows}
        write_durably(temporary / ORIGIN, (json.dumps(origin, indent=1) + "\n").encode())
        sync_tree(temporary)
        if folder.exists():  # without its mark: not of our making
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_path(folder.parent)


def commit_of(name: str, revision: str | None) -> str | None:
    """The commit that the revision stands for; offline the revision itself, which the library finds in its own cache.

    Raises:
        ValueError: if the hub has no such data set, or cannot be asked.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if constants.HF_HUB_OFFLINE:
        return revision
    try:
        return HfApi().dataset_info(name, revision=revision, timeout=SECONDS_FOR_AN_ANSWER).sha
    except GatedRepoError as error:
        raise refusal(name, "the hub gives it only to who has accepted its terms", LOG_IN) from error
    except RevisionNotFoundError as error:
        raise refusal(name, f"the hub has it, but no revision {revision}", "see task.revision") from error
    except RepositoryNotFoundError as error:
        raise refusal(name, "the hub has no data set of that name that you may see", LOG_IN) from error
    except Exception as error:  # of the library's own or of the HTTP client under it, which has been another before
        raise refusal(name, f"the hub cannot be reached ({first_line(error)})", FETCH_FIRST) from error


def write_split(name: str, subset: str | None, commit: str | None, split: str, path: Path) -> int:
    """Write the split's rows as JSON lines; return how many there are."""
    import datasets  # type: ignore[import-untyped]

    datasets.disable_progress_bars()
    try:
        loaded: Any = datasets.load_dataset(name, subset, revision=commit, split=split)
    except Exception as error:  # what it raises depends on what the data set's files are
        advice = FETCH_FIRST if datasets.config.HF_HUB_OFFLINE else "see task.subsets, train_split and test_split"
        raise refusal(name, first_line(error), advice) from error
    with path.open("w", encoding="utf-8") as file:
        for row in loaded:
            file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
    return len(loaded)


def refusal(name: str, why: str, advice: str) -> ValueError:
    """One sentence for all that may stand between a name and its rows."""
    return ValueError(f"task.source={name} is no folder here, and cannot be fetched: {why.rstrip('.')}; {advice}.")


def first_line(error: BaseException) -> str:
    """What the error says, without its stack of advice."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
