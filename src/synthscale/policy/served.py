"""A policy's folder as a server is to see it: the same files, with defaults that change nothing of what it draws.

Servers take what a request does not say from `generation_config.json`. `transformers serve` (5.23) cannot be told in a
request to sample at all: without `do_sample` there it decodes greedily, whatever the temperature, and answers a request
of temperature 0 greedily in any case. top_k is no part of the protocol, so that one of a model's own would stay.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

GENERATION_CONFIG = "generation_config.json"
KEPT = ("bos_token_id", "eos_token_id", "pad_token_id")
NEUTRAL = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}  # a top_k of 0 is all tokens


def write_served(folder: Path, served: Path) -> None:
    """Make `served` a folder of links to the policy's files, with a generation config of its own."""
    shutil.rmtree(served, ignore_errors=True)
    served.mkdir(parents=True)
    for path in folder.iterdir():
        if path.name != GENERATION_CONFIG:
            (served / path.name).symlink_to(path.resolve())
    (served / GENERATION_CONFIG).write_text(json.dumps(special_tokens(folder) | NEUTRAL))


def special_tokens(folder: Path) -> dict[str, Any]:
    """The token ids that the folder's generation config names, or its config where it has none."""
    for name in (GENERATION_CONFIG, "config.json"):
        path = folder / name
        if path.exists():
            found = json.loads(path.read_text())
            return {key: found[key] for key in KEPT if found.get(key) is not None}
    return {}
