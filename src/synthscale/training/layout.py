"""How sequences lie in the rows of a forward pass: prefixes that pairs share once, and nothing padded.

An item is a sequence, or a pair as its shared prefix, the rest of the chosen side and the rest of the rejected one,
whose positions both count on from the prefix. Packed, all items lie one behind another in a single row; what sees what
there is the affair of `attention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthscale.training.attention import Packing
from synthscale.training.encoding import EncodedExample, EncodedSide, num_shared

Indices = NDArray[np.int64]
Advantages = NDArray[np.float32]
WORTH_A_CALL = 1 << 16  # pairs of tokens that need not be attended to


@dataclass(frozen=True, slots=True)
class Item:
    """The L tokens of one or two sequences, and the N of them that are predicted."""

    ids_L: Indices
    position_L: Indices
    predictor_N: Indices  # place of the token whose output predicts the N-th
    target_N: Indices
    sequences: tuple[Indices, ...]  # the places of each sequence's tokens
    counted: tuple[Indices, ...]  # of each sequence, which of the N count
    advantage_N: Advantages | None = None  # of the step that each of the N belongs to

    @property
    def num_sequences(self) -> int:
        """One, or two of a pair."""
        return len(self.sequences)


@dataclass(slots=True)
class Rows:
    """One forward pass: B rows of T tokens that predict N tokens, which count for S sequences.

    Without a packing each row is one sequence, padded behind its end, and a causal mask is all it takes. (No frozen
    dataclass, since Lightning's FSDP refuses those.)
    """

    input_ids_BT: Tensor
    predictor_N: Tensor  # flat places in the rows
    target_N: Tensor
    counted_SC: Tensor  # which of the N count for each sequence; filled up with N, which is none of them
    position_BT: Tensor | None = None
    packing: Packing | None = None
    advantage_N: Tensor | None = None  # where any of the sequences has them; 0 in the others

    def to(self, device: torch.device) -> Rows:
        """The same on a device."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return replace(self, **{name: value.to(device) for name, value in values.items() if value is not None})


def items_of(example: EncodedExample, *, is_packed: bool) -> list[Item]:
    """A positive's or a packed pair's one item; or a pair's two, a side each."""
    if example.is_pair and is_packed:
        return [pair_item(*example.sides)]
    return [sequence_item(side) for side in example.sides]


def sequence_item(side: EncodedSide) -> Item:
    """A sequence by itself; its first token, which nothing precedes, is not predicted."""
    ids_L = np.array(side.ids, dtype=np.int64)
    target_places = np.flatnonzero(side.counted)
    target_places = target_places[target_places > 0]
    return Item(
        ids_L,
        np.arange(len(ids_L)),
        target_places - 1,
        ids_L[target_places],
        (np.arange(len(ids_L)),),
        (np.arange(len(target_places)),),
        None if side.advantages is None else np.array(side.advantages, dtype=np.float32)[target_places],
    )


def pair_item(chosen: EncodedSide, rejected: EncodedSide) -> Item:
    """Shared prefix, the rest of the chosen side, the rest of the rejected side."""
    shared, num_chosen = num_shared(chosen.ids, rejected.ids), len(chosen.ids)
    num_rejected = len(rejected.ids) - shared
    ids_L = np.array(chosen.ids + rejected.ids[shared:], dtype=np.int64)
    counted_chosen, counted_rejected = np.flatnonzero(chosen.counted), np.flatnonzero(rejected.counted)
    counted_rejected = counted_rejected[counted_rejected > 0]  # nothing precedes a sequence's first token
    counted_rejected[counted_rejected >= shared] += num_chosen - shared
    is_target_L = np.zeros(len(ids_L), dtype=bool)
    is_target_L[counted_chosen] = is_target_L[counted_rejected] = True
    is_target_L[:1] = False
    number_L = np.cumsum(is_target_L) - 1
    before_L = np.arange(-1, len(ids_L) - 1)
    before_L[num_chosen : num_chosen + 1] = shared - 1
    place_L = np.arange(len(ids_L))
    return Item(
        ids_L,
        np.concatenate([place_L[:num_chosen], np.arange(shared, shared + num_rejected)]),
        before_L[is_target_L],
        ids_L[is_target_L],
        (place_L[:num_chosen], np.concatenate([place_L[:shared], place_L[num_chosen:]])),
        (number_L[counted_chosen[counted_chosen > 0]], number_L[counted_rejected]),
    )


def num_tokens(example: EncodedExample, *, is_packed: bool) -> int:
    """Tokens that go through the model for an example."""
    shared = num_shared(*(side.ids for side in example.sides)) if example.is_pair and is_packed else 0
    return sum(len(side.ids) for side in example.sides) - shared


def cut(num_sequences: Sequence[int], most: int | None) -> list[range]:
    """Items, by their numbers of sequences, in forward passes of at most so many; one that has more goes alone."""
    passes, start, held = [], 0, 0
    for i, number in enumerate(num_sequences):
        if most is not None and i > start and held + number > most:
            passes.append(range(start, i))
            start, held = i, 0
        held += number
    return [*passes, range(start, len(num_sequences))]


def lay_out(items: Sequence[Item], pad_id: int, *, is_packed: bool) -> Rows:
    """The items' forward pass; sequences are in the order of the items, each item's one behind the other.

    Not packed each item, which is then one sequence, has a row by itself; so it has where nothing would be saved.
    """
    lengths = np.array([len(item.ids_L) for item in items])
    counted_SC = torch.from_numpy(_counted(items, sum(len(item.target_N) for item in items)))
    has_pairs = any(item.num_sequences > 1 for item in items)
    in_one_row = is_packed and (has_pairs or lengths.min() < lengths.max())
    starts = np.cumsum(lengths) - lengths if in_one_row else np.arange(len(items)) * lengths.max()
    predictor_N = np.concatenate([item.predictor_N + start for item, start in zip(items, starts, strict=True)])
    target_N = np.concatenate([item.target_N for item in items])
    rest = torch.from_numpy(predictor_N), torch.from_numpy(target_N), counted_SC
    if not in_one_row:
        input_ids = np.full((len(items), lengths.max()), pad_id, dtype=np.int64)
        for row, item in zip(input_ids, items, strict=True):
            row[: len(item.ids_L)] = item.ids_L
        return Rows(torch.from_numpy(input_ids), *rest, advantage_N=target_advantages(items))
    input_ids, position = (
        np.concatenate(parts)[None] for parts in ([i.ids_L for i in items], [i.position_L for i in items])
    )
    sequences = [places + start for item, start in zip(items, starts, strict=True) for places in item.sequences]
    packing = packing_of(sequences, int(lengths.sum()))
    return Rows(torch.from_numpy(input_ids), *rest, torch.from_numpy(position), packing, target_advantages(items))


def target_advantages(items: Sequence[Item]) -> Tensor | None:
    """Of all the items' targets, the step's advantage; None where no item has any."""
    if all(item.advantage_N is None for item in items):
        return None
    parts = [
        np.zeros(len(item.target_N), dtype=np.float32) if item.advantage_N is None else item.advantage_N
        for item in items
    ]
    return torch.from_numpy(np.concatenate(parts))


def packing_of(sequences: Sequence[Indices], num_tokens: int) -> Packing:
    """Where the sequences lie in a row of so many tokens, each of which is in one of them or more."""
    places, back_T, num_before = [], np.empty(num_tokens, dtype=np.int64), 0
    for group in grouped(sequences):
        place_SL = np.zeros((len(group), len(group[0])), dtype=np.int64)
        for number, in_row in enumerate(group):
            place_SL[number, : len(in_row)] = in_row
            back_T[in_row] = num_before + number * place_SL.shape[1] + np.arange(len(in_row))
        places.append(torch.from_numpy(place_SL))
        num_before += place_SL.size
    return Packing(places, torch.from_numpy(back_T))


def grouped(sequences: Sequence[Indices]) -> list[list[Indices]]:
    """The sequences, longest first, in groups that are worth a call of attention each: as one they are padded more."""
    groups: list[list[Indices]] = []
    by_length = sorted(sequences, key=len, reverse=True)
    for number, sequence in enumerate(by_length):
        longest = len(groups[-1][0]) if groups else 0
        num_saved = (len(by_length) - number) * (longest**2 - len(sequence) ** 2)
        if not groups or num_saved >= WORTH_A_CALL:
            groups.append([])
        groups[-1].append(sequence)
    return groups


def _counted(items: Sequence[Item], num_targets: int) -> Indices:
    """[S, C]: which of all the items' targets count for each sequence."""
    first, sequences = 0, []
    for item in items:
        sequences += [numbers + first for numbers in item.counted]
        first += len(item.target_N)
    counted_SC = np.full((len(sequences), max(len(numbers) for numbers in sequences)), num_targets)
    for row, numbers in zip(counted_SC, sequences, strict=True):
        row[: len(numbers)] = numbers
    return counted_SC
