"""Rows that share prefixes and hold several examples give what one sequence a row gives: values and all gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GPT2Config,
    Lfm2Config,
    Llama4TextConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    PreTrainedModel,
    Qwen2Config,
)

from synthscale.policy.attending import attending_by
from synthscale.policy.config import LoraConfig
from synthscale.training import layout
from synthscale.training.activations import recompute_activations
from synthscale.training.attention import PACKED
from synthscale.training.encoding import EncodedExample, EncodedSide
from synthscale.training.layout import items_of, lay_out
from synthscale.training.logprobs import can_pack, predicting_at, rows_logprobs
from synthscale.training.lora import add_adapters

SIZES = {"vocab_size": 37, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4}
SIZES |= {"initializer_range": 0.3, "pad_token_id": 0, "bos_token_id": None, "eos_token_id": 1}
WINDOW = {"sliding_window": 5, "attn_implementation": "eager"}
CONFIGS = {
    "llama": LlamaConfig(**SIZES),
    "llama_eager": LlamaConfig(**SIZES, attn_implementation="eager"),
    "llama_gqa_tied": LlamaConfig(**SIZES, num_key_value_heads=2, tie_word_embeddings=True),
    "qwen2": Qwen2Config(**SIZES, num_key_value_heads=2),
    "qwen2_windows": Qwen2Config(
        **SIZES, num_key_value_heads=2, use_sliding_window=True, sliding_window=4, max_window_layers=1
    ),
    "mistral_window": MistralConfig(**SIZES, num_key_value_heads=2, sliding_window=6),
    "gemma2": Gemma2Config(**SIZES, **WINDOW, num_key_value_heads=2, head_dim=4, final_logit_softcapping=3.0),
    "gpt2": GPT2Config(vocab_size=37, n_embd=16, n_layer=2, n_head=4, n_positions=64, initializer_range=0.3),
}
STATES = {
    "mamba": MambaConfig(vocab_size=37, hidden_size=16, num_hidden_layers=2, state_size=4),
    "lfm2": Lfm2Config(**SIZES, num_key_value_heads=2, layer_types=["conv", "full_attention", "conv"]),
    "llama4": Llama4TextConfig(
        **SIZES,
        intermediate_size_mlp=24,
        num_key_value_heads=2,
        head_dim=4,
        attention_chunk_size=16,
        num_local_experts=2,
        layer_types=["chunked_attention", "full_attention", "chunked_attention"],
    ),
}
OWN_WAYS = {"llama_eager", "gemma2"}  # of attending, so that each sequence has a row by itself


def model_of(name: str) -> PreTrainedModel:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(copy.deepcopy(CONFIGS[name]))
    return model.train(False)  # GPT-2 has dropout


class LeakyHead(torch.nn.Linear):
    """Adds a little of what stands first among what it is asked for to all that follows."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return super().forward(hidden) + 1e-2 * super().forward(hidden)[:, 10:11]


def examples_of(kinds: str) -> list[EncodedExample]:
    """Examples of unequal lengths: positives, whole pairs, step pairs, diverging ones, and at the edges of sharing."""
    generator = torch.Generator().manual_seed(1)

    def drawn(length: int) -> list[int]:
        return torch.randint(2, 37, (length,), generator=generator).tolist()

    def side(ids: list[int], counted: range | None = None) -> EncodedSide:
        counted = counted or range(4, len(ids))
        return EncodedSide(ids, [t in counted for t in range(len(ids))])

    made = [EncodedExample((side(drawn(length)),)) for length in (19, 7, 12, 5) if kinds != "pairs"]
    if kinds != "positives":
        begin, shared = drawn(5), drawn(9)
        made += [
            EncodedExample((side([*begin, 2, *drawn(8), 1]), side([*begin, 3, *drawn(11), 1]))),
            EncodedExample((side([*shared, 4, *drawn(6), 1]), side([*shared, 5, *drawn(2)]))),
            EncodedExample((side([*shared, 6, *drawn(4), 1], range(9, 10)), side([*shared, 7, 8], range(9, 10)))),
            EncodedExample((side([*shared, 2]), side([*shared, 3]))),
            EncodedExample((side([*shared, 1]), side(shared))),
            EncodedExample((side([*shared, 1]), side([*shared, *drawn(3), 1]))),
            EncodedExample((side([2, *drawn(4), 1], range(6)), side([3, *drawn(2)], range(3)))),  # nothing is shared
        ]
    return made


def plain_logprobs(model: PreTrainedModel, side: EncodedSide) -> torch.Tensor:
    """One sequence, by the definition."""
    logprobs = torch.log_softmax(model(input_ids=torch.tensor([side.ids])).logits[0].float(), dim=-1)
    return sum(logprobs[t - 1, side.ids[t]] for t, counts in enumerate(side.counted) if counts and t)


def loss_and_gradients(model: PreTrainedModel, logprobs_S: torch.Tensor) -> tuple[float, list[torch.Tensor]]:
    """Of some function in which every sequence has a part of its own."""
    weights = torch.linspace(-1.0, 1.5, len(logprobs_S))
    loss = -torch.nn.functional.logsigmoid(weights * logprobs_S).mean() - logprobs_S.mean()
    model.zero_grad()
    loss.backward()
    return loss.item(), [p.grad.clone() for p in model.parameters() if p.requires_grad]


def assert_same(got: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    assert len(got) == len(expected) > 0
    for one, other in zip(got, expected, strict=True):
        assert (one - other).norm() <= 1e-5 * other.norm()


def together(model: PreTrainedModel, examples: list[EncodedExample], *, is_packed: bool = True) -> torch.Tensor:
    items = [item for example in examples for item in items_of(example, is_packed=is_packed)]
    return rows_logprobs(model, lay_out(items, 0, is_packed=is_packed))


@pytest.mark.parametrize("worth_a_call", [1, 300, layout.WORTH_A_CALL])  # so many calls of attention: a few to one
@pytest.mark.parametrize("kinds", ["positives", "pairs", "both"])
@pytest.mark.parametrize("name", CONFIGS)
def test_loss_and_gradients_are_those_of_one_sequence_at_a_time(name, kinds, worth_a_call, monkeypatch):
    monkeypatch.setattr(layout, "WORTH_A_CALL", worth_a_call)
    model, examples = model_of(name), examples_of(kinds)
    assert can_pack(model) == (name not in OWN_WAYS)
    expected = torch.stack([plain_logprobs(model, side) for example in examples for side in example.sides])
    loss, gradients = loss_and_gradients(model, expected)
    for is_packed in {False, can_pack(model)}:
        got = together(model, examples, is_packed=is_packed)
        assert torch.allclose(got, expected, rtol=1e-5, atol=1e-5)
        got_loss, got_gradients = loss_and_gradients(model, got)
        assert got_loss == pytest.approx(loss, rel=1e-5)
        assert_same(got_gradients, gradients)


def test_with_adapters_too():
    model, examples = model_of("llama"), examples_of("both")
    add_adapters(model, LoraConfig(rank=3), seed=0)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data.normal_(std=0.05)
    expected = torch.stack([plain_logprobs(model, side) for example in examples for side in example.sides])
    loss, gradients = loss_and_gradients(model, expected)
    got_loss, got_gradients = loss_and_gradients(model, together(model, examples))
    assert got_loss == pytest.approx(loss, rel=1e-5)
    assert_same(got_gradients, gradients)


def test_no_example_sees_another():
    """Other tokens in one example leave the others' log-probabilities as they are, to the last bit."""
    model, examples = model_of("llama_gqa_tied"), examples_of("both")
    with torch.no_grad():
        before = together(model, examples)
        for changed, example in enumerate(examples):
            shift = tuple(EncodedSide([(t + 5) % 37 for t in side.ids], side.counted) for side in example.sides)
            after = together(model, [*examples[:changed], EncodedExample(shift), *examples[changed + 1 :]])
            numbers = [i for i, e in enumerate(examples) for _ in e.sides]
            same = (before == after).tolist()
            assert same == [i != changed for i in numbers]


def test_neither_side_sees_the_other():
    model = model_of("llama")
    sides = [EncodedSide(ids, [t >= 3 for t in range(7)]) for ids in ([5, 6, 7, 8, 9, 3, 1], [5, 6, 7, 2, 4, 6, 8])]
    other = EncodedSide([5, 6, 7, 2, 11, 12, 13], sides[1].counted)
    with torch.no_grad():
        one, two = (together(model, [EncodedExample((sides[0], rejected))]) for rejected in (sides[1], other))
        assert one[0] == two[0] and one[1] != two[1]
        one, two = (together(model, [EncodedExample((chosen, sides[0]))]) for chosen in (sides[1], other))
        assert one[1] == two[1] and one[0] != two[0]


def test_logits_are_computed_where_they_are_asked_for_and_afterwards_everywhere():
    model, ids = model_of("gemma2"), torch.arange(12).view(2, 6)
    with torch.no_grad():
        whole = model(input_ids=ids).logits
        with predicting_at(model, torch.tensor([7, 0])):
            some = model(input_ids=ids).logits
        assert some.shape == (1, 2, 37)
        assert torch.allclose(some[0], whole.flatten(0, 1)[[7, 0]], atol=1e-6)
        assert model(input_ids=ids).logits.equal(whole)


def test_a_model_that_does_not_attend_as_told_is_not_packed(monkeypatch):
    model = model_of("llama")
    model.config._attn_implementation = "flash_attention_2"
    assert not can_pack(model)
    model = model_of("llama")
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda position_ids=None, **more: forward(**more))
    assert not can_pack(model), "it finds positions by itself"
    monkeypatch.setattr(model, "forward", lambda packing=None, **more: forward(**more))
    assert not can_pack(model), "it sees all that came before"
    monkeypatch.setattr(model, "forward", forward)
    assert can_pack(model) and can_pack(model.bfloat16()) and not model.training


def test_activations_that_are_computed_again_attend_as_before():
    """The backward pass computes them, when the forward pass's own switch of attention is over: `fit` has another."""
    model, examples = model_of("llama"), examples_of("both")
    expected = loss_and_gradients(model, together(model, examples))[1]
    recompute_activations(model.train())
    with attending_by(PACKED, model.config):
        assert_same(loss_and_gradients(model, together(model, examples))[1], expected)
    assert model.config._attn_implementation == "sdpa"


def test_without_a_packing_it_attends_as_sdpa_does_padding_on_the_left_included():
    model, ids = model_of("llama_gqa_tied"), torch.arange(24).view(4, 6)
    mask = torch.tensor([[0] * i + [1] * (6 - i) for i in range(4)])
    with torch.no_grad():
        for kind in ({}, {"attention_mask": mask}):
            expected = model(input_ids=ids, **kind).logits
            with attending_by(PACKED, model.config):
                assert model(input_ids=ids, **kind).logits.equal(expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", STATES)
def test_a_model_in_which_tokens_pass_on_a_state_or_see_chunks_is_not_packed(name, dtype):
    torch.manual_seed(0)
    assert not can_pack(AutoModelForCausalLM.from_config(copy.deepcopy(STATES[name])).to(dtype))


def test_a_leak_too_small_for_the_eye_is_found(monkeypatch):
    """The model's own answers move by less than its numbers' rounding with what stands in front in the row."""
    model = model_of("llama").bfloat16()
    head = model.lm_head
    monkeypatch.setattr(
        model, "lm_head", LeakyHead(head.in_features, head.out_features, bias=False, dtype=torch.bfloat16)
    )
    assert not can_pack(model)


def test_in_bfloat16_sums_are_single():
    model = model_of("llama").bfloat16()
    assert together(model, examples_of("both")).dtype == torch.float32
