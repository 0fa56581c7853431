"""Causal LMs of many families with small random weights, and a tokenizer of a word a token."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from synthscale.policy.config import PolicyConfig
from synthscale.policy.prompter import Prompter
from synthscale.policy.tiny import build_tokenizer

VOCABULARY = 40
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 64,
}
SHARED: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 2},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 1, "head_dim": 16},
    "mistral": {"sliding_window": None},
    "phi3": {},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "gpt_neox": {"rotary_pct": 0.5},
}
NOT_SHARED: dict[str, tuple[dict[str, Any], str]] = {
    "mistral": ({"sliding_window": 8}, "sliding window"),
    "gemma2": ({"head_dim": 8, "sliding_window": 8}, "sliding_attention"),
    "gemma2 without windows": ({"head_dim": 8, "layer_types": ["full_attention"] * 2}, "softcap"),
    "mamba": ({}, "no decoder with attention alone"),
    "bloom": ({"n_layer": 2, "n_head": 4}, "cannot be replaced"),
}


def build(family: str, settings: dict[str, Any]) -> SimpleNamespace:
    """A model of the family, sure enough of its tokens that rounding changes none; it writes an end now and then."""
    tokenizer = build_tokenizer([f"w{i}" for i in range(VOCABULARY - 3)])
    name = family.partition(" ")[0]
    sizes = {} if name == "gpt2" else SIZES
    marks = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = CONFIG_MAPPING[name](**{"vocab_size": VOCABULARY, **sizes, **marks, **settings})
    torch.manual_seed(1)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.mul_(5)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *range(20, 26)]
    return SimpleNamespace(model=model.eval(), tokenizer=tokenizer, prompter=Prompter(tokenizer, PolicyConfig()))
