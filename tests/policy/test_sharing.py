"""Models of many families: rows that share their prompts where attention is plain, transformers' generate elsewhere."""

from __future__ import annotations

import logging

import pytest
import torch

from model_families import NOT_SHARED, SHARED, build
from synthscale.policy.prompter import Prompt
from synthscale.policy.sampler import Sampler

LIMIT = 20
PROMPTS = [
    Prompt(text)
    for text in ("w1 w2 w3", "w9", "w1 w2 w3 w4 w5", "w8 w9 w10 w11 w12 w13 w14 w3", "w1 w2 w3", "w20 w21", "w1")
]


def make(policy, **keys) -> Sampler:
    return Sampler(policy.model, policy.prompter, **{"max_new_tokens": LIMIT, "max_batch_rows": 64, **keys})


def by_generate(policy, prompt: Prompt) -> list[int]:
    ids = torch.tensor([policy.prompter.ids(prompt)])
    output = policy.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=LIMIT)
    return output[0, ids.shape[1] :].tolist()


def drawn_tokens(policy, sampler: Sampler, num_samples: int, temperature: float) -> list[list[list[int]]]:
    """The tokens of each sample of each prompt."""
    ids = [policy.prompter.ids(prompt) for prompt in PROMPTS]
    generator = torch.Generator().manual_seed(3)
    rows = sampler._decode(ids, num_samples, temperature, generator).tokens
    return [rows[i * num_samples : (i + 1) * num_samples] for i in range(len(PROMPTS))]


@pytest.fixture(params=SHARED)
def shared(request):
    return build(request.param, SHARED[request.param])


@pytest.fixture(params=NOT_SHARED)
def not_shared(request):
    return build(request.param, NOT_SHARED[request.param][0]), NOT_SHARED[request.param][1]


@pytest.mark.parametrize("fixed_rows", [False, True])
def test_greedy_equals_generate_in_every_family(shared, fixed_rows, caplog):
    rows = drawn_tokens(shared, make(shared, fixed_rows=fixed_rows), 2, 0.0)
    expected = [by_generate(shared, prompt) for prompt in PROMPTS]
    assert rows == [[row, row] for row in expected]
    assert not [record for record in caplog.records if record.name.startswith("synthscale")]


@torch.inference_mode()
def test_logits_of_what_is_drawn_equal_a_plain_forward(shared):
    """At every token of every sample, though rows branch, move and leave."""
    sampler = make(shared)
    sampler._decode([[3]], 1, 0.0, torch.Generator())  # looks whether rows can share their prompts
    forward, seen = sampler._forward, []

    def note(**inputs):
        logits = forward(**inputs)
        if inputs["shared_prefix_cache"].rows is not None:
            seen.append(logits[:, -1])
        return logits

    sampler._forward = note
    rows = drawn_tokens(shared, sampler, 6, 1.0)
    assert max(map(len, seen)) > len({p.text for p in PROMPTS})  # some branched
    assert len(seen[-1]) < max(map(len, seen))  # some left
    for prompt, samples in zip(PROMPTS, rows, strict=True):
        ids = shared.prompter.ids(prompt)
        for row in samples:
            plain = shared.model(input_ids=torch.tensor([ids + row]), use_cache=False).logits[0, len(ids) - 1 : -1]
            for step, expected in enumerate(plain):
                distance = (seen[step] - expected).abs().max(dim=-1).values.min()
                assert distance < 1e-4, (prompt, step)


def test_what_is_put_in_place_of_attention_is_taken_out_again(shared):
    before = shared.model.config._attn_implementation
    make(shared).sample(PROMPTS, 2, temperature=1.0, seed=0)
    assert shared.model.config._attn_implementation == before != "synthscale_shared_prefix"


def test_other_models_are_decoded_by_generate_with_a_warning(not_shared, caplog):
    policy, reason = not_shared
    sampler = make(policy)
    with caplog.at_level(logging.WARNING):
        rows = drawn_tokens(policy, sampler, 2, 0.0)
        assert rows == [[row, row] for row in (by_generate(policy, prompt) for prompt in PROMPTS)]
        drawn_tokens(policy, sampler, 3, 1.0)
    (record,) = [r for r in caplog.records if r.name == "synthscale.policy.sampler"]
    assert type(policy.model).__name__ in record.getMessage() and reason in record.getMessage()


def test_generate_draws_by_the_seed_alone_and_leaves_torchs_generator(not_shared):
    policy, _ = not_shared
    sampler, before = make(policy), torch.random.get_rng_state()
    first = sampler.sample(PROMPTS, 3, temperature=1.0, seed=1)
    assert torch.random.get_rng_state().equal(before)
    torch.rand(3)
    assert sampler.sample(PROMPTS, 3, temperature=1.0, seed=1) == first
    assert sampler.sample(PROMPTS, 3, temperature=1.0, seed=2) != first
    assert [len(samples) for samples in first] == [3] * len(PROMPTS)


def test_generate_ends_at_a_stop_text_too(not_shared):
    policy, _ = not_shared
    whole = make(policy).sample(PROMPTS, 1, temperature=0.0, seed=0)
    word = max((sample.text.split() for (sample,) in whole), key=len)[1]
    cut = make(policy, stop=[word]).sample(PROMPTS, 1, temperature=0.0, seed=0)
    for (before,), (after,) in zip(whole, cut, strict=True):
        assert after.text == before.text.partition(word)[0]
        assert after.finished == (before.finished or word in before.text)
    assert cut != whole


def test_a_model_whose_logits_would_be_others_is_found_out(caplog):
    policy = build("llama", SHARED["llama"])
    forward = policy.model.forward

    def odd(**inputs):
        output = forward(**inputs)
        output.logits += inputs.get("shared_prefix_cache") is not None
        return output

    policy.model.forward = odd
    rows = drawn_tokens(policy, make(policy), 1, 0.0)
    assert "its logits are off by" in caplog.text
    assert [row for (row,) in rows] == [by_generate(policy, prompt) for prompt in PROMPTS]
