"""How sequences lie in the rows of a forward pass: prefixes that pairs share once, several examples in one row.

An item is what attends to itself alone: a sequence, or a pair as one sequence of its shared prefix, the rest of the
chosen side and the rest of the rejected one. Both rests count their positions on from the prefix, and neither sees the
other. Items are packed into rows, so that little is padded; nothing sees beyond its own item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthscale.training.encoding import EncodedExample, EncodedSide

Indices = NDArray[np.int64]
ROW_LENGTHS = (1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4)  # that are tried, in lengths of the longest item
ATTENTION_TOKENS = 1024  # of a row in which attention takes as long as all else, in a model some 400 wide
PREFIX, CHOSEN, REJECTED = 0, 1, 2  # branches; a sequence that shares nothing is all prefix


@dataclass(frozen=True, slots=True)
class Item:
    """The L tokens of one or two sequences, and the N of them that are predicted."""

    ids_L: Indices
    branch_L: Indices
    position_L: Indices
    predictor_N: Indices  # place of the token whose output predicts the N-th
    target_N: Indices
    counted: tuple[Indices, ...]  # of each sequence, which of the N count

    @property
    def num_sequences(self) -> int:
        """One, or two of a pair."""
        return len(self.counted)


@dataclass(slots=True)
class Rows:
    """One forward pass: B rows of T tokens that predict N tokens, which count for S sequences.

    Where each row is one sequence from its first place on, a causal mask is all it takes, and `item_BT` and what goes
    with it are None. (No frozen dataclass, since Lightning's FSDP refuses those.)
    """

    input_ids_BT: Tensor
    predictor_N: Tensor  # flat places in the rows
    target_N: Tensor
    counted_SC: Tensor  # which of the N count for each sequence; filled up with N, which is none of them
    item_BT: Tensor | None = None
    branch_BT: Tensor | None = None
    position_BT: Tensor | None = None

    def to(self, device: torch.device) -> Rows:
        """The same on a device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
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
        np.full(len(ids_L), PREFIX),
        np.arange(len(ids_L)),
        target_places - 1,
        ids_L[target_places],
        (np.arange(len(target_places)),),
    )


def pair_item(chosen: EncodedSide, rejected: EncodedSide) -> Item:
    """Shared prefix, the rest of the chosen side, the rest of the rejected side."""
    num_shared, num_chosen = shared_length(chosen, rejected), len(chosen.ids)
    num_rejected = len(rejected.ids) - num_shared
    ids_L = np.array(chosen.ids + rejected.ids[num_shared:], dtype=np.int64)
    counted_chosen, counted_rejected = np.flatnonzero(chosen.counted), np.flatnonzero(rejected.counted)
    counted_rejected[counted_rejected >= num_shared] += num_chosen - num_shared
    is_target_L = np.zeros(len(ids_L), dtype=bool)
    is_target_L[counted_chosen] = is_target_L[counted_rejected] = True
    is_target_L[:1] = False
    number_L = np.cumsum(is_target_L) - 1
    before_L = np.arange(-1, len(ids_L) - 1)
    before_L[num_chosen : num_chosen + 1] = num_shared - 1
    return Item(
        ids_L,
        np.repeat([PREFIX, CHOSEN, REJECTED], [num_shared, num_chosen - num_shared, num_rejected]),
        np.concatenate([np.arange(num_chosen), np.arange(num_shared, num_shared + num_rejected)]),
        before_L[is_target_L],
        ids_L[is_target_L],
        (number_L[counted_chosen[counted_chosen > 0]], number_L[counted_rejected[counted_rejected > 0]]),
    )


def shared_length(chosen: EncodedSide, rejected: EncodedSide) -> int:
    """Tokens with which both sides begin."""
    num_both = min(len(chosen.ids), len(rejected.ids))
    differ = np.array(chosen.ids[:num_both]) != np.array(rejected.ids[:num_both])
    return int(differ.argmax()) if differ.any() else num_both


def num_tokens(example: EncodedExample, *, is_packed: bool) -> int:
    """Tokens that go through the model for an example."""
    shared = shared_length(*example.sides) if example.is_pair and is_packed else 0
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


def pack(lengths: Sequence[int]) -> list[list[int]]:
    """Items in rows of the length that costs least: long rows leave little padding, and cost more to attend in."""
    longest, total = max(lengths), sum(lengths)
    found = [first_fit(lengths, min(total, round(longest * factor))) for factor in ROW_LENGTHS]
    return min(found, key=lambda rows: cost(rows, lengths))


def first_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Items in rows of at most so many tokens: each, longest first, into the first row that has room."""
    rows: list[list[int]] = []
    room: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        place = next((row for row, left in enumerate(room) if left >= lengths[i]), len(rows))
        if place == len(rows):
            rows.append([])
            room.append(capacity)
        rows[place].append(i)
        room[place] -= lengths[i]
    return rows


def cost(rows: Sequence[Sequence[int]], lengths: Sequence[int]) -> int:
    """Of a forward pass, in units of its own: padded tokens times what each costs."""
    num_columns = row_length(rows, lengths)
    return len(rows) * num_columns * (ATTENTION_TOKENS + num_columns)


def row_length(rows: Sequence[Sequence[int]], lengths: Sequence[int]) -> int:
    """Tokens of the fullest row."""
    return max(sum(lengths[i] for i in row) for row in rows)


def lay_out(items: Sequence[Item], pad_id: int, *, is_packed: bool) -> Rows:
    """The items' forward pass; sequences are in the order of the items, each item's one behind the other.

    Not packed each item, which is then one sequence, has a row by itself.
    """
    lengths = [len(item.ids_L) for item in items]
    rows = pack(lengths) if is_packed else [[i] for i in range(len(items))]
    num_columns = row_length(rows, lengths)
    starts = [0] * len(items)
    for row, numbers in enumerate(rows):
        start = row * num_columns
        for number in numbers:
            starts[number] = start
            start += lengths[number]
    input_ids, item_of, branch, position = np.zeros((4, len(rows) * num_columns), dtype=np.int64)
    input_ids[:], item_of[:] = pad_id, -1
    for number, (start, length, item) in enumerate(zip(starts, lengths, items, strict=True)):
        place = slice(start, start + length)
        input_ids[place], item_of[place] = item.ids_L, number
        branch[place], position[place] = item.branch_L, item.position_L
    targets = np.concatenate([item.target_N for item in items])
    shape = (len(rows), num_columns)
    laid_out = Rows(
        torch.from_numpy(input_ids).view(shape),
        torch.from_numpy(np.concatenate([item.predictor_N + start for item, start in zip(items, starts, strict=True)])),
        torch.from_numpy(targets),
        torch.from_numpy(_counted(items, len(targets))),
    )
    if len(rows) == len(items) and not branch.any():
        return laid_out
    laid_out.item_BT, laid_out.branch_BT, laid_out.position_BT = (
        torch.from_numpy(values).view(shape) for values in (item_of, branch, position)
    )
    return laid_out


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


def may_see(item_BT: Tensor, branch_BT: Tensor, position_BT: Tensor, window: int | None = None) -> Tensor:
    """Whether a token may attend to another, [B, T, T], first the one that looks.

    It sees those before it and itself, of its own item, of the prefix and of its own branch; through a sliding window
    those alone whose positions are fewer than `window` before its own.
    """
    length = item_BT.shape[1]
    seen_BTT = item_BT[:, :, None] == item_BT[:, None, :]
    seen_BTT &= (branch_BT[:, None, :] == PREFIX) | (branch_BT[:, :, None] == branch_BT[:, None, :])
    seen_BTT &= torch.ones(length, length, dtype=torch.bool, device=item_BT.device).tril()
    if window is not None:
        seen_BTT &= position_BT[:, :, None] - position_BT[:, None, :] < window
    return seen_BTT
