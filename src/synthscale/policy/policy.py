"""Policies on disk: a model and its tokenizer in one folder that transformers and servers load as they are."""

from __future__ import annotations

import inspect
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging
from transformers.utils.import_utils import is_flash_attn_2_available

from synthscale.policy.config import Attention, PolicyConfig
from synthscale.policy.model_source import check_model_source

# loading and saving take no time here, and the study layer draws the bars
logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def load_policy(
    source: Path | str, config: PolicyConfig | None = None, *, device: str = "cpu", revision: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a model and its tokenizer, from a folder or by a name on the hub.

    Weights are safetensors, and no code that comes with a model is run. The tokenizer has a token to pad with.

    Raises:
        ValueError: with one sentence, if there is no such model, or it lacks something that a policy needs.
    """
    config = config or PolicyConfig()
    check_model_source(str(source), revision, config.prompt_format)
    if config.attention is Attention.flash_attention_2 and not is_flash_attn_2_available():
        raise ValueError(
            "model.attention=flash_attention_2 needs a GPU and the package flash-attn, and this process finds no such "
            "pair: install it, or use model.attention=sdpa."
        )
    attention = None if config.attention is Attention.auto else config.attention.value
    model: PreTrainedModel
    loading: dict[str, set[str]]
    try:
        model, loading = AutoModelForCausalLM.from_pretrained(
            source,
            revision=revision,
            dtype=config.dtype.value,
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )  # type: ignore[misc]  # a pair, with loading info
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:  # whatever a damaged folder makes
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"The model {source} cannot be loaded ({type(error).__name__}: {reason}).") from error
    if loading["missing_keys"]:  # which transformers would draw at random
        raise ValueError(f"The model {source} lacks weights that its config asks for: {min(loading['missing_keys'])}.")
    if tokenizer.eos_token_id is None:
        raise ValueError(f"The tokenizer of {source} has no end-of-sequence token, which ends a solution.")
    if tokenizer.pad_token_id is None:  # as Llama's; padding is masked, so any token will do
        tokenizer.pad_token = tokenizer.eos_token
    model.to(device)  # type: ignore[arg-type]
    return model, tokenizer


def max_length(model: PreTrainedModel) -> int | None:
    """The tokens of the longest sequence that the model has positions for; None where its config does not say."""
    length = getattr(model.config, "max_position_embeddings", None)
    return int(length) if length else None


def cache_argument(model: PreTrainedModel) -> str:
    """What the forward pass calls its keys and values: `past_key_values`, or `cache` since transformers 5.24."""
    return "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"


def end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens that end a solution: the tokenizer's own, which training writes, and those that the model names.

    A chat model names several: the end of a turn and the end of the text.
    """
    named = getattr(model.generation_config, "eos_token_id", None)
    named = [] if named is None else named if isinstance(named, list) else [named]
    return list(dict.fromkeys([int(tokenizer.eos_token_id), *named]))


def save_policy(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, *, dtype: torch.dtype | None = None
) -> None:
    """Save both so that AutoModelForCausalLM, AutoTokenizer and servers find them; in a `dtype`, it converts the model.

    The generation config holds the special tokens and nothing else: a temperature or top_p that an instruction-tuned
    model brings would silently change what servers draw, since they take it for a default.
    """
    ends = end_ids(model, tokenizer)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=ends[0] if len(ends) == 1 else ends,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.to(dtype or model.dtype)  # type: ignore[arg-type]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
