"""The embedded learner: a Llama-architecture decoder of 0.16 M parameters with a word-level tokenizer of its own."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence, Split
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from synthscale.policy.config import ArchitectureConfig

PAD, EOS = "<pad>", "<eos>"


def build_tokenizer(words: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer with one token a word; words stand apart by spaces, and a line break is a word."""
    vocabulary = {word: i for i, word in enumerate([PAD, EOS, "\n", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=PAD))
    tokenizer.pre_tokenizer = Sequence([Split(" ", "removed"), Split(Regex(r"\n"), "isolated")])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=EOS
    )


def build_model(config: ArchitectureConfig, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A model with random weights, drawn from torch's global generator: RoPE, RMSNorm, SwiGLU, tied embeddings."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads,
            max_position_embeddings=config.max_length_tokens,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            initializer_range=0.06,
        )
    )
