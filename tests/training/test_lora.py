"""Adapters: they alone are trained, saved while training, and gone into the weights when it ends."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM

from synthscale.policy.config import LoraConfig
from synthscale.policy.policy import load_policy, save_policy
from synthscale.session import Session, Stopped
from synthscale.training.checkpoint import FILE
from synthscale.training.config import Precision, TrainerConfig
from synthscale.training.lora import add_adapters, has_adapters, merge_adapters
from synthscale.training.module import Objective, PolicyModule

LORA = LoraConfig(rank=3, alpha=6.0)
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.fixture
def adapted(random_policy):
    """Makes a policy with adapters, by default with new ones."""

    def make(config: LoraConfig = LORA, *, std: float = 0.0, seed: int = 0) -> SimpleNamespace:
        policy = random_policy(0)
        add_adapters(policy.model, config, seed)
        generator = torch.Generator().manual_seed(1)
        for name, parameter in policy.model.named_parameters():
            if std and "lora_" in name:
                parameter.data.normal_(std=std, generator=generator)
        return policy

    return make


@pytest.fixture
def input_ids(base_policy, traces) -> torch.Tensor:
    ids = [
        base_policy.tokenizer(p.text + "\n" + trace, add_special_tokens=False)["input_ids"] for p, trace in traces[:4]
    ]
    return torch.tensor(ids)


@torch.inference_mode()
def logits(model, input_ids) -> torch.Tensor:
    return model.eval()(input_ids=input_ids).logits


def test_new_adapters_are_nothing_yet_and_used_ones_are_something(random_policy, adapted, input_ids):
    plain = logits(random_policy(0).model, input_ids)
    assert logits(adapted().model, input_ids).equal(plain)
    assert not torch.allclose(logits(adapted(std=0.3).model, input_ids), plain, atol=1e-2)


def test_a_merged_and_reloaded_model_has_the_wrapped_ones_logits(random_policy, adapted, input_ids, tmp_path):
    policy = adapted(std=0.3)
    wrapped = logits(policy.model, input_ids)
    adapters = {name: weight for name, weight in policy.model.state_dict().items() if ".lora_" in name}
    save_policy(merge_adapters(policy.model), policy.tokenizer, tmp_path)
    for model in (load_policy(tmp_path)[0], AutoModelForCausalLM.from_pretrained(tmp_path)):
        assert torch.allclose(logits(model, input_ids), wrapped, rtol=0, atol=1e-5)
    assert load_policy(tmp_path)[0].state_dict().keys() == random_policy(0).model.state_dict().keys()
    assert [path.name for path in tmp_path.glob("*adapter*")] == []
    # and peft merges the same
    config = peft.LoraConfig(r=3, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM")
    by_peft = peft.get_peft_model(random_policy(0).model, config)
    by_peft.base_model.model.load_state_dict(adapters, strict=False)
    theirs = by_peft.merge_and_unload().state_dict()
    assert all(weight.equal(theirs[name]) for name, weight in policy.model.state_dict().items())


def test_weights_of_fewer_bits_are_rounded_once(adapted):
    policy = adapted(std=0.3)
    policy.model.bfloat16()
    exact = merge_adapters(copy.deepcopy(policy.model).float()).state_dict()
    merged = merge_adapters(policy.model).state_dict()
    assert all(weight.equal(exact[name].bfloat16()) for name, weight in merged.items())


def test_adapters_are_all_that_is_trained(random_policy, adapted):
    policy = adapted()
    trained = {name for name, p in policy.model.named_parameters() if p.requires_grad}
    layer = "model.layers.0."
    parts = {name.removeprefix(layer).split(".")[1] for name in trained}
    assert parts == set(LINEAR) and all(".lora_" in name for name in trained)
    module = PolicyModule(policy.model, Objective(1e-2, 4, 0.1, 1.0), TrainerConfig(batch_size=8), lambda: 0.5)
    optimized = {id(p) for group in module.configure_optimizers()["optimizer"].param_groups for p in group["params"]}
    assert optimized == {id(p) for p in policy.model.parameters() if p.requires_grad}
    some = adapted(LoraConfig(rank=2, target_modules=["q_proj", "v_proj"])).model
    assert {name.split(".")[-4] for name, p in some.named_parameters() if p.requires_grad} == {"q_proj", "v_proj"}


def test_training_moves_the_merged_weights_of_linear_layers_alone(random_policy, adapted, train, positives):
    result = train(adapted(), positives, num_updates=30)
    losses = [row["train_loss"] for row in result.curves]
    assert losses[-1] < losses[0] - 0.1 and losses[1] != losses[0]
    before, after = random_policy(0).model.state_dict(), result.model.state_dict()
    assert before.keys() == after.keys() and not has_adapters(result.model)
    moved = {name.split(".")[-2] for name in before if not before[name].equal(after[name])}
    assert moved == set(LINEAR)


def test_pairs_start_at_log_2_with_new_adapters_on_the_reference(adapted, train, pairs):
    result = train(adapted(), pairs)
    first, last = result.curves[0], result.curves[-1]
    assert first["train_dpo_loss"] == pytest.approx(math.log(2), abs=1e-4)
    assert last["train_dpo_loss"] < first["train_dpo_loss"]


def test_stopped_and_run_again_from_a_checkpoint_of_the_adapters(adapted, train, positives, pairs, tmp_path):
    """With dropout, whose draws go on too."""
    examples, config = [*positives, *pairs], LoraConfig(rank=3, dropout=0.3)
    whole = train(adapted(config), examples, folder=tmp_path / "whole")

    def note(done: int, total: int) -> None:
        if done == 4:
            session.request_stop()

    session = Session(note)
    with pytest.raises(Stopped):
        train(adapted(config), examples, folder=tmp_path / "stopped", session=session)
    names = torch.load(tmp_path / "stopped" / FILE, weights_only=True)["state_dict"]
    assert names and all(".lora_" in name for name in names)
    again = train(adapted(config, seed=7), examples, folder=tmp_path / "stopped")  # new adapters are replaced
    assert all(weight.equal(again.model.state_dict()[name]) for name, weight in whole.model.state_dict().items())
    assert again.curves == whole.curves


def test_the_seed_gives_the_adapters_and_leaves_torchs_generator_alone(adapted):
    first, again, other = adapted(), adapted(), adapted(seed=1)
    same = [first.model.state_dict()[name].equal(weight) for name, weight in again.model.state_dict().items()]
    assert all(same)
    name = "model.layers.0.mlp.up_proj.lora_A.default.weight"
    assert not first.model.state_dict()[name].equal(other.model.state_dict()[name])


def test_a_rank_of_0_is_none(random_policy, adapted):
    model = adapted(LoraConfig()).model
    assert not has_adapters(model) and all(p.requires_grad for p in model.parameters())
    assert merge_adapters(model) is model
    assert model.state_dict().keys() == random_policy(0).model.state_dict().keys()


def test_layers_that_are_not_there_are_named(adapted):
    with pytest.raises(ValueError, match=r"^model\.lora\.target_modules names query, .* layers are .*q_proj"):
        adapted(LoraConfig(rank=2, target_modules=["q_proj", "query"]))
    with pytest.raises(ValueError, match=r"model\.lora\.target_modules: .* tied"):
        adapted(LoraConfig(rank=2, target_modules=["q_proj", "lm_head"]))  # it is the embedding too
    with pytest.raises(ValueError, match=r"model\.lora\.target_modules holds all-linear and other names"):
        LoraConfig(rank=2, target_modules=["all-linear", "lm_head"])


def test_in_bfloat16_adapters_are_of_the_models_dtype(random_policy, train, positives):
    policy = random_policy(0)
    policy.model.bfloat16()
    add_adapters(policy.model, LORA, 0)
    assert {p.dtype for p in policy.model.parameters()} == {torch.bfloat16}
    config = TrainerConfig(batch_size=8, num_validation=4, num_validations=1, precision=Precision.bf16)
    result = train(policy, positives, 3, config)
    assert {p.dtype for p in result.model.parameters()} == {torch.bfloat16}
