"""The plan of batches: its size, its fairness, its proportions, and what a batch then holds."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.mixture.example import Example
from synthscale.training.config import TrainerConfig
from synthscale.training.data import Batch, MixedDataModule, batch_plan, deal, shuffled_stream
from synthscale.training.encoding import EncodedSide, Encoder

PAD = 999  # no token
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
    one, again, other = (list(batch_plan(20, 20, 8, 10, seed)) for seed in (1, 1, 2))
    assert one == again != other


@settings(max_examples=60, deadline=None)
@given(mixture=ANY_MIXTURE, batch_size=st.integers(2, 20), num_updates=st.integers(1, 30), seed=st.integers(0, 9))
def test_a_seeds_plan_is_the_one_that_it_always_was(mixture, batch_size, num_updates, seed):
    """By its first definition, with all indices in lists; finished artifacts hold results of such plans."""
    per_update = batch_size * sum(mixture) / (mixture[0] + 2 * mixture[1])
    generator = np.random.default_rng([seed, 1])
    chunks = []
    for num_items in mixture:
        ends = np.rint(np.arange(num_updates + 1) * (per_update * num_items / sum(mixture))).astype(int)
        num_shuffles = -(-int(ends[-1]) // max(num_items, 1))
        stream = [i for _ in range(num_shuffles) for i in generator.permutation(num_items).tolist()]
        chunks.append([stream[start:end] for start, end in itertools.pairwise(ends)])
    plan = batch_plan(*mixture, batch_size, num_updates, seed)
    assert list(plan) == plan[:] == list(zip(*chunks, strict=True))
    assert plan[-1] == plan[num_updates - 1]


def test_the_stream_is_shuffle_after_shuffle():
    stream = shuffled_stream(5, 12, np.random.default_rng(0)).tolist()
    assert sorted(stream[:5]) == sorted(stream[5:10]) == list(range(5))
    assert len(stream) == 12
    assert shuffled_stream(0, 0, np.random.default_rng(0)).tolist() == []


def counted_of(side: EncodedSide) -> tuple[tuple[int, int], ...]:
    """Each token that counts, with the one before it."""
    ids = zip(side.ids, side.ids[1:], side.counted[1:], strict=False)
    return tuple((before, token) for before, token, counts in ids if counts)


def sequences_of(batch: Batch) -> list[tuple[tuple[int, int], ...]]:
    """Of positives, chosen, then rejected sides the tokens that count, each with the one that predicts it."""
    found = []
    for rows in batch.passes:
        before_N = rows.input_ids_BT.flatten()[rows.predictor_N]
        for row in rows.counted_SC:
            row = row[row < len(rows.target_N)]
            found.append(tuple(zip(before_N[row].tolist(), rows.target_N[row].tolist(), strict=True)))
    return [found[place] for place in batch.order_S.tolist()]


def num_tokens_of(batch: Batch) -> int:
    """Of the batch's own passes, padding apart."""
    return sum(int((rows.input_ids_BT != PAD).sum()) for rows in batch.passes)


def test_a_batch_holds_positives_then_chosen_then_rejected_with_their_references(base_policy, traces):
    encoder = Encoder(base_policy.prompter, eos_after_prefix=False)
    positives = [Example(p.problem_id, p.text + "\n", trace) for p, trace in traces[:3]]
    pairs = [Example(p.problem_id, p.text + "\n", trace, f"p{i} wrong") for i, (p, trace) in enumerate(traces[3:6])]
    # pairs and positives may stand in any order in the training set
    train = [encoder.encode(e) for e in (pairs[0], positives[0], positives[1], pairs[1], positives[2], pairs[2])]
    reference = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    data = MixedDataModule(train, [], batch_size=4, num_updates=2, seed=0, pad_id=0, reference_logprobs=reference)
    batch = data.batch([2, 0], [1, 2])
    expected = [encoder.encode(e).sides for e in (positives[2], positives[0], pairs[1], pairs[2])]
    sides = [expected[0][0], expected[1][0], expected[2][0], expected[3][0], expected[2][1], expected[3][1]]
    assert (batch.num_positives, batch.num_pairs) == (2, 2)
    assert batch.reference_logprobs_P2.tolist() == [[2.0, 3.0], [4.0, 5.0]]
    assert sequences_of(batch) == [counted_of(side) for side in sides]


def test_loaders_serve_the_plan_and_all_validation_solutions_once(base_policy, traces):
    encoder = Encoder(base_policy.prompter, eos_after_prefix=False)
    encoded = [encoder.encode(Example(p.problem_id, p.text + "\n", trace)) for p, trace in traces]
    data = MixedDataModule(
        encoded[:10],
        encoded[10:],
        batch_size=4,
        num_updates=5,
        seed=0,
        pad_id=0,
    )
    batches = list(data.train_dataloader())
    assert [batch.num_positives for batch in batches] == [4] * 5
    assert sequences_of(batches[0]) == sequences_of(data.batch(*data.plan[0]))
    served = [sequence for batch in data.val_dataloader() for sequence in sequences_of(batch)]
    assert served == [counted_of(example.sides[0]) for example in encoded[10:]]


@settings(max_examples=150, deadline=None)
@given(num_positives=st.integers(0, 40), num_pairs=st.integers(0, 40), num_ranks=st.integers(1, 9))
def test_shares_are_of_one_size_and_hold_all_once(num_positives, num_pairs, num_ranks):
    shares = deal(range(num_positives), range(num_pairs), num_ranks)
    assert len(shares) == num_ranks
    for kind, num_items in ((0, num_positives), (1, num_pairs)):
        assert sorted(i for share in shares for i in share[kind]) == list(range(num_items))
        sizes = [len(share[kind]) for share in shares]
        assert max(sizes) - min(sizes) <= 1
    num_sequences = [len(positives) + 2 * len(pairs) for positives, pairs in shares]
    assert max(num_sequences) - min(num_sequences) <= 2


def make_data(
    base_policy, traces, num_positives: int, num_pairs: int, rank: int = 0, num_ranks: int = 1, **more
) -> MixedDataModule:
    """Data of examples of unequal lengths, as one of the ranks has them."""
    encoder = Encoder(base_policy.prompter, eos_after_prefix=False)
    examples = [Example(p.problem_id, p.text + "\n", trace[: 30 + 2 * i]) for i, (p, trace) in enumerate(traces[:9])]
    examples += [
        Example(p.problem_id, p.text + "\n", trace, trace[: 20 + i]) for i, (p, trace) in enumerate(traces[9:18])
    ]
    train = [encoder.encode(e) for e in [*examples[:num_positives], *examples[9 : 9 + num_pairs]]]
    reference = torch.arange(2.0 * num_pairs).reshape(-1, 2)
    settings = {"batch_size": 4, "num_updates": 2, "seed": 0, "pad_id": PAD, "reference_logprobs": reference}
    return MixedDataModule(train, [], **settings, rank=rank, num_ranks=num_ranks, **more)


@pytest.mark.parametrize(("num_positives", "num_pairs"), [(9, 9), (9, 0), (0, 9), (1, 1), (2, 5)])
@pytest.mark.parametrize("num_ranks", [1, 2, 3, 7])
def test_shares_together_are_the_batch_and_each_knows_the_totals(
    base_policy, traces, num_positives, num_pairs, num_ranks
):
    update = (range(num_positives), range(num_pairs))
    alone = make_data(base_policy, traces, num_positives, num_pairs, 0, 1).batch(*update)
    shares = [
        make_data(base_policy, traces, num_positives, num_pairs, rank, num_ranks).batch(*update)
        for rank in range(num_ranks)
    ]
    assert len({share.whole for share in shares}) == 1
    whole = shares[0].whole
    assert whole.num_ranks == num_ranks
    assert (whole.num_positives, whole.num_pairs) == (num_positives, num_pairs)
    assert whole.num_positive_tokens == alone.whole.num_positive_tokens
    assert whole.num_positive_tokens == sum(map(len, sequences_of(alone)[:num_positives]))
    has_any = [share.num_positives + share.num_pairs > 0 for share in shares]
    assert whole.num_tokens == alone.whole.num_tokens == num_tokens_of(alone)
    assert whole.num_tokens == sum(num_tokens_of(s) for s, holds in zip(shares, has_any, strict=True) if holds)
    assert [len(share.passes) for share in shares] == [1] * num_ranks == [whole.num_passes] * num_ranks
    served = [
        sequence for share, holds in zip(shares, has_any, strict=True) if holds for sequence in sequences_of(share)
    ]
    assert sorted(served) == sorted(sequences_of(alone))
    references = torch.cat([share.reference_logprobs_P2 for share in shares])
    assert sorted(references.tolist()) == alone.reference_logprobs_P2.tolist()
    for share in shares:  # each pair's chosen and rejected sides stand where its reference does
        sides = sequences_of(share)[share.num_positives :]
        for i, (chosen, _) in enumerate(share.reference_logprobs_P2.tolist()):
            pair = sequences_of(alone)[num_positives + int(chosen) // 2 :: num_pairs][:2]
            assert [sides[i], sides[share.num_pairs + i]] == pair


@pytest.mark.parametrize("num_ranks", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("is_packed", [True, False])
def test_every_rank_has_as_many_passes_and_none_has_more_sequences_than_may_be(
    base_policy, traces, num_ranks, size, is_packed
):
    more = {"micro_batch_size": size, "is_packed": is_packed}
    update = (range(5), range(4))
    alone = make_data(base_policy, traces, 5, 4).batch(*update)
    shares = [make_data(base_policy, traces, 5, 4, rank, num_ranks, **more).batch(*update) for rank in range(num_ranks)]
    numbers = [len(share.passes) for share in shares]
    assert numbers == [shares[0].whole.num_passes] * num_ranks
    assert (numbers[0] > 1) == (size < 13 / num_ranks)
    for share in shares:
        sizes = [len(rows.counted_SC) for rows in share.passes]
        assert max(sizes) <= max(size, 2 if is_packed else 1)
    served = sorted(sequence for share in shares for sequence in sequences_of(share))
    assert served == sorted(sequences_of(alone))


def test_a_pair_is_not_split_where_its_sides_share_a_prefix(base_policy, traces):
    shared, apart = (make_data(base_policy, traces, 0, 6, is_packed=is_packed) for is_packed in (True, False))
    update = ((), range(6))
    num_tokens = [data.batch(*update).whole.num_tokens for data in (shared, apart)]
    assert num_tokens == [num_tokens_of(data.batch(*update)) for data in (shared, apart)]
    prompts = sum(len(base_policy.tokenizer(p.text + "\n")["input_ids"]) for p, _ in traces[9:15])
    assert num_tokens[0] <= num_tokens[1] - prompts
    assert sequences_of(shared.batch(*update)) == sequences_of(apart.batch(*update))


def test_a_loader_goes_on_from_the_place_that_another_left(base_policy, traces):
    data = make_data(base_policy, traces, 9, 9, 0, 1)
    data.plan = batch_plan(9, 9, 4, 6, seed=0)
    expected = [sequences_of(batch) for batch in data.train_dataloader()]
    for num_served in range(7):
        loader, other = data.train_dataloader(), data.train_dataloader()
        served = [sequences_of(batch) for batch in itertools.islice(loader, num_served)]
        other.load_state_dict(loader.state_dict())
        assert served + [sequences_of(batch) for batch in other] == expected
        assert len(other) == 6 and other.state_dict() == {"num_served": 6}
