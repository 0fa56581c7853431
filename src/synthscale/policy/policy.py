"""Policies on disk: a model and its tokenizer in one folder that transformers loads as they are."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from synthscale.policy.config import Attention, PolicyConfig

# loading and saving take no time here, and the study layer draws the bars
logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def load_policy(
    folder: Path | str, config: PolicyConfig | None = None, *, device: str = "cpu", revision: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a model (safetensors only) and its tokenizer, from a folder or by a hub name."""
    config = config or PolicyConfig()
    attention = None if config.attention is Attention.auto else config.attention.value
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, revision=revision, dtype=config.dtype.value, attn_implementation=attention, use_safetensors=True
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, revision=revision)
    if tokenizer.eos_token_id is None:
        raise ValueError(f"the tokenizer in {folder} has no end-of-sequence token, which ends a solution.")
    if tokenizer.pad_token_id is None:  # as Llama's; padding is masked, so any token will do
        tokenizer.pad_token = tokenizer.eos_token
    model.to(device)  # type: ignore[arg-type]
    return model, tokenizer


def save_policy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save both so that AutoModelForCausalLM and AutoTokenizer find them."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
