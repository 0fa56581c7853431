"""Mixed batches of positives and pairs, as a pure function of a seed and the number of the update.

Every rank knows the whole plan, so it finds its share of an update and the totals of all shares by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, overload

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from synthscale.training.encoding import EncodedExample, EncodedSide, pad
from synthscale.training.tokens import pairs_of, positives_of

Share = tuple[list[int], list[int]]
"""Indices of positives, and of pairs."""


class Totals(NamedTuple):
    """What the shares of all ranks in an update hold together."""

    num_positives: int
    num_pairs: int
    num_positive_tokens: int  # that count in the loss
    num_tokens: int  # prompts and padding too
    num_ranks: int = 1
    num_rows: int = 0  # of the largest share


@dataclass(slots=True)
class Batch:
    """A rank's share of an update: positives, then the chosen sides, then the rejected sides of the pairs.

    An empty share has one row all the same, since every rank takes part in every forward and backward pass. (Nothing in
    here is a frozen dataclass, since Lightning's FSDP refuses those.)
    """

    input_ids_BT: Tensor
    mask_BT: Tensor
    reference_logprobs_P2: Tensor  # in nats, of each pair's (chosen, rejected)
    num_positives: int
    num_pairs: int
    whole: Totals

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
    stream = np.empty(length, dtype=np.int64)
    for start in range(0, length, max(num_items, 1)):
        stream[start : start + num_items] = generator.permutation(num_items)[: length - start]
    return stream


class Plan(Sequence[Share]):
    """The updates' shares, cut out of two streams of indices when they are asked for."""

    def __init__(self, streams: Sequence[NDArray[np.int64]], ends: Sequence[NDArray[np.int64]]) -> None:
        self._streams = streams  # of positives, and of pairs
        self._ends = ends  # where the updates' parts of each stream end, [num_updates + 1], from 0

    def __len__(self) -> int:
        return len(self._ends[0]) - 1

    @overload
    def __getitem__(self, update: int) -> Share: ...
    @overload
    def __getitem__(self, update: slice) -> list[Share]: ...
    def __getitem__(self, update: int | slice) -> Share | list[Share]:
        if isinstance(update, slice):
            return [self[i] for i in range(*update.indices(len(self)))]
        place = range(len(self))[update]
        positives, pairs = (
            stream[ends[place] : ends[place + 1]].tolist()
            for stream, ends in zip(self._streams, self._ends, strict=True)
        )
        return positives, pairs


def batch_plan(num_positives: int, num_pairs: int, batch_size: int, num_updates: int, seed: int) -> Plan:
    """For each update, which positives and which pairs it takes.

    A batch holds `batch_size` sequences, of which a pair has two, so that an update costs the same in every mixture;
    pairs and positives come in the proportion that they have among the examples.
    """
    num_examples_per_update = batch_size * (num_positives + num_pairs) / (num_positives + 2 * num_pairs)
    generator = np.random.default_rng([seed, 1])
    streams, ends = [], []
    for num_items in (num_positives, num_pairs):
        rate = num_examples_per_update * num_items / (num_positives + num_pairs)
        ends.append(np.rint(np.arange(num_updates + 1) * rate).astype(np.int64))
        streams.append(shuffled_stream(num_items, int(ends[-1][-1]), generator))
    return Plan(streams, ends)


def deal(positives: Sequence[int], pairs: Sequence[int], num_ranks: int) -> list[Share]:
    """Each rank's share of an update; pairs go round from the last rank, so that the odd ones of both kinds part."""
    return [
        (list(positives[rank::num_ranks]), list(pairs[num_ranks - 1 - rank :: num_ranks])) for rank in range(num_ranks)
    ]


class MixedDataModule(lightning.LightningDataModule):
    """Serves a rank's share of the batches of a plan for training, and all positives in order for validation."""

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
        rank: int = 0,
        num_ranks: int = 1,
    ) -> None:
        super().__init__()
        self.positives, self.pairs = positives_of(train), pairs_of(train)
        self.validation = validation
        self.batch_size, self.pad_id, self.seed = batch_size, pad_id, seed
        self.reference_logprobs_P2 = reference_logprobs_P2
        self.rank, self.num_ranks = rank, num_ranks
        self.plan = batch_plan(len(self.positives), len(self.pairs), batch_size, num_updates, seed)

    def batch(self, positives: Sequence[int], pairs: Sequence[int]) -> Batch:
        """This rank's share of an update with these positives and these pairs, by index."""
        shares = deal(positives, pairs, self.num_ranks)
        sides_by_rank = [self._sides(*share) for share in shares]
        whole = Totals(
            len(positives),
            len(pairs),
            sum(self.positives[i].sides[0].num_counted for i in positives),
            sum(len(sides) * max(len(side.ids) for side in sides) for sides in sides_by_rank if sides),
            self.num_ranks,
            max(len(sides) for sides in sides_by_rank),
        )
        own_positives, own_pairs = shares[self.rank]
        reference = self.reference_logprobs_P2[torch.tensor(own_pairs, dtype=torch.long)]
        sides = sides_by_rank[self.rank] or [(self.positives or self.pairs)[0].sides[0]]
        return Batch(*pad(sides, self.pad_id), reference, len(own_positives), len(own_pairs), whole)

    def train_dataloader(self) -> PlanLoader:
        """One batch an update."""
        return PlanLoader(self)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation solutions, in order; every rank has them all."""
        return DataLoader(list(self._validation_batches()), batch_size=None)  # type: ignore[arg-type]

    def _sides(self, positives: Sequence[int], pairs: Sequence[int]) -> list[EncodedSide]:
        sides = [self.positives[i].sides[0] for i in positives]
        return sides + [self.pairs[i].sides[side] for side in (0, 1) for i in pairs]

    def _validation_batches(self) -> Iterator[Batch]:
        size = 4 * self.batch_size
        if not self.validation:  # a task without solutions of its own: a batch of none, for the accuracy
            side = (self.positives or self.pairs)[0].sides[0]
            yield Batch(*pad([side], self.pad_id), torch.zeros(0, 2), 0, 0, Totals(0, 0, 0, 0))
        for start in range(0, len(self.validation), size):
            sides = [example.sides[0] for example in self.validation[start : start + size]]
            input_ids_BT, mask_BT = pad(sides, self.pad_id)
            whole = Totals(len(sides), 0, sum(side.num_counted for side in sides), input_ids_BT.numel())
            yield Batch(input_ids_BT, mask_BT, torch.zeros(0, 2), len(sides), 0, whole)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Lightning moves collections it knows; a Batch moves itself."""
        return batch.to(device)


class PlanLoader:
    """Serves a plan's batches once; Lightning keeps its place with a checkpoint, and has it go on from there."""

    def __init__(self, data: MixedDataModule) -> None:
        self.data = data
        self.num_served = 0

    def __len__(self) -> int:
        return len(self.data.plan)

    def __iter__(self) -> Iterator[Batch]:
        while self.num_served < len(self):
            update = self.data.plan[self.num_served]
            self.num_served += 1
            yield self.data.batch(*update)

    def state_dict(self) -> dict[str, int]:
        """The place in the plan."""
        return {"num_served": self.num_served}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from a place in the plan."""
        self.num_served = state["num_served"]
