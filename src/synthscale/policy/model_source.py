"""Where a model comes from, a folder or the hub, and what can be said against it before any weight is read.

Free of torch and transformers: the door asks this, so that a wrong name fails in a second and not after a teacher was
paid; loading asks again, since the artifacts of earlier stages do not come by the door.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from synthscale.policy.config import PromptFormat

HUB_TIMEOUT_SECONDS = 5.0
FILES_OF_A_MODEL = {".json", ".safetensors", ".model", ".txt", ".jinja"}
WHOLE_BYTES = 64 * 2**20
NUM_BLOCKS, BLOCK_BYTES = 1024, 2**14
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model", "tekken.json")  # any of them will do


def check_model_source(path: str, revision: str | None, prompt_format: PromptFormat) -> None:
    """Refuse a model that cannot be loaded, as far as that can be told without loading it.

    Raises:
        ValueError: with one sentence.
    """
    if Path(path).is_dir():
        if revision is not None:
            raise ValueError(f"model.revision={revision} is of a model on the hub, but model.path={path} is a folder.")
        check_folder(Path(path), prompt_format)
    elif is_hub_name(path):
        check_on_hub(path, revision)
    else:
        raise ValueError(f"model.path={path} is neither a folder that is there nor a name on the hub, like org/name.")


def fingerprint_of(path: str) -> str | None:
    """Sixteen hex digits of a model folder's files; None of a name on the hub, which its revision tells apart.

    Of a file of more than `WHOLE_BYTES` the size, both ends and evenly spaced blocks are read, since this is asked for
    whenever a plan is made; training changes all of a file, and a change of a few bytes in it may go unseen.
    """
    folder = Path(path)
    if not folder.is_dir():
        return None
    files = sorted(file for file in folder.iterdir() if file.suffix in FILES_OF_A_MODEL and file.is_file())
    stats = [(file.name, file.stat()) for file in files]
    return _fingerprint(folder, tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))


def check_fingerprint(path: str, fingerprint: str | None) -> None:
    """Raise ValueError if the folder holds another model than when the stage was planned."""
    found = fingerprint_of(path)
    if fingerprint is not None and fingerprint != found:
        raise ValueError(
            f"the files in model.path={path} have the fingerprint {found}, and had {fingerprint} when it was planned: "
            "run the same command again for the model that is there now."
        )


@cache
def _fingerprint(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in files:
        digest.update(f"{name} {size}\n".encode())
        with (folder / name).open("rb") as file:
            if size <= WHOLE_BYTES:
                digest.update(file.read())
                continue
            for block in range(NUM_BLOCKS):
                file.seek(block * (size - BLOCK_BYTES) // (NUM_BLOCKS - 1))
                digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()[:16]


def is_hub_name(path: str) -> bool:
    """Whether this has the form of a name on the hub, org/name."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", path, flags=re.ASCII) is not None


def check_folder(folder: Path, prompt_format: PromptFormat) -> None:
    """Refuse a folder without a config, a tokenizer, all its weights as safetensors, or the chat template it needs.

    Raises:
        ValueError: with one sentence.
    """
    if not (folder / "config.json").is_file():
        raise ValueError(f"model.path={folder} is not a folder that transformers can load: it has no config.json.")
    _check_weights(folder)
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise ValueError(f"model.path={folder} has no tokenizer (no {_TOKENIZERS[0]}): save the model's own beside it.")
    if prompt_format is PromptFormat.chat and not _has_chat_template(folder):
        raise ValueError(
            f"model.prompt_format=chat needs a chat template, and the tokenizer in {folder} has none: "
            f"use model.prompt_format=plain."
        )


def _check_weights(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = sorted(set(_json(index)["weight_map"].values()))
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise ValueError(f"model.path={folder} lacks {missing[0]}, which its index of weights names.")
        for name in names:
            _check_whole(folder / name)
    elif not (folder / "model.safetensors").is_file():
        pickles = sorted(path.name for kind in ("*.bin", "*.pt", "*.pth") for path in folder.glob(kind))
        has = f"only {pickles[0]}, a pickle, which is not read" if pickles else "no model.safetensors"
        raise ValueError(f"model.path={folder} has {has}: save the weights as safetensors.")
    else:
        _check_whole(folder / "model.safetensors")


def _check_whole(weights: Path) -> None:
    """Raise ValueError for a safetensors file that is cut short or no such file, by its header and its size.

    The format: eight bytes with the header's length, the header as JSON with the places of the tensors, the tensors.
    """
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length < weights.stat().st_size:
                raise ValueError("no header")
            header = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        if weights.stat().st_size != 8 + length + max(ends, default=0):
            raise ValueError("a size that is not its header's")
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise ValueError(
            f"model.path={weights.parent} has a {weights.name} that is damaged or cut short: copy or save it again."
        ) from None


def _has_chat_template(folder: Path) -> bool:
    if any((folder / name).exists() for name in ("chat_template.jinja", "chat_template.json", "chat_templates")):
        return True
    config = folder / "tokenizer_config.json"
    return config.is_file() and bool(_json(config).get("chat_template"))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}.") from error


@cache  # a sweep asks for every point
def check_on_hub(name: str, revision: str | None) -> None:
    """Refuse a model whose config.json is neither in the hub's local cache nor on the hub.

    Raises:
        ValueError: with one sentence.
    """
    import huggingface_hub as hub
    from huggingface_hub import constants, errors

    if isinstance(hub.try_to_load_from_cache(name, "config.json", revision=revision), str):
        return
    what = f"model.path={name}" + (f" at revision {revision}" if revision else "")
    if constants.HF_HUB_OFFLINE:
        raise ValueError(f"{what} is no folder here, and HF_HUB_OFFLINE is set while the hub's cache does not hold it.")
    url = hub.hf_hub_url(name, "config.json", revision=revision)
    try:
        hub.get_hf_file_metadata(url, timeout=HUB_TIMEOUT_SECONDS)
    except errors.GatedRepoError as error:
        raise ValueError(f"{what} is gated: accept its licence on the hub and set HF_TOKEN.") from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise ValueError(f"{what} is no folder here, and there is no such model on the hub.") from error
    except Exception as error:  # the HTTP client's own, whichever it is
        raise ValueError(
            f"{what} is no folder here and not in the hub's cache, and the hub does not answer "
            f"({type(error).__name__})."
        ) from error
