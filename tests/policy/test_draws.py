"""Draws against the softmax they come from, and samples against those of a sampler that takes one at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synthscale.policy import sampler as sampler_module
from synthscale.policy.distinct_rows import Places, slots
from synthscale.policy.draws import draw_tokens
from synthscale.policy.prefixes import find_chains, in_batches
from synthscale.policy.prompter import Prompt
from synthscale.policy.sampler import Sampler


def test_draws_invert_the_distribution_function():
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.9, 0.1]]))
    uniforms = torch.tensor([[0.0, 0.49, 0.51, 0.74, 0.76, 0.999], [0.0, 0.1, 0.89, 0.91, 0.95, 0.999]])
    assert draw_tokens(logits, uniforms, 1.0).tolist() == [[0, 0, 1, 1, 2, 2], [1, 1, 1, 2, 2, 2]]
    flat = draw_tokens(torch.tensor([[0.0, 3.0]]), torch.tensor([[0.4]]), 100.0)
    assert flat.tolist() == [[0]]


def test_without_uniform_numbers_the_likeliest():
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, 0.0, 4.0]])
    assert draw_tokens(logits, None, 0.0).tolist() == [[1], [0]]
    assert draw_tokens(logits, torch.tensor([[0.99], [0.99]]), 0.01).tolist() == [[1], [0]]


@pytest.mark.parametrize("size", [3, 50, 30_000])
def test_no_token_without_a_chance_is_drawn(size):
    """Whatever the number, up to the last before 1: not behind the last token that has one, nor before the first."""
    logits = torch.randn(8, size, generator=torch.Generator().manual_seed(0)) * 3
    logits[:, 1::2] = -torch.inf
    logits[:, 0] = -torch.inf
    logits[:, 2] = 1.0
    uniforms = torch.tensor([[0.0, 0.3, 1 - 2**-24, 1.0]]).expand(8, -1)
    assert (logits.gather(1, draw_tokens(logits, uniforms, 1.0)) > -torch.inf).all()


def test_children_stay_where_their_parents_are_and_leave_no_gap():
    parents = np.array([0, 0, 2, 2, 5, 6])
    rows = slots(parents)
    assert rows.tolist() == [0, 1, 2, 3, 5, 4]
    generator = np.random.default_rng(0)
    for _ in range(50):
        parents = np.sort(generator.integers(12, size=generator.integers(1, 20)))
        rows = slots(parents)
        assert sorted(rows.tolist()) == list(range(len(parents)))
        assert all(parent in rows[parents == parent] for parent in parents if parent < len(parents))


def test_prompts_that_begin_one_another_are_one_chain():
    ids = [[1, 2], [3], [1, 2, 3, 4], [1], [1, 3], [1, 2], [1, 2, 3]]
    chains = find_chains(ids)
    assert [(chain.source, chain.prompts) for chain in chains] == [
        ([3], [1]),
        ([1, 3], [4]),
        ([1, 2, 3, 4], [0, 2, 3, 5, 6]),
    ]


def test_batches_keep_chains_together_and_hold_all_prompts_once():
    generator = np.random.default_rng(0)
    ids = [generator.integers(2, size=generator.integers(1, 7)).tolist() for _ in range(60)]
    chains = find_chains(ids)
    for size in (1, 4, 10, 100):
        batches = list(in_batches(chains, size))
        assert sorted(i for batch in batches for i in batch) == list(range(60))
        assert max(map(len, batches)) <= size
        for chain in chains:
            places = {n for n, batch in enumerate(batches) if set(batch) & set(chain.prompts)}
            assert len(places) <= -(-len(chain.prompts) // size) + 1
            assert len(chain.prompts) > size or len(places) == 1


def test_places_of_samples_among_their_rows():
    places = Places.among(np.array([2, 0, 2, 1, 0, 2]))
    assert places.rank_N.tolist() == [0, 0, 1, 0, 1, 2]
    assert places.num_ranks == 3
    assert places.first_R.tolist() == [1, 3, 0]


class OneAtATime(Sampler):
    """Decodes each sample by plain forward passes over all of its tokens, with the same numbers."""

    @torch.inference_mode()
    def _decode(self, prompts_ids, num_samples, temperature, generator):
        num = len(prompts_ids) * num_samples
        uniforms = [torch.rand(num, generator=generator) for _ in range(self.max_new_tokens)]
        tokens, finished = [], []
        for n in range(num):
            ids, row = prompts_ids[n // num_samples], []
            limit = min(self.max_new_tokens, self.max_length - len(ids))
            while len(row) < limit and not (row and row[-1] in self.end_ids):
                logits = self.model(input_ids=torch.tensor([ids + row]), use_cache=False).logits[:, -1]
                uniform = uniforms[len(row)][n, None, None] if temperature else None
                row.append(int(draw_tokens(logits, uniform, temperature)))
            tokens.append(row)
            finished.append(row[-1] in self.end_ids)
        return sampler_module.Decoded(tokens, finished)


@pytest.mark.parametrize("fixed_rows", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_samples_are_those_of_a_sampler_that_takes_one_at_a_time(random_policy, seed, fixed_rows):
    """Prompts at random, some repeated, some the beginnings of others, some with little room left in the model."""
    policy, generator = random_policy(seed), np.random.default_rng(seed)
    words = np.array(["1", "2", "3", "+", "-"])
    whole = [" ".join(generator.choice(words, size=generator.integers(2, 12))) for _ in range(4)]
    texts = [*whole, whole[0], *(text[: generator.integers(1, len(text))] for text in whole), "1 " * 120]
    prompts = [Prompt(texts[i].strip()) for i in generator.permutation(len(texts))]
    keys = {"max_new_tokens": 12, "max_batch_rows": 12}
    sampler = Sampler(policy.model, policy.prompter, fixed_rows=fixed_rows, **keys)
    plain = OneAtATime(policy.model, policy.prompter, **keys)
    for temperature in (1.0, 0.4):
        drawn = sampler.sample(prompts, 3, temperature=temperature, seed=seed)
        assert drawn == plain.sample(prompts, 3, temperature=temperature, seed=seed)
    assert {sample.finished for samples in drawn for sample in samples} == {True, False}
