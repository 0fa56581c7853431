"""A toy stage for tests of the store and the study: it does what its config says, in this process or in real ones.

Importing it puts it in the place of the stages named below. Run as a script it makes a node in a process of its own;
worker processes import it again as their main module, so they know it too.

    python toy.py make ROOT CONFIG_JSON
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from synthscale.stage.stage import Node
from synthscale.study.store import ArtifactStore

VERSION = 1
TOY_STAGES = ("toy", "synthesize", "finetune", "sample", "credit", "compose", "evaluate")

for _stage in TOY_STAGES:
    sys.modules[f"synthscale.stage.{_stage}"] = sys.modules[__name__]


def run(config, inputs, out, advance):
    """Write a file, leave a mark of having run, then do what the config says."""
    if "calls" in config:
        with Path(config["calls"]).open("a") as calls:
            calls.write(f"{os.getpid()}\n")
    advance(1, 2)
    (out / "part").mkdir()
    (out / "part" / "answer.txt").write_text(config.get("text", "answer") * 1000)
    time.sleep(config.get("seconds", 0))
    while "hold" in config and Path(config["hold"]).exists():
        time.sleep(0.02)
    if "die_while" in config and Path(config["die_while"]).exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if "raise" in config:
        raise RuntimeError(config["raise"])
    if "fill_bytes" in config:
        (out / "big").write_bytes(b"x" * config["fill_bytes"])
    if "curves" in config:
        (out / "curves.csv").write_text(config["curves"])
    advance(2, 2)
    return dict(config.get("measures", {"num_examples": len(inputs)}))


def main() -> None:
    """Make one node."""
    _, _, root, config = sys.argv
    print(ArtifactStore(Path(root)).make(Node("toy", json.loads(config))).folder)


if __name__ == "__main__" and sys.argv[1:2] == ["make"]:
    main()
