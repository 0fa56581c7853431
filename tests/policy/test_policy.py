"""Policies on disk, and the embedded learner's tokenizer."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from synthscale.policy.config import SamplerConfig
from synthscale.policy.policy import load_policy, save_policy
from synthscale.problem import join_steps, split_steps


def test_a_saved_policy_gives_the_same_logits_and_tokens(random_policy, traces, tmp_path):
    policy = random_policy(3)
    save_policy(policy.model, policy.tokenizer, tmp_path / "model")
    model, tokenizer = load_policy(tmp_path / "model")
    text = traces[0][0].text + "\n" + traces[0][1]
    ids = policy.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (
        policy.tokenizer.eos_token_id,
        policy.tokenizer.pad_token_id,
    )
    with torch.inference_mode():
        assert model.eval()(torch.tensor([ids])).logits.equal(policy.model(torch.tensor([ids])).logits)


def test_a_saved_policy_loads_with_anyones_tools(random_policy, tmp_path):
    policy = random_policy(3)
    save_policy(policy.model, policy.tokenizer, tmp_path)
    assert (tmp_path / "model.safetensors").exists()
    assert type(AutoModelForCausalLM.from_pretrained(tmp_path)).__name__ == "LlamaForCausalLM"
    assert len(AutoTokenizer.from_pretrained(tmp_path)) == len(policy.tokenizer)


def test_weights_without_safetensors_are_not_loaded(random_policy, tmp_path):
    policy = random_policy(3)
    save_policy(policy.model, policy.tokenizer, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(policy.model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError):
        load_policy(tmp_path)


def test_the_shipped_base_is_small_enough(base_folder):
    sizes = {path.name: path.stat().st_size for path in base_folder.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 1.5e6
    assert sizes.keys() >= {"manifest.json", "model.safetensors", "tokenizer.json", "curves.csv"}


def test_the_shipped_base_has_the_promised_size(base_policy):
    assert 0.1e6 < sum(parameter.numel() for parameter in base_policy.model.parameters()) < 0.3e6


def test_a_trace_comes_back_from_its_tokens(base_policy, traces):
    tokenizer = base_policy.tokenizer
    for problem, trace in traces:
        ids = tokenizer(trace, add_special_tokens=False)["input_ids"]
        assert tokenizer.pad_token_id not in ids and tokenizer.eos_token_id not in ids
        assert join_steps(split_steps(tokenizer.decode(ids))) == trace
        prompt_ids = tokenizer(problem.text + "\n", add_special_tokens=False)["input_ids"]
        # prompt and solution are encoded apart in training and together in rollouts
        assert tokenizer(problem.text + "\n" + trace, add_special_tokens=False)["input_ids"] == prompt_ids + ids


def test_every_word_is_one_token_and_no_two_are_the_same(task, base_policy):
    ids = [base_policy.tokenizer(word, add_special_tokens=False)["input_ids"] for word in [*task.words, "\n"]]
    assert all(len(one) == 1 for one in ids)
    assert len({one[0] for one in ids}) == len(ids) == len(base_policy.tokenizer) - 2


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"num_samples": 0}, {"max_new_tokens": 0}, {"max_batch_rows": 0}]
)
def test_a_sampler_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=f"sampler.{next(iter(wrong))}"):
        SamplerConfig(**{"temperature": 1.0, "num_samples": 4, **wrong})
