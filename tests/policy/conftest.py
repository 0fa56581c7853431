"""Tokenizers that begin, and end, in every way that the models of this world do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
MERGES = [("1", "2"), ("Ċ", "Ċ"), ("Ġ", "1"), ("s", "o"), ("so", "Ġ1")]  # the last would join a step to the next
MARKS = {"bos": "<s>", "eos": "</s>"}
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """Byte-level BPE (as Llama 3, Qwen and DeepSeek) or SentencePiece's BPE with bytes (as Llama 2)."""

    def make(template: str = "$A", *, sentencepiece: bool = False, bos: str = "<s>") -> PreTrainedTokenizerFast:
        tokenizer = _sentencepiece() if sentencepiece else _byte_level()
        tokenizer.add_special_tokens(list(MARKS.values()))
        marks = [(mark, tokenizer.token_to_id(mark)) for mark in MARKS.values()]
        tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=marks)
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token=bos, eos_token="</s>", chat_template=TEMPLATE
        )

    return make


def _byte_level() -> Tokenizer:
    vocabulary = {token: i for i, token in enumerate([*BYTES, *("".join(merge) for merge in MERGES)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=MERGES))
    words = Regex(r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+")  # as Qwen's, but for contractions
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentencepiece() -> Tokenizer:
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-*/=|?.,<>:"]
    merges = [("▁", "S"), ("▁", "1"), ("s", "o")]
    pieces = ["<unk>", *(f"<0x{i:02X}>" for i in range(256)), *letters, *("".join(merge) for merge in merges)]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer
