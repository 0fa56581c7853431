"""Mixed batches of positives and pairs, as a pure function of a seed and the number of the update.

Every rank knows the whole plan, so it finds its share of an update and the totals of all shares by itself. What the
ranks do once before it, as the reference's log-probabilities, they do when Lightning sets the data up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, overload

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from synthscale.training.encoding import EncodedExample
from synthscale.training.layout import Item, Rows, cut, items_of, lay_out, num_tokens
from synthscale.training.tokens import pairs_of, positives_of

Share = tuple[list[int], list[int]]
"""Indices of positives, and of pairs."""

SumOverRanks = Callable[[Tensor], Tensor]
"""What Lightning's strategy makes of the ranks' tensors."""


class Totals(NamedTuple):
    """What the shares of all ranks in an update hold together."""

    num_positives: int
    num_pairs: int
    num_positive_tokens: int  # that count in the loss
    num_tokens: int  # that go through the model, prompts too; what a pair shares, once
    num_ranks: int = 1
    num_passes: int = 1  # of the largest share


@dataclass(slots=True)
class Batch:
    """A rank's share of an update, in as many forward passes as any rank has.

    An empty share has a pass all the same, and a small one its first pass again, since every rank takes part in every
    forward and backward pass. (Nothing in here is a frozen dataclass, since Lightning's FSDP refuses those.)
    """

    passes: list[Rows]
    order_S: Tensor  # places of positives, chosen, then rejected sides among the passes' sequences
    reference_logprobs_P2: Tensor  # in nats, of each pair's (chosen, rejected)
    num_positives: int
    num_pairs: int
    whole: Totals

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return replace(
            self,
            passes=[rows.to(device) for rows in self.passes],
            order_S=self.order_S.to(device),
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
    """Serves a rank's share of the batches of a plan for training, and all positives in order for validation.

    Args:
        reference_logprobs: [P, 2] in nats of each pair's (chosen, rejected); or what finds them when the ranks can
            speak, given a sum over ranks.
        micro_batch_size: sequences of a forward pass at most, None for all; of a packed pair there are at least two.
        is_packed: whether pairs share prefixes, and examples rows, which the model must allow.
    """

    def __init__(
        self,
        train: Sequence[EncodedExample],
        validation: Sequence[EncodedExample],
        *,
        batch_size: int,
        num_updates: int,
        seed: int,
        pad_id: int,
        reference_logprobs: Tensor | Callable[[SumOverRanks], Tensor] | None = None,
        micro_batch_size: int | None = None,
        is_packed: bool = True,
        rank: int = 0,
        num_ranks: int = 1,
    ) -> None:
        super().__init__()
        self.positives, self.pairs = positives_of(train), pairs_of(train)
        self.validation = validation
        self.batch_size, self.pad_id, self.seed = batch_size, pad_id, seed
        self.micro_batch_size, self.is_packed = micro_batch_size, is_packed
        self.reference_logprobs = torch.zeros(0, 2) if reference_logprobs is None else reference_logprobs
        self.rank, self.num_ranks = rank, num_ranks
        self.plan = batch_plan(len(self.positives), len(self.pairs), batch_size, num_updates, seed)

    def setup(self, stage: str) -> None:
        """Find the reference's log-probabilities, now that the ranks can speak."""
        if callable(self.reference_logprobs):
            strategy = self.trainer.strategy  # type: ignore[union-attr]  # set by Lightning

            def sum_over_ranks(values: Tensor) -> Tensor:
                return strategy.reduce(values.to(strategy.root_device), reduce_op="sum").cpu()

            self.reference_logprobs = self.reference_logprobs(sum_over_ranks)

    def batch(self, positives: Sequence[int], pairs: Sequence[int]) -> Batch:
        """This rank's share of an update with these positives and these pairs, by index."""
        assert isinstance(self.reference_logprobs, Tensor)
        shares = deal(positives, pairs, self.num_ranks)
        whole = Totals(
            len(positives),
            len(pairs),
            sum(self.positives[i].sides[0].num_counted for i in positives),
            sum(num_tokens(example, is_packed=self.is_packed) for example in self._examples(positives, pairs)),
            self.num_ranks,
            max(self._num_passes(*share) for share in shares),
        )
        own_positives, own_pairs = shares[self.rank]
        reference_P2 = self.reference_logprobs[torch.tensor(own_pairs, dtype=torch.long)]
        examples = self._examples(own_positives, own_pairs) or [(self.positives or self.pairs)[0]]
        passes, order_S = self._passes(examples, whole.num_passes)
        return Batch(passes, order_S, reference_P2, len(own_positives), len(own_pairs), whole)

    def train_dataloader(self) -> PlanLoader:
        """One batch an update."""
        return PlanLoader(self)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation solutions, in order; every rank has them all."""
        return DataLoader(list(self._validation_batches()), batch_size=None)  # type: ignore[arg-type]

    def _examples(self, positives: Sequence[int], pairs: Sequence[int]) -> list[EncodedExample]:
        return [self.positives[i] for i in positives] + [self.pairs[i] for i in pairs]

    def _num_passes(self, positives: Sequence[int], pairs: Sequence[int]) -> int:
        num_sequences = [1] * len(positives) + ([2] if self.is_packed else [1, 1]) * len(pairs)
        return len(cut(num_sequences, self.micro_batch_size))

    def _passes(self, examples: Sequence[EncodedExample], num_passes: int = 1) -> tuple[list[Rows], Tensor]:
        """The examples in so many forward passes or more, and the order of their sides among the passes' sequences."""
        items: list[Item] = []
        order: tuple[list[int], ...] = ([], [], [])  # positives, chosen, rejected
        for example in examples:
            for side, _ in enumerate(example.sides):
                order[side + example.is_pair].append(sum(map(len, order)))
            items += items_of(example, is_packed=self.is_packed)
        parts = cut([item.num_sequences for item in items], self.micro_batch_size)
        passes = [lay_out(items[part.start : part.stop], self.pad_id, is_packed=self.is_packed) for part in parts]
        passes += [passes[0]] * (num_passes - len(passes))
        return passes, torch.tensor([place for kind in order for place in kind])

    def _validation_batches(self) -> Iterator[Batch]:
        size = 4 * self.batch_size
        if not self.validation:  # a task without solutions of its own: a batch of none, for the accuracy
            yield Batch([], torch.zeros(0), torch.zeros(0, 2), 0, 0, Totals(0, 0, 0, 0))
        for start in range(0, len(self.validation), size):
            examples = self.validation[start : start + size]
            num_counted = sum(example.sides[0].num_counted for example in examples)
            whole = Totals(len(examples), 0, num_counted, sum(len(example.sides[0].ids) for example in examples))
            yield Batch(*self._passes(examples), torch.zeros(0, 2), len(examples), 0, whole)

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
