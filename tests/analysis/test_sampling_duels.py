"""Both sides of the sampling duels draw as much: what is counted is the same."""

from __future__ import annotations

import pytest

from benchmarks import sampling_duels
from synthscale.policy.prompter import Prompt


def test_rollouts_of_both_sides_have_as_many_tokens():
    """The base policy's solutions of a problem are about as long as one another, whoever draws them."""
    with sampling_duels.rollouts_of(num_problems=2, prompts_at_once=16, bar=None) as duel:
        assert duel.ours() == pytest.approx(duel.theirs(), rel=0.05)
        assert "prefixes of solutions × 5 rollouts" in duel.work


def test_tokens_behind_an_end_are_not_counted():
    task, model, prompter = sampling_duels.base_policy()
    prompts = [Prompt(task.prompt(problem)) for problem in task.problems(sampling_duels.Split.TEST, 3, seed=0)]
    sampler = sampling_duels.sampler_of(model, prompter, 64)
    greedy = sampler.sample(prompts, 1, temperature=0.0, seed=0)
    drawn = sampling_duels.generated(model, sampler, [prompter.ids(p) for p in prompts], 1, 64, temperature=0.0)
    assert drawn == sum(sample.num_tokens for (sample,) in greedy)
