"""Runs one phase of training with Lightning, and keeps its curves."""

from __future__ import annotations

import csv
import logging
import time
import warnings
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor
from transformers import PreTrainedModel

from synthscale.objective.sft import sequence_logprobs
from synthscale.training.config import Device, TrainerConfig
from synthscale.training.data import Batch, MixedDataModule
from synthscale.training.encoding import EncodedExample, pad
from synthscale.training.module import Objective, PolicyModule

CURVE_POINTS = 100  # rows of training loss that a curve keeps at most


@dataclass(frozen=True, slots=True)
class FitResult:
    """What a phase cost and how it went."""

    curves: list[dict[str, float]]  # one row an update that was logged; absent keys were not measured there
    seconds: float
    num_updates: int
    num_train_tokens: int
    device: str

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
    """Collects what the module logs, and reports progress."""

    def __init__(self, num_updates: int, advance: Callable[[int, int], None]) -> None:
        self.rows: dict[int, dict[str, float]] = {}
        self.num_updates, self.advance = num_updates, advance
        self.every = max(1, num_updates // CURVE_POINTS)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Keep the training losses of every n-th update and of the last."""
        update = trainer.global_step
        if update % self.every == 0 or update == self.num_updates:
            # Lightning repeats the last value of what this batch did not measure
            stale = set() if batch.num_positives else {"train_sft_loss"}
            stale |= set() if batch.num_pairs else {"train_dpo_loss", "train_margin"}
            self._keep(trainer, "train_", stale)
            self.advance(update, self.num_updates)

    def on_validation_end(self, trainer: lightning.Trainer, *args: Any, **kwargs: Any) -> None:
        """Keep the validation figures."""
        self._keep(trainer, "validation_")

    def _keep(self, trainer: lightning.Trainer, prefix: str, stale: Set[str] = frozenset()) -> None:
        row = self.rows.setdefault(trainer.global_step, {"update": trainer.global_step})
        measured = {key: float(value) for key, value in trainer.callback_metrics.items() if key.startswith(prefix)}
        row.update({key: value for key, value in measured.items() if key not in stale})


def pick_device(device: Device) -> str:
    """The device's name for torch; auto is a GPU where there is one."""
    if device is Device.auto:
        return "cuda" if torch.cuda.is_available() else "cpu"
    return str(device.value)


def fit(
    model: PreTrainedModel,
    data: MixedDataModule,
    objective: Objective,
    config: TrainerConfig,
    validation_accuracy: Callable[[], float],
    advance: Callable[[int, int], None],
) -> FitResult:
    """Train the model in place for the objective's number of updates."""
    recorder = CurveRecorder(objective.num_updates, advance)
    module = PolicyModule(model.train(), objective, config, validation_accuracy)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = lightning.Trainer(
        accelerator=pick_device(config.device),
        devices=1,
        max_steps=objective.num_updates,
        max_epochs=-1,
        gradient_clip_val=config.max_grad_norm,
        val_check_interval=-(-objective.num_updates // config.num_validations),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        logger=False,
        callbacks=[recorder],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # advice on workers and logging intervals
        trainer.fit(module, datamodule=data)
        if "validation_accuracy" not in recorder.rows[objective.num_updates]:  # the interval did not divide the updates
            trainer.validate(module, datamodule=data, verbose=False)
    seconds = time.perf_counter() - started
    model.train(False)
    curves = [recorder.rows[update] for update in sorted(recorder.rows)]
    return FitResult(curves, seconds, objective.num_updates, module.num_train_tokens, trainer.strategy.root_device.type)


@torch.inference_mode()
def reference_logprobs(
    model: PreTrainedModel, examples: Sequence[EncodedExample], pad_id: int, batch_size: int
) -> Tensor:
    """log π_ref in nats of each pair's (chosen, rejected), [P, 2], from a frozen reference policy."""
    sides = [side for example in examples if example.is_pair for side in example.sides]
    logprobs = []
    for start in range(0, len(sides), batch_size):
        input_ids_BT, mask_BT = (t.to(model.device) for t in pad(sides[start : start + batch_size], pad_id))
        logits_BTV = model.train(False)(input_ids=input_ids_BT, use_cache=False).logits
        logprobs.append(sequence_logprobs(logits_BTV, input_ids_BT, mask_BT).cpu())
    return torch.cat(logprobs).reshape(-1, 2) if logprobs else torch.zeros(0, 2)
