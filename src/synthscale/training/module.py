"""One Lightning module for every algorithm: the SFT loss on positives and the DPO loss on pairs, in mixed batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from synthscale.objective.advantage_weighted import weighted_logprobs
from synthscale.objective.dpo import dpo_loss, dpo_margins
from synthscale.objective.sft import sequence_logprobs, sft_loss
from synthscale.training.config import TrainerConfig
from synthscale.training.data import Batch
from synthscale.training.layout import Rows
from synthscale.training.logprobs import rows_logprobs, target_logprobs
from synthscale.training.precision import computing
from synthscale.training.sharding import ShardedStrategy

ADAM_EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class Objective:
    """Rates and weights of one phase of training."""

    learning_rate: float
    num_updates: int
    beta: float
    preference_weight: float
    max_weight: float | None = None  # of exp(A / beta), where positives' steps have advantages; None where none has
    only_side: str | None = None  # of pairs, "chosen" or "rejected"; None for both


class PolicyModule(lightning.LightningModule):
    """Trains a policy.

    The loss of a batch is the mean over its examples: (n₊ · L_SFT + n₋ · w · L_DPO) / (n₊ + n₋), with n₊ positives,
    n₋ pairs and the preference weight w. Without pairs it is SFT, without positives it is w times DPO. Where steps of
    positives have advantages, L_SFT is of log-probabilities that are weighted by these: advantage-weighted RL.

    Where ranks share a batch, each computes its part of the sums over the totals of the whole batch, times the number
    of ranks: the mean over ranks, which Lightning's strategies take of gradients, is then the whole batch's. What is
    measured in training is such a part too.
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
        self.trained = {name for name, p in model.named_parameters() if p.requires_grad}
        self.matrices = {name for name, p in model.named_parameters() if p.ndim >= 2}
        self.measured: dict[str, Tensor] = {}  # of the last update
        self.strict_loading = len(self.trained) == sum(1 for _ in model.parameters())

    def logprobs(self, batch: Batch) -> Tensor:
        """log π of every sequence's counted tokens, in nats, weighted if they are: positives, chosen, rejected sides.

        Of several passes none keeps anything for the backward pass, which runs each of them again: so the loss is the
        whole batch's, and memory holds the activations of one.
        """
        if len(batch.passes) == 1:
            return self._logprobs(batch.passes[0])[batch.order_S]
        parts = [checkpoint(self._logprobs, rows, use_reentrant=False) for rows in batch.passes]
        return torch.cat(parts)[batch.order_S]

    def _logprobs(self, rows: Rows) -> Tensor:
        with computing(self.config.precision, self.device.type):
            if rows.advantage_N is None:
                return rows_logprobs(self.model, rows)
            logprobs_N, most = target_logprobs(self.model, rows), self.objective.max_weight
            assert most is not None, "steps have advantages, and the objective says nothing of their weights"
            weighted_N = weighted_logprobs(logprobs_N, rows.advantage_N, self.objective.beta, most)
            return sequence_logprobs(weighted_N, rows.counted_SC)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """This rank's part of the loss of one mixed batch; `measured` then has it and what it is made of."""
        logprobs_S, whole = self.logprobs(batch), batch.whole
        loss, self.measured = logprobs_S.new_zeros(()), {}
        if whole.num_positives:
            positive_loss = whole.num_ranks * self._positive_loss(batch, logprobs_S)
            is_weighted = self.objective.max_weight is not None
            self.measured["train_weighted_loss" if is_weighted else "train_sft_loss"] = positive_loss.detach()
            loss = loss + whole.num_positives * positive_loss
        if whole.num_pairs:
            pair_loss = self._pair_loss(batch, logprobs_S)
            loss = loss + whole.num_pairs * self.objective.preference_weight * pair_loss
        loss = loss / (whole.num_positives + whole.num_pairs)
        self.measured["train_loss"] = loss.detach()
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """The SFT loss on held-out solutions, whatever the training loss is; and with the first, greedy accuracy.

        The accuracy belongs into a step because FSDP gathers weights in steps alone. Without any held-out solution
        there is one batch of none, and no loss.
        """
        if batch.num_positives:
            loss = self._positive_loss(batch, self.logprobs(batch))
            self.log("validation_loss", loss, batch_size=batch.whole.num_positive_tokens)
        if batch_idx == 0:
            with computing(self.config.precision, self.device.type):
                accuracy = self.validation_accuracy()
            self.log("validation_accuracy", accuracy, batch_size=1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the weights that are trained; frozen ones come from where the training started."""
        if not self.strict_loading:
            names = {f"model.{name}" for name in self.trained}
            checkpoint["state_dict"] = {n: p for n, p in checkpoint["state_dict"].items() if n in names}

    def configure_optimizers(self) -> Any:
        """AdamW, with a linear warm-up and then a cosine to zero; matrices decay, norms and biases do not."""
        # by name: FSDP flattens what a rank holds of a matrix
        named = [(name.replace("_fsdp_wrapped_module.", ""), p) for name, p in self.model.named_parameters()]
        named = [(name, p) for name, p in named if name in self.trained]
        groups = [
            {"params": [p for name, p in named if name in self.matrices], "weight_decay": self.config.weight_decay},
            {"params": [p for name, p in named if name not in self.matrices], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        config = self.config
        optimizer = torch.optim.AdamW(
            groups,
            lr=self.objective.learning_rate,
            betas=(0.9, config.adam_beta2),
            eps=ADAM_EPSILON if config.adam_epsilon is None else config.adam_epsilon,
            fused=True,
        )
        num_updates = self.objective.num_updates
        num_warmup = max(1, round(self.config.warmup_share * num_updates))
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: warmup_cosine(i, num_warmup, num_updates))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the norm of the whole gradient, of which FSDP leaves each rank a part."""
        if isinstance(self.trainer.strategy, ShardedStrategy):
            self.trainer.strategy.model.clip_grad_norm_(gradient_clip_val)  # type: ignore[union-attr, operator]
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def _positive_loss(self, batch: Batch, logprobs_S: Tensor) -> Tensor:
        return sft_loss(logprobs_S[: batch.num_positives], logprobs_S.new_full((), batch.whole.num_positive_tokens))

    def _pair_loss(self, batch: Batch, logprobs_S: Tensor) -> Tensor:
        whole, end = batch.whole, batch.num_positives + 2 * batch.num_pairs
        chosen_P, rejected_P = logprobs_S[batch.num_positives : end].chunk(2)
        reference_chosen_P, reference_rejected_P = batch.reference_logprobs_P2.unbind(dim=1)
        margins_P = dpo_margins(
            chosen_P, rejected_P, reference_chosen_P, reference_rejected_P, self.objective.only_side
        )
        loss = whole.num_ranks * dpo_loss(margins_P, self.objective.beta, whole.num_pairs)
        self.measured["train_dpo_loss"] = loss.detach()
        self.measured["train_margin"] = whole.num_ranks * margins_P.detach().sum() / whole.num_pairs
        return loss


def warmup_cosine(update: int, num_warmup: int, num_updates: int) -> float:
    """Factor on the learning rate at an update, counted from 0: linear up to 1, then half a cosine down towards 0."""
    if update < num_warmup:
        return (update + 1) / num_warmup
    progress = (update - num_warmup) / max(1, num_updates - num_warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
