"""Where tokens lie, what they see, and what is predicted from where: against definitions by hand."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.training.encoding import EncodedExample, EncodedSide
from synthscale.training.layout import (
    cut,
    first_fit,
    items_of,
    lay_out,
    may_see,
    num_tokens,
    pack,
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
    assert item.branch_L.tolist() == [0, 0, 0, 1, 1, 2]
    assert item.position_L.tolist() == [0, 1, 2, 3, 4, 3]
    assert item.target_N.tolist() == [3, 4, 5, 8]
    assert item.predictor_N.tolist() == [1, 2, 3, 2], "the first of both rests by the end of the prefix"
    assert [c.tolist() for c in item.counted] == [[0, 1, 2], [0, 3]], "what is shared and counts, counts for both"


@pytest.mark.parametrize(
    ("chosen", "rejected", "branches"),
    [
        ([1, 2, 3, 9], [1, 2, 3], [0, 0, 0, 1]),  # one is the beginning of the other
        ([1, 2, 3], [1, 2, 3, 9], [0, 0, 0, 2]),
        ([1, 2, 9], [1, 2, 3, 9], [0, 0, 1, 2, 2]),  # but for its end
        ([1, 2], [1, 2], [0, 0]),
        ([1, 2], [3, 2], [1, 1, 2, 2]),
        ([1, 2], [1, 3], [0, 1, 2]),
    ],
)
def test_sides_share_what_they_begin_with(chosen, rejected, branches):
    example = EncodedExample((side(chosen), side(rejected)))
    item = pair_item(*example.sides)
    assert item.branch_L.tolist() == branches
    assert num_tokens(example, is_packed=True) == len(branches)
    assert num_tokens(example, is_packed=False) == len(chosen) + len(rejected)
    for ids, numbers in zip((chosen, rejected), item.counted, strict=True):
        assert item.target_N[numbers].tolist() == ids[1:]
        assert item.ids_L[item.predictor_N[numbers]].tolist() == ids[:-1]


def test_the_first_token_is_not_predicted():
    assert sequence_item(side([4, 5], [X, X])).target_N.tolist() == [5]
    assert pair_item(side([4, 5], [X, X]), side([4, 6], [X, X])).target_N.tolist() == [5, 6]


LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(lengths=LENGTHS, more=st.integers(0, 60))
def test_first_fit_holds_all_once_in_rows_that_do_not_overflow_and_are_half_full(lengths, more):
    capacity = max(lengths) + more
    rows = first_fit(lengths, capacity)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    filled = [sum(lengths[i] for i in row) for row in rows]
    assert max(filled) <= capacity
    assert sum(used <= capacity / 2 for used in filled) <= 1, "two such rows would be one"


@pytest.mark.parametrize(
    ("lengths", "rows"),
    [
        ([60] * 5, [[0], [1], [2], [3], [4]]),  # without padding anyway, so as short as may be
        ([200, 130, 130, 200], [[0, 1], [3, 2]]),
        ([5], [[0]]),
        ([4000, 900, 1000], [[0], [2, 1]]),  # attending in one row would cost more than the padding
    ],
)
def test_rows_are_as_long_as_costs_least(lengths, rows):
    assert pack(lengths) == rows


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


def test_a_token_sees_its_item_up_to_itself_but_for_the_other_branch():
    item, branch, position = torch.tensor(
        [
            [[0, 0, 0, 0, 0, 1, 1, -1], [2] * 8],
            [[0, 0, 1, 1, 2, 0, 0, 0], [0] * 8],
            [[0, 1, 2, 3, 2, 0, 1, 0], list(range(8))],
        ]
    )
    seen = may_see(item, branch, position)
    expected = ["10000000", "11000000", "11100000", "11110000", "11001000", "00000100", "00000110", "00000001"]
    assert ["".join(str(int(x)) for x in row) for row in seen[0]] == expected
    assert seen[1].equal(torch.ones(8, 8).tril().bool())
    narrow = may_see(item, branch, position, window=2)
    expected = ["10000000", "11000000", "01100000", "00110000", "01001000", "00000100", "00000110", "00000001"]
    assert ["".join(str(int(x)) for x in row) for row in narrow[0]] == expected
    assert narrow[1].sum() == 15


def test_items_lie_one_behind_the_other_with_their_own_places():
    pair = pair_item(side([1, 2, 3, 4]), side([1, 2, 7]))
    rows = lay_out([pair, sequence_item(side([5, 6]))], 0, is_packed=True)
    assert rows.input_ids_BT.tolist() == [[1, 2, 3, 4, 7, 5, 6]]
    assert rows.item_BT.tolist() == [[0, 0, 0, 0, 0, 1, 1]]
    assert rows.branch_BT.tolist() == [[0, 0, 1, 1, 2, 0, 0]]
    assert rows.position_BT.tolist() == [[0, 1, 2, 3, 2, 0, 1]]
    assert rows.predictor_N.tolist() == [0, 1, 2, 1, 5]


def test_sequences_that_have_a_row_each_need_no_mask():
    for ids, is_packed in (([4, 5, 6], True), ([4, 5], False)):
        rows = lay_out([sequence_item(side([1, 2, 3])), sequence_item(side(ids))], 9, is_packed=is_packed)
        assert rows.input_ids_BT.tolist() == [[1, 2, 3], [*ids, 9][:3]]
        assert rows.item_BT is rows.branch_BT is rows.position_BT is None


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
    assert (ids < 10**6).sum() == sum(num_tokens(example, is_packed=is_packed) for example in examples)
    for one, row in zip(sides, rows.counted_SC, strict=True):
        counted = row[row < len(rows.target_N)]
        assert rows.target_N[counted].tolist() == one.ids[1:]
        assert ids[rows.predictor_N[counted]].tolist() == one.ids[:-1]
