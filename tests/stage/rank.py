"""One rank of several, as srun would start it: makes a finetune artifact again and again, as the actions say.

    python rank.py FOLDER ACTIONS_JSON

FOLDER is a store with the training data. An action has the `root` of the store to make the artifact in and the `base`,
and may have any of SETTINGS, `saves` (updates after which a checkpoint is due), `stop_in` (the update in which rank 0
is asked to stop) and `kill_in` (the update in which all ranks die). A rank prints how each action ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from synthscale.policy.config import Device, LoraConfig
from synthscale.problem import PrecedenceConfig
from synthscale.session import Session, Stopped
from synthscale.stage.finetune import FinetuneConfig
from synthscale.stage.stage import Node
from synthscale.study.store import ArtifactStore
from synthscale.training.config import Precision, Strategy, TrainerConfig

NUM_UPDATES = 8  # validations come after updates 3, 6 and 8
SETTINGS = ("base", "data", "batch_size", "strategy", "precision", "lora", "gradient_checkpointing", "micro_batch_size")
DATA = {name: Node("compose", {"made by hand": name}) for name in ("mixed", "pairs")}


def node(
    base: str,
    data: str = "mixed",
    batch_size: int = 11,
    strategy: str = "auto",
    precision: str = "full",
    lora: int = 0,
    gradient_checkpointing: bool = False,
    micro_batch_size: int | None = None,
) -> Node:
    """A finetune artifact of the data, from a base that is its own reference."""
    config = FinetuneConfig(
        task=PrecedenceConfig(),
        trainer=TrainerConfig(
            batch_size=batch_size,
            num_validation=8,
            num_validations=3,
            strategy=Strategy(strategy),
            precision=Precision[precision],
            micro_batch_size=micro_batch_size,
            weight_decay=1.0,
            device=Device.cpu,
        ),
        path=base,
        lora=LoraConfig(rank=lora),
        gradient_checkpointing=gradient_checkpointing,
        num_updates=NUM_UPDATES,
        learning_rate=3e-3,
        preference_weight=0.5,
    )
    return Node("finetune", config, {"data": DATA[data]})


class ScriptedSession(Session):
    """Does what an action says in the updates that it names."""

    def __init__(self, action: dict, rank: int, num_ranks: int, token: str) -> None:
        super().__init__(self.note, checkpoint_seconds=1000, rank=rank, num_ranks=num_ranks, token=token)
        self.action, self.first, self.update = action, 0, 0

    def note(self, done: int, total: int) -> None:
        self.update = done
        self.first = self.first or done
        if done == self.action.get("kill_in"):
            os.kill(os.getpid(), signal.SIGKILL)
        if done == self.action.get("stop_in") and self.rank == 0:
            self.request_stop()

    def is_save_due(self) -> bool:
        assert self.rank == 0, "rank 0 decides"
        return self.update in self.action.get("saves", ()) or super().is_save_due()


def act(folder: Path, action: dict, session: ScriptedSession) -> str:
    """Make the artifact; how that ended, and which was the first update."""
    store = ArtifactStore(Path(action["root"]), [folder], max_wait_seconds=120)
    settings = {key: action[key] for key in SETTINGS if key in action}
    try:
        store.make(node(**settings), session)
    except Stopped:
        return f"stopped {session.first}"
    return f"made {session.first}"


def main() -> None:
    """Do all actions."""
    import torch

    torch.set_num_threads(1)
    rank, num_ranks = (int(os.environ[f"SLURM_{name}"]) for name in ("PROCID", "NTASKS"))
    actions = json.loads(sys.argv[2])
    for number, action in enumerate(actions):
        session = ScriptedSession(action, rank, num_ranks, token=f"{os.environ['SLURM_JOB_ID']}-{number}")
        print("ACTION", act(Path(sys.argv[1]), action, session), flush=True)


if __name__ == "__main__":
    main()
