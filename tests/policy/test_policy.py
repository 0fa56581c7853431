"""Policies on disk, and the embedded learner's tokenizer."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.import_utils import is_flash_attn_2_available

from synthscale.policy.config import Attention, Dtype, PolicyConfig, SamplerConfig
from synthscale.policy.policy import end_ids, load_policy, save_policy
from synthscale.policy.prompter import Prompt, Prompter
from synthscale.policy.sampler import Sampler
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
    with pytest.raises(ValueError, match=r"only pytorch_model\.bin, a pickle, which is not read"):
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


@pytest.fixture
def llama(small_llama):
    """A model as a chat model's folder has it: several ends, sampling defaults, a chat template."""
    model, tokenizer = load_policy(small_llama)
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
    end = tokenizer("!", add_special_tokens=False)["input_ids"][0]
    model.generation_config.update(
        do_sample=True, temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.05, eos_token_id=[end, 257]
    )
    return model, tokenizer


def test_the_generation_config_ends_solutions_and_samples_nothing_by_itself(llama, tmp_path):
    model, tokenizer = llama
    ends = end_ids(model, tokenizer)
    save_policy(model, tokenizer, tmp_path)
    saved = json.loads((tmp_path / "generation_config.json").read_text())
    assert saved.pop("transformers_version")
    assert saved == {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": [tokenizer.eos_token_id, ends[1]],
        "pad_token_id": tokenizer.pad_token_id,
    }
    again, tokenizer = load_policy(tmp_path)
    assert end_ids(again, tokenizer) == ends
    assert tokenizer.chat_template == llama[1].chat_template


def test_an_exported_policy_writes_the_same_tokens(llama, tmp_path):
    """After a reload, by our sampler and by transformers' own generate, greedily and drawn."""
    save_policy(*llama, tmp_path)
    prompts = [Prompt("1 + 1 ="), Prompt("Ann has 3 apples.\n", "She eats")]

    def drawn(model, tokenizer) -> list:
        prompter = Prompter(tokenizer, PolicyConfig())
        sampler = Sampler(model, prompter, max_new_tokens=12, max_batch_rows=8)
        samples = [sampler.sample(prompts, 3, temperature=t, seed=1) for t in (0.0, 1.0)]
        torch.manual_seed(0)
        ids = torch.tensor([prompter.ids(prompts[0])])
        outputs = [
            model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=sample, max_new_tokens=12).tolist()
            for sample in (False, True)
        ]
        return [*samples, *outputs]

    expected = drawn(*llama)
    assert drawn(*load_policy(tmp_path)) == expected
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert drawn(*theirs) == expected
    assert expected[0][0][0].text == theirs[1].decode(expected[2][0][len(prompts[0].text) :])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_a_policy_is_saved_in_the_dtype_that_is_asked_for(llama, tmp_path, dtype):
    model, tokenizer = llama
    save_policy(model, tokenizer, tmp_path, dtype=dtype)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == str(dtype).removeprefix("torch.")
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {dtype}
    assert load_policy(tmp_path)[0].dtype == dtype
    assert load_policy(tmp_path, PolicyConfig(dtype=Dtype.float32))[0].dtype == torch.float32


def test_sharded_weights_are_read(llama, small_llama, tmp_path):
    model, tokenizer = llama
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    tokenizer.save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    ours, theirs = (load_policy(folder)[0].state_dict() for folder in (tmp_path, small_llama))
    assert all(ours[name].equal(weight) for name, weight in theirs.items())


def test_attention_is_what_was_asked_for(small_llama):
    for attention in (Attention.eager, Attention.sdpa):
        model, _ = load_policy(small_llama, PolicyConfig(attention=attention))
        assert model.config._attn_implementation == attention.value


@pytest.mark.skipif(is_flash_attn_2_available(), reason="it is there")
def test_flash_attention_that_is_not_installed_is_refused(small_llama):
    with pytest.raises(ValueError, match=r"^model\.attention=flash_attention_2 needs a GPU and the package flash-attn"):
        load_policy(small_llama, PolicyConfig(attention=Attention.flash_attention_2))


def spoilt(llama, folder, **config) -> None:
    save_policy(*llama, folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))


def test_code_that_comes_with_a_model_is_not_run(llama, tmp_path):
    spoilt(llama, tmp_path, model_type="own", auto_map={"AutoModelForCausalLM": "own.Own", "AutoConfig": "own.Own"})
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    with pytest.raises(ValueError, match=r"^The model .* cannot be loaded \(\w+: .*"):
        load_policy(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_damage_is_one_sentence(llama, tmp_path):
    spoilt(llama, tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "no such architecture"}')
    with pytest.raises(ValueError, match=r"^The model .* cannot be loaded \([^\n]*\)\.$"):
        load_policy(tmp_path)


def test_weights_that_are_missing_are_not_drawn_at_random(llama, tmp_path):
    save_policy(*llama, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks weights that its config asks for: model\.norm\.weight\.$"):
        load_policy(tmp_path)


def test_a_tokenizer_that_ends_nothing_is_refused(llama, tmp_path):
    model, tokenizer = llama
    tokenizer.eos_token = None
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"^The tokenizer of .* has no end-of-sequence token, which ends a solution\.$"
    ):
        load_policy(tmp_path)


def test_a_tokenizer_without_padding_pads_with_its_end(llama, tmp_path):
    """As Llama 2's."""
    model, tokenizer = llama
    tokenizer.pad_token = None
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert load_policy(tmp_path)[1].pad_token == "</s>"
