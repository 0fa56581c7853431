"""Runs one phase of training with Lightning, and keeps its curves."""

from __future__ import annotations

import csv
import logging
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor
from transformers import PreTrainedModel

from synthscale.policy.attending import attending_by
from synthscale.session import Advance, Session
from synthscale.training.attention import PACKED
from synthscale.training.checkpoint import Checkpointer
from synthscale.training.config import TrainerConfig
from synthscale.training.data import Batch, MixedDataModule
from synthscale.training.module import Objective, PolicyModule
from synthscale.training.ranks import trainer_arguments, whole_policy

CURVE_POINTS = 100  # rows of training loss that a curve keeps at most


@dataclass(frozen=True, slots=True)
class FitResult:
    """What a phase cost and how it went."""

    curves: list[dict[str, float]]  # one row an update that was logged; absent keys were not measured there
    seconds: float
    num_updates: int
    num_train_tokens: int
    device: str
    model: PreTrainedModel  # whole on rank 0

    def measures(self) -> dict[str, float | int | str | None]:
        """What a stage reports of the phase: its cost, and its last losses and validation figures."""
        last: dict[str, float | int | str | None] = {}
        for row in self.curves:
            last.update({f"final_{key}": value for key, value in row.items() if key != "update"})
        cost = {"num_updates": self.num_updates, "num_train_tokens": self.num_train_tokens}
        return {**cost, "train_seconds": self.seconds, "device": self.device, **last}

    def write_curves(self, path: Path) -> None:
        """Write the curves as a table: one column a quantity, empty where it was not measured."""
        columns = list(dict.fromkeys(["update", *(key for row in self.curves for key in row)]))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.curves)


class CurveRecorder(lightning.Callback):
    """Collects what the module logs and what the training costs, and reports progress."""

    def __init__(self, num_updates: int, advance: Advance) -> None:
        self.rows: dict[int, dict[str, float]] = {}
        self.num_updates, self.advance = num_updates, advance
        self.every = max(1, num_updates // CURVE_POINTS)
        self.num_train_tokens = 0
        self._earlier_seconds, self._started = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """That the training has taken so far, in this process and in those before that it goes on from."""
        return self._earlier_seconds + time.perf_counter() - self._started

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Keep the training losses of every n-th update and of the last, after which Lightning is to validate."""
        update = trainer.global_step
        self.num_train_tokens += batch.whole.num_tokens
        if update % self.every == 0 or update == self.num_updates:
            assert isinstance(module, PolicyModule)
            self._keep(trainer, module.measured)
            self.advance(update, self.num_updates)
        trainer.should_stop = update == self.num_updates

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Keep the validation figures."""
        names = ("validation_loss", "validation_accuracy")
        measured = trainer.callback_metrics
        self._keep(trainer, {name: measured[name] for name in names if name in measured})

    def state_dict(self) -> dict[str, Any]:
        """All of it, for a checkpoint."""
        return {
            "rows": list(self.rows.values()),
            "num_train_tokens": self.num_train_tokens,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rows = {int(row["update"]): row for row in state_dict["rows"]}
        self.num_train_tokens = state_dict["num_train_tokens"]
        self._earlier_seconds = state_dict["seconds"]

    def _keep(self, trainer: lightning.Trainer, measured: Mapping[str, Tensor]) -> None:
        """Keep the mean over ranks: of parts of a training loss the whole, of validation figures any rank's."""
        values = torch.stack([value.float() for value in measured.values()])
        means = trainer.strategy.reduce(values.to(trainer.strategy.root_device), reduce_op="mean").tolist()
        row = self.rows.setdefault(trainer.global_step, {"update": trainer.global_step})
        row.update(zip(measured, means, strict=True))


def fit(
    model: PreTrainedModel,
    data: MixedDataModule,
    objective: Objective,
    config: TrainerConfig,
    validation_accuracy: Callable[[], float],
    session: Session,
    checkpoints: Path,
) -> FitResult:
    """Train the model in place for the objective's number of updates, or for those that are left.

    Goes on from what an earlier process saved in `checkpoints`. All ranks of the session must call this.

    Raises:
        Stopped: if the session was asked to stop; what is needed to go on is in `checkpoints`.
    """
    recorder, checkpointer = CurveRecorder(objective.num_updates, session.advance), Checkpointer(session, checkpoints)
    torch.manual_seed(data.seed * 1_000_003 + session.rank)  # dropout, of which each rank has its own
    module = PolicyModule(model.train(), objective, config, validation_accuracy)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # advice on workers, logging intervals and srun
        trainer = lightning.Trainer(
            callbacks=[recorder, checkpointer],
            default_root_dir=checkpoints,
            **_loop_arguments(objective.num_updates, config),
            **trainer_arguments(config, session, model),
        )
        # around the backward pass too, in which activations may be computed again
        with attending_by(PACKED, model.config) if data.is_packed else nullcontext():
            trainer.fit(module, datamodule=data, ckpt_path=checkpointer.find(trainer), weights_only=True)
    return FitResult(
        [recorder.rows[update] for update in sorted(recorder.rows)],
        recorder.seconds,
        objective.num_updates,
        recorder.num_train_tokens,
        trainer.strategy.root_device.type,
        whole_policy(trainer, model).train(False),
    )


def _loop_arguments(num_updates: int, config: TrainerConfig) -> dict[str, Any]:
    """Lightning's arguments for so many updates, validations evenly among them, and nothing that it does unasked."""
    return {
        "max_steps": num_updates,
        "max_epochs": -1,
        "gradient_clip_val": config.max_grad_norm,
        "val_check_interval": -(-num_updates // config.num_validations),
        "check_val_every_n_epoch": None,
        "num_sanity_val_steps": 0,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
