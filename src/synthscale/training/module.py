"""One Lightning module for every algorithm: the SFT loss on positives and the DPO loss on pairs, in mixed batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning
import torch
from torch import Tensor
from transformers import PreTrainedModel

from synthscale.objective.dpo import dpo_loss, dpo_margins
from synthscale.objective.sft import sequence_logprobs, sft_loss
from synthscale.training.config import TrainerConfig
from synthscale.training.data import Batch


@dataclass(frozen=True, slots=True)
class Objective:
    """Rates and weights of one phase of training."""

    learning_rate: float
    num_updates: int
    beta: float
    preference_weight: float


class PolicyModule(lightning.LightningModule):
    """Trains a policy.

    The loss of a batch is the mean over its examples: (n₊ · L_SFT + n₋ · w · L_DPO) / (n₊ + n₋), with n₊ positives,
    n₋ pairs and the preference weight w. Without pairs it is SFT, without positives it is w times DPO.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        objective: Objective,
        config: TrainerConfig,
        validation_accuracy: Callable[[], float],
    ) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        self.config = config
        self.validation_accuracy = validation_accuracy
        self.num_train_tokens = 0

    def logprobs(self, batch: Batch) -> Tensor:
        """log π of every sequence's counted tokens, in nats, [B]."""
        logits_BTV = self.model(input_ids=batch.input_ids_BT, use_cache=False).logits
        return sequence_logprobs(logits_BTV, batch.input_ids_BT, batch.mask_BT)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one mixed batch."""
        self.num_train_tokens += batch.input_ids_BT.numel()
        logprobs_B = self.logprobs(batch)
        loss = logprobs_B.new_zeros(())
        if batch.num_positives:
            positive_loss = self._positive_loss(batch, logprobs_B)
            self.log("train_sft_loss", positive_loss)
            loss = loss + batch.num_positives * positive_loss
        if batch.num_pairs:
            loss = loss + batch.num_pairs * self.objective.preference_weight * self._pair_loss(batch, logprobs_B)
        loss = loss / (batch.num_positives + batch.num_pairs)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The SFT loss on held-out solutions, whatever the training loss is."""
        loss = self._positive_loss(batch, self.logprobs(batch))
        self.log("validation_loss", loss, batch_size=int(batch.mask_BT.sum()))

    def on_validation_epoch_end(self) -> None:
        """Greedy accuracy on validation problems."""
        self.log("validation_accuracy", self.validation_accuracy())

    def configure_optimizers(self) -> Any:
        """AdamW, with a linear warm-up and then a cosine to zero; matrices decay, norms and biases do not."""
        matrices = [p for p in self.model.parameters() if p.ndim >= 2]
        vectors = [p for p in self.model.parameters() if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": self.config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(
            groups, lr=self.objective.learning_rate, betas=(0.9, self.config.adam_beta2), fused=True
        )
        num_updates = self.objective.num_updates
        num_warmup = max(1, round(self.config.warmup_share * num_updates))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: warmup_cosine(i, num_warmup, num_updates))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _positive_loss(self, batch: Batch, logprobs_B: Tensor) -> Tensor:
        num_tokens_B = batch.mask_BT[: batch.num_positives].sum(dim=1)
        return sft_loss(logprobs_B[: batch.num_positives], num_tokens_B)

    def _pair_loss(self, batch: Batch, logprobs_B: Tensor) -> Tensor:
        chosen_P, rejected_P = logprobs_B[batch.num_positives :].chunk(2)
        margins_P = dpo_margins(chosen_P, rejected_P, *batch.reference_logprobs_P2.unbind(dim=1))
        loss = dpo_loss(margins_P, self.objective.beta)
        self.log("train_dpo_loss", loss)
        self.log("train_margin", margins_P.mean())
        return loss


def warmup_cosine(update: int, num_warmup: int, num_updates: int) -> float:
    """Factor on the learning rate at an update, counted from 0: linear up to 1, then half a cosine down towards 0."""
    if update < num_warmup:
        return (update + 1) / num_warmup
    progress = (update - num_warmup) / max(1, num_updates - num_warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
