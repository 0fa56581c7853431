"""What a training keeps and computes in: a policy that is its own reference stays so, whatever the precision."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from synthscale.policy.config import LoraConfig
from synthscale.training.activations import recompute_activations
from synthscale.training.config import Device, Precision, TrainerConfig
from synthscale.training.lora import add_adapters
from synthscale.training.precision import computing, weight_dtype


def config_of(precision: Precision) -> TrainerConfig:
    return TrainerConfig(device=Device.cpu, num_validations=2, num_validation=4, batch_size=8, precision=precision)


@pytest.mark.parametrize("precision", Precision)
def test_pairs_start_at_log_2_and_a_policy_learns_from_them(random_policy, train, pairs, precision):
    policy = random_policy(0)
    policy.model.to(weight_dtype(precision))
    result = train(policy, pairs, config=config_of(precision))
    first, last = result.curves[0], result.curves[-1]
    assert first["train_dpo_loss"] == pytest.approx(math.log(2), abs=1e-3)
    assert first["train_margin"] == pytest.approx(0, abs=0.02)  # of sums of some hundred nats
    assert last["train_dpo_loss"] < first["train_dpo_loss"] - 0.01
    assert {p.dtype for p in result.model.parameters()} == {weight_dtype(precision)}


def test_precisions_are_not_the_same_numbers(random_policy, train, positives):
    losses = {}
    for precision in Precision:
        policy = random_policy(0)
        policy.model.to(weight_dtype(precision))
        losses[precision] = train(policy, positives, 2, config_of(precision)).curves[0]["train_loss"]
    full = losses[Precision.full]
    assert len(set(losses.values())) == 3
    assert all(loss == pytest.approx(full, rel=0.02) for loss in losses.values())


def test_mixed_precision_multiplies_in_bfloat16_and_keeps_single(random_policy):
    model, ids = random_policy(0).model, torch.tensor([[3, 4, 5]])
    with computing(Precision.bf16_mixed, "cpu"):
        assert model(input_ids=ids).logits.dtype == torch.bfloat16
    for precision in (Precision.full, Precision.bf16):
        with computing(precision, "cpu"):
            assert model(input_ids=ids).logits.dtype == torch.float32
    assert {p.dtype for p in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("rank", [0, 3])
def test_recomputed_activations_give_the_same_training(random_policy, train, positives, pairs, rank):
    """To the last bit, with dropout, for all weights and for adapters."""
    results, calls = [], []
    for recomputed in (False, True):
        policy = random_policy(0)
        add_adapters(policy.model, LoraConfig(rank=rank, dropout=0.2), seed=0)
        layer = policy.model.model.layers[0]
        layer.self_attn.attention_dropout = 0.3
        layer.mlp.register_forward_pre_hook(lambda *_, to=recomputed: calls.append(to))
        if recomputed:
            recompute_activations(policy.model)
        results.append(train(policy, [*positives, *pairs]))
    kept, recomputed = (result.model.state_dict() for result in results)
    assert all(kept[name].equal(recomputed[name]) for name in kept)
    assert results[0].curves == results[1].curves
    assert calls.count(True) == calls.count(False) + 6, "each of six updates ran the layer once more"


def test_a_model_that_cannot_recompute_is_refused(random_policy, monkeypatch):
    model = random_policy(0).model
    monkeypatch.setattr(type(model), "supports_gradient_checkpointing", False)
    with pytest.raises(ValueError, match=r"model\.gradient_checkpointing=true: .*does not support"):
        recompute_activations(model)


@pytest.mark.parametrize("size", [1, 3, 7, 8, 100])
def test_few_sequences_at_once_give_the_same_training(random_policy, train, positives, pairs, size):
    """And as many as there are, or more, the very same."""
    examples, rows = [*positives, *pairs], []
    whole = train(random_policy(0), examples, config=config_of(Precision.full))
    policy = random_policy(0)
    policy.model.register_forward_pre_hook(
        lambda _, __, kwargs: rows.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    split = train(policy, examples, config=replace(config_of(Precision.full), micro_batch_size=size))
    for row, expected in zip(split.curves, whole.curves, strict=True):
        assert row == pytest.approx(expected, rel=1e-4, abs=1e-5)
    weights, expected = split.model.state_dict(), whole.model.state_dict()
    if size >= 8:
        assert all(weights[name].equal(weight) for name, weight in expected.items())
        return
    assert all(torch.allclose(weights[name], weight, rtol=0, atol=1e-4) for name, weight in expected.items())
    in_training = rows[2:]  # after the reference's own batches of eight
    assert max(in_training) <= max(size, 4)  # four problems are validated at once
