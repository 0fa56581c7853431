"""The plan of batches: its size, its fairness, its proportions, and what a batch then holds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.mixture.example import Example
from synthscale.training.config import TrainerConfig
from synthscale.training.data import MixedDataModule, batch_plan, shuffled_stream
from synthscale.training.encoding import Encoder

ANY_MIXTURE = st.tuples(st.integers(0, 60), st.integers(0, 60)).filter(any)


@settings(max_examples=150, deadline=None)
@given(mixture=ANY_MIXTURE, batch_size=st.integers(2, 70), num_updates=st.integers(1, 40), seed=st.integers(0, 5))
def test_a_plan_has_every_update_full_every_item_served_alike_and_keeps_the_proportion(
    mixture, batch_size, num_updates, seed
):
    plan = batch_plan(*mixture, batch_size, num_updates, seed)
    assert len(plan) == num_updates
    sizes = [len(positives) + 2 * len(pairs) for positives, pairs in plan]
    assert all(abs(size - batch_size) < 3 for size in sizes)  # each kind is rounded, and a pair has two sequences
    assert abs(sum(sizes) - batch_size * num_updates) <= 1.5
    for kind, num_items in enumerate(mixture):
        served = Counter(i for update in plan for i in update[kind])
        times = [served[i] for i in range(num_items)]
        assert set(served) <= set(range(num_items))
        assert not times or max(times) - min(times) <= 1
    num_positives, num_pairs = (sum(len(update[kind]) for update in plan) for kind in (0, 1))
    assert abs(num_pairs * mixture[0] - num_positives * mixture[1]) <= sum(mixture) / 2 + 1e-6


@pytest.mark.parametrize(
    ("mixture", "batch_size", "each"),
    [
        ((10, 0), 32, (32, 0)),  # SFT, RFT
        ((0, 10), 32, (0, 16)),  # DPO
        ((10, 10), 30, (10, 10)),
        ((30, 10), 30, (18, 6)),
        ((5, 20), 18, (2, 8)),
    ],
)
def test_proportions_that_come_out_even_are_exact_in_every_update(mixture, batch_size, each):
    plan = batch_plan(*mixture, batch_size, num_updates=7, seed=0)
    assert [(len(positives), len(pairs)) for positives, pairs in plan] == [each] * 7


def test_no_update_is_empty_at_any_batch_size_that_the_trainer_accepts():
    for batch_size in range(1, 6):
        try:
            TrainerConfig(batch_size=batch_size)
        except ValueError:
            continue
        for mixture in ((1, 0), (0, 1), (9, 1), (5, 5), (1, 9), (2, 7)):
            plan = batch_plan(*mixture, batch_size, num_updates=30, seed=0)
            assert all(positives or pairs for positives, pairs in plan), (batch_size, mixture)


def test_the_plan_is_a_function_of_the_seed():
    assert batch_plan(20, 20, 8, 10, seed=1) == batch_plan(20, 20, 8, 10, seed=1) != batch_plan(20, 20, 8, 10, seed=2)


def test_the_stream_is_shuffle_after_shuffle():
    stream = shuffled_stream(5, 12, np.random.default_rng(0)).tolist()
    assert sorted(stream[:5]) == sorted(stream[5:10]) == list(range(5))
    assert len(stream) == 12
    assert shuffled_stream(0, 0, np.random.default_rng(0)).tolist() == []


def test_a_batch_holds_positives_then_chosen_then_rejected_with_their_references(base_policy, traces):
    encoder = Encoder(base_policy.tokenizer, eos_after_prefix=False)
    positives = [Example(p.problem_id, p.prompt, trace) for p, trace in traces[:3]]
    pairs = [Example(p.problem_id, p.prompt, trace, f"p{i} wrong") for i, (p, trace) in enumerate(traces[3:6])]
    # pairs and positives may stand in any order in the training set
    train = [encoder.encode(e) for e in (pairs[0], positives[0], positives[1], pairs[1], positives[2], pairs[2])]
    reference = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    data = MixedDataModule(train, [], batch_size=4, num_updates=2, seed=0, pad_id=0, reference_logprobs_P2=reference)
    batch = data.batch([2, 0], [1, 2])
    expected = [encoder.encode(e).sides for e in (positives[2], positives[0], pairs[1], pairs[2])]
    sides = [expected[0][0], expected[1][0], expected[2][0], expected[3][0], expected[2][1], expected[3][1]]
    assert (batch.num_positives, batch.num_pairs) == (2, 2)
    assert batch.reference_logprobs_P2.tolist() == [[2.0, 3.0], [4.0, 5.0]]
    for row, side in enumerate(sides):
        assert batch.input_ids_BT[row, : len(side.ids)].tolist() == side.ids
        assert batch.mask_BT[row, : len(side.ids)].bool().tolist() == side.counted
        assert not batch.mask_BT[row, len(side.ids) :].any()


def test_loaders_serve_the_plan_and_all_validation_solutions_once(base_policy, traces):
    encoder = Encoder(base_policy.tokenizer, eos_after_prefix=False)
    encoded = [encoder.encode(Example(p.problem_id, p.prompt, trace)) for p, trace in traces]
    data = MixedDataModule(
        encoded[:10],
        encoded[10:],
        batch_size=4,
        num_updates=5,
        seed=0,
        pad_id=0,
        reference_logprobs_P2=torch.zeros(0, 2),
    )
    batches = list(data.train_dataloader())
    assert [batch.num_positives for batch in batches] == [4] * 5
    assert batches[0].input_ids_BT.equal(data.batch(*data.plan[0]).input_ids_BT)
    rows = [row for batch in data.val_dataloader() for row in batch.input_ids_BT.tolist()]
    assert [[i for i in row if i] for row in rows] == [example.sides[0].ids for example in encoded[10:]]
