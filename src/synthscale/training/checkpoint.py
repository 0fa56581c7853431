"""Checkpoints of a training: what it takes to go on with the very next update as if nothing had happened.

Lightning saves and restores weights, optimizer, schedule, loops, the place in the data and the callbacks' states; the
states of the random number generators are added here. A checkpoint is one file, read without running any pickle in it.
With DDP rank 0 alone writes it. With FSDP all ranks put weights and optimizer together in rank 0's host memory, which
must hold both twice, since Lightning builds the file in memory: 24 bytes a weight in single precision.
"""

from __future__ import annotations

import logging
import random
import signal
import threading
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from synthscale.durable import rename_durably
from synthscale.session import Session, Stopped

log = logging.getLogger(__name__)

FILE = "training.ckpt"
_RANDOM_STATES = "random_states"


class Checkpointer(lightning.Callback):
    """Saves when the session says so, which rank 0's decides for all, and ends the training if it was asked to.

    It comes after callbacks whose states it is to save. An update that is followed by a validation is saved after it,
    so that its figures are neither lost nor measured twice.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.path = folder / FILE
        self._random_states: list[dict[str, Any]] = []
        self._on_sigterm = signal.getsignal(signal.SIGTERM)

    def find(self, trainer: lightning.Trainer) -> Path | None:
        """The checkpoint to go on from; one that cannot be read counts as none, with a warning."""
        if self.session.num_ranks > 1:
            trainer.strategy.setup_environment()  # so that ranks can speak: all go on from it or none
        is_usable = self.session.rank == 0 and self.path.exists() and is_readable(self.path)
        return self.path if trainer.strategy.reduce_boolean_decision(is_usable, all=False) else None

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Take up the generators' states, since setting up may have drawn from them, and the handler of SIGTERM.

        Lightning's own leaves without saving, and has ranks speak to each other wherever the signal finds them.
        """
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_sigterm)
        if self.session.rank < len(self._random_states):
            set_random_state(self._random_states[self.session.rank], trainer.strategy.root_device)

    def on_train_batch_end(self, trainer: lightning.Trainer, *args: Any, **kwargs: Any) -> None:
        """Save if it is time."""
        is_validation_next = trainer.should_stop or trainer.global_step % int(trainer.val_check_batch or 1) == 0
        if not is_validation_next:
            self._save_when_due(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Save if it is time."""
        self._save_when_due(trainer)

    def on_save_checkpoint(self, trainer: lightning.Trainer, module: Any, checkpoint: dict[str, Any]) -> None:
        """Add the generators' states of every rank."""
        own = random_state(trainer.strategy.root_device)
        checkpoint[_RANDOM_STATES] = [trainer.strategy.broadcast(own, src=rank) for rank in range(trainer.world_size)]

    def on_load_checkpoint(self, trainer: lightning.Trainer, module: Any, checkpoint: dict[str, Any]) -> None:
        """Take the generators' states out."""
        self._random_states = checkpoint[_RANDOM_STATES]

    def _save_when_due(self, trainer: lightning.Trainer) -> None:
        is_due = self.session.rank == 0 and self.session.is_save_due()
        if not trainer.strategy.reduce_boolean_decision(is_due, all=False):
            return
        temporary = self.path.with_name(f".{FILE}")
        trainer.save_checkpoint(temporary)
        is_stopped = False
        if self.session.rank == 0:
            rename_durably(temporary, self.path)
            try:
                self.session.saved()
            except Stopped:
                is_stopped = True
        if trainer.strategy.reduce_boolean_decision(is_stopped, all=False):
            raise Stopped


def is_readable(path: Path) -> bool:
    """Whether the checkpoint holds tensors and plain values alone, and all of them.

    FSDP's own loader would run a pickle, so this is asked of every checkpoint before Lightning is given it.
    """
    try:
        TorchCheckpointIO().load_checkpoint(path, weights_only=True)
    except Exception as error:  # whatever a damaged file or a refused pickle makes of it
        reason = str(error).partition("\n")[0]
        log.warning("%s cannot be read, so the training starts anew (%s: %s).", path, type(error).__name__, reason)
        return False
    return True


def random_state(device: torch.device) -> dict[str, Any]:
    """The states of all generators that a training may draw from, as tensors and plain values."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "numpy": (name, np.asarray(keys).tolist(), *rest),
        "python": random.getstate(),
    }


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Put the generators into the states that `random_state` gave."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)
    np.random.set_state(state["numpy"])
    random.setstate(state["python"])
