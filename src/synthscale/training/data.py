"""Mixed batches of positives and pairs, as a pure function of a seed and the number of the update."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from synthscale.training.encoding import EncodedExample, pad


@dataclass(frozen=True, slots=True)
class Batch:
    """Positives first, then the chosen sides, then the rejected sides of the pairs."""

    input_ids_BT: Tensor
    mask_BT: Tensor
    reference_logprobs_P2: Tensor  # in nats, of each pair's (chosen, rejected)
    num_positives: int
    num_pairs: int

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return replace(
            self,
            input_ids_BT=self.input_ids_BT.to(device),
            mask_BT=self.mask_BT.to(device),
            reference_logprobs_P2=self.reference_logprobs_P2.to(device),
        )


def shuffled_stream(num_items: int, length: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """`length` indices below `num_items`: shuffle after shuffle, so that every item comes as often as the others."""
    num_shuffles = -(-length // max(num_items, 1))
    shuffles = [generator.permutation(num_items) for _ in range(num_shuffles)]
    return np.concatenate([*shuffles, np.empty(0, dtype=np.int64)])[:length].astype(np.int64)


def batch_plan(
    num_positives: int, num_pairs: int, batch_size: int, num_updates: int, seed: int
) -> list[tuple[list[int], list[int]]]:
    """For each update, which positives and which pairs it takes.

    A batch holds `batch_size` sequences, of which a pair has two, so that an update costs the same in every mixture;
    pairs and positives come in the proportion that they have among the examples.
    """
    num_examples_per_update = batch_size * (num_positives + num_pairs) / (num_positives + 2 * num_pairs)
    generator = np.random.default_rng([seed, 1])
    chunks = []
    for num_items in (num_positives, num_pairs):
        rate = num_examples_per_update * num_items / (num_positives + num_pairs)
        ends = np.rint(np.arange(num_updates + 1) * rate).astype(np.int64)
        stream = shuffled_stream(num_items, int(ends[-1]), generator)
        chunks.append([stream[start:end].tolist() for start, end in itertools.pairwise(ends)])
    return list(zip(*chunks, strict=True))


class MixedDataModule(lightning.LightningDataModule):
    """Serves the batches of a plan for training, and positives in order for validation."""

    def __init__(
        self,
        train: Sequence[EncodedExample],
        validation: Sequence[EncodedExample],
        *,
        batch_size: int,
        num_updates: int,
        seed: int,
        pad_id: int,
        reference_logprobs_P2: Tensor,
    ) -> None:
        super().__init__()
        self.positives = [example for example in train if not example.is_pair]
        self.pairs = [example for example in train if example.is_pair]
        self.validation = validation
        self.batch_size, self.pad_id = batch_size, pad_id
        self.reference_logprobs_P2 = reference_logprobs_P2
        self.plan = batch_plan(len(self.positives), len(self.pairs), batch_size, num_updates, seed)

    def batch(self, positives: Sequence[int], pairs: Sequence[int]) -> Batch:
        """The batch of these positives and these pairs, by index."""
        sides = [self.positives[i].sides[0] for i in positives]
        sides += [self.pairs[i].sides[side] for side in (0, 1) for i in pairs]
        reference = self.reference_logprobs_P2[torch.tensor(pairs, dtype=torch.long)]
        return Batch(*pad(sides, self.pad_id), reference, len(positives), len(pairs))

    def train_dataloader(self) -> DataLoader[Batch]:
        """One batch an update."""
        return DataLoader(self.plan, batch_size=None, collate_fn=lambda step: self.batch(*step))  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation solutions, in order."""
        return DataLoader(list(self._validation_batches()), batch_size=None)  # type: ignore[arg-type]

    def _validation_batches(self) -> Iterator[Batch]:
        size = 4 * self.batch_size
        for start in range(0, len(self.validation), size):
            sides = [example.sides[0] for example in self.validation[start : start + size]]
            yield Batch(*pad(sides, self.pad_id), torch.zeros(0, 2), len(sides), 0)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Lightning moves collections it knows; a Batch moves itself."""
        return batch.to(device)
