"""Where tokens lie, what they see, and what is predicted from where: against definitions by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.training import layout
from synthscale.training.encoding import EncodedExample, EncodedSide
from synthscale.training.layout import (
    cut,
    grouped,
    items_of,
    lay_out,
    num_tokens,
    packing_of,
    pair_item,
    sequence_item,
)

X, O = True, False  # noqa: E741  # counts, and does not


def side(ids: list[int], counted: list[bool] | None = None) -> EncodedSide:
    return EncodedSide(ids, counted or [i > 0 for i in range(len(ids))])


def test_a_pair_is_its_prefix_then_both_rests_with_positions_that_go_on_from_the_prefix():
    chosen, rejected = side([1, 2, 3, 4, 5], [O, O, X, X, X]), side([1, 2, 3, 8], [O, O, X, X])
    item = pair_item(chosen, rejected)
    assert item.ids_L.tolist() == [1, 2, 3, 4, 5, 8]
    assert [places.tolist() for places in item.sequences] == [[0, 1, 2, 3, 4], [0, 1, 2, 5]]
    assert item.position_L.tolist() == [0, 1, 2, 3, 4, 3]
    assert item.target_N.tolist() == [3, 4, 5, 8]
    assert item.predictor_N.tolist() == [1, 2, 3, 2], "the first of both rests by the end of the prefix"
    assert [c.tolist() for c in item.counted] == [[0, 1, 2], [0, 3]], "what is shared and counts, counts for both"


@pytest.mark.parametrize(
    ("chosen", "rejected", "num_shared"),
    [
        ([1, 2, 3, 9], [1, 2, 3], 3),  # one is the beginning of the other
        ([1, 2, 3], [1, 2, 3, 9], 3),
        ([1, 2, 9], [1, 2, 3, 9], 2),  # but for its end
        ([1, 2], [1, 2], 2),
        ([1, 2], [3, 2], 0),
        ([1, 2], [1, 3], 1),
    ],
)
def test_sides_share_what_they_begin_with(chosen, rejected, num_shared):
    example = EncodedExample((side(chosen), side(rejected)))
    item = pair_item(*example.sides)
    assert len(item.ids_L) == len(chosen) + len(rejected) - num_shared == num_tokens(example, is_packed=True)
    assert num_tokens(example, is_packed=False) == len(chosen) + len(rejected)
    for ids, places, numbers in zip((chosen, rejected), item.sequences, item.counted, strict=True):
        assert item.ids_L[places].tolist() == ids
        assert item.position_L[places].tolist() == list(range(len(ids)))
        assert item.target_N[numbers].tolist() == ids[1:]
        assert item.ids_L[item.predictor_N[numbers]].tolist() == ids[:-1]


def test_the_first_token_is_not_predicted():
    assert sequence_item(side([4, 5], [X, X])).target_N.tolist() == [5]
    assert pair_item(side([4, 5], [X, X]), side([4, 6], [X, X])).target_N.tolist() == [5, 6]


LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(numbers=st.lists(st.integers(1, 2), max_size=30), most=st.none() | st.integers(1, 9))
def test_passes_are_cut_in_order_as_large_as_may_be(numbers, most):
    passes = cut(numbers, most)
    assert [i for part in passes for i in part] == list(range(len(numbers)))
    sizes = [sum(numbers[i] for i in part) for part in passes]
    assert most is not None or len(passes) == 1
    if most is not None:
        assert all(size <= most or len(part) == 1 for size, part in zip(sizes, passes, strict=True))
        pairs = zip(sizes, passes[1:], strict=False)
        assert all(size + numbers[after.start] > most for size, after in pairs)


def test_items_lie_one_behind_the_other_with_their_own_places():
    pair = pair_item(side([1, 2, 3, 4]), side([1, 2, 7]))
    rows = lay_out([pair, sequence_item(side([5, 6]))], 0, is_packed=True)
    assert rows.input_ids_BT.tolist() == [[1, 2, 3, 4, 7, 5, 6]]
    assert rows.position_BT.tolist() == [[0, 1, 2, 3, 2, 0, 1]]
    assert rows.predictor_N.tolist() == [0, 1, 2, 1, 5]
    assert [places.tolist() for places in rows.packing.places_SL] == [[[0, 1, 2, 3], [0, 1, 4, 0], [5, 6, 0, 0]]]


@pytest.mark.parametrize("worth_a_call", [1, 10, 1 << 30])
def test_every_token_of_a_row_comes_back_from_where_it_went(monkeypatch, worth_a_call):
    monkeypatch.setattr(layout, "WORTH_A_CALL", worth_a_call)
    packing = packing_of([np.array([0, 1, 2]), np.array([0, 1, 3, 4]), np.array([5])], 6)
    flat = torch.cat([places.flatten() for places in packing.places_SL])
    assert flat[packing.back_T].tolist() == [0, 1, 2, 3, 4, 5]


@settings(max_examples=100, deadline=None)
@given(lengths=st.lists(st.integers(1, 500), min_size=1, max_size=20))
def test_sequences_of_unlike_lengths_are_attended_to_apart(lengths):
    groups = grouped([np.arange(length) for length in lengths])
    found = [[len(sequence) for sequence in group] for group in groups]
    assert [length for group in found for length in group] == sorted(lengths, reverse=True)
    for longer, shorter in pairwise(found):
        num_rest = sum(length <= shorter[0] for length in lengths)
        assert num_rest * (longer[0] ** 2 - shorter[0] ** 2) >= layout.WORTH_A_CALL
    for group in found:
        assert longer_alone(group, lengths) < layout.WORTH_A_CALL


def longer_alone(group: list[int], lengths: list[int]) -> int:
    """Pairs of tokens that a new group at one of its sequences would save at least."""
    order = sorted(lengths, reverse=True)
    return max((len(order) - order.index(length)) * (group[0] ** 2 - length**2) for length in group)


def test_sequences_have_a_row_each_where_nothing_would_be_saved():
    for ids, is_packed in (([4, 5, 6], True), ([4, 5], False)):
        rows = lay_out([sequence_item(side([1, 2, 3])), sequence_item(side(ids))], 9, is_packed=is_packed)
        assert rows.input_ids_BT.tolist() == [[1, 2, 3], [*ids, 9][:3]]
        assert rows.position_BT is rows.packing is None


@settings(max_examples=60, deadline=None)
@given(lengths=LENGTHS, num_pairs=st.integers(0, 40), is_packed=st.booleans())
def test_laid_out_everything_is_predicted_from_before_it(lengths, num_pairs, is_packed):
    examples = []
    for i, length in enumerate(lengths):
        ids = [100 * i + t for t in range(length)]
        other = [*ids[: length // 2], *(-x - 1 for x in ids[length // 2 :])]
        examples.append(EncodedExample((side(ids), side(other)) if i < num_pairs else (side(ids),)))
    items = [item for example in examples for item in items_of(example, is_packed=is_packed)]
    rows = lay_out(items, 10**6, is_packed=is_packed)
    sides = [s for example in examples for s in example.sides]
    assert len(rows.counted_SC) == len(sides)
    ids = rows.input_ids_BT.flatten()
    assert rows.packing is None or (is_packed and (ids < 10**6).all())
    assert (ids < 10**6).sum() == sum(num_tokens(example, is_packed=is_packed) for example in examples)
    for one, row in zip(sides, rows.counted_SC, strict=True):
        counted = row[row < len(rows.target_N)]
        assert rows.target_N[counted].tolist() == one.ids[1:]
        assert ids[rows.predictor_N[counted]].tolist() == one.ids[:-1]
