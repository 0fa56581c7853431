"""Texts that end a solution before the model does."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

TOKENS_PER_CHARACTER = 4  # at most: the bytes of a character in UTF-8
SPARE_TOKENS = 8  # of the tail, for what tokenizers make of the beginning of a text


class Stop:
    """Finds the texts in rows of tokens, over which they may be spread in any way."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.texts = list(texts)
        self._num_tail = max((TOKENS_PER_CHARACTER * len(text) for text in texts), default=0) + SPARE_TOKENS

    def ends(self, rows: list[list[int]]) -> list[bool]:
        """Whether each row, whose last token is new, holds one of the texts.

        The end of a row is looked at first, so that long rows cost no more than short ones.
        """
        tails = self.tokenizer.batch_decode([row[-self._num_tail :] for row in rows], skip_special_tokens=False)
        return [self._is_in(tail) and self._is_in(self._decode(row)) for row, tail in zip(rows, tails, strict=True)]

    def first_end(self, row: list[int]) -> int | None:
        """By how many of its tokens a row holds one of the texts; None if it holds none."""
        if not self.texts or not self._is_in(self._decode(row)):
            return None
        return next(num for num in range(1, len(row) + 1) if self._is_in(self._decode(row[:num])))

    def cut(self, text: str) -> str:
        """The text before the first of them."""
        return text[: min((text.index(stop) for stop in self.texts if stop in text), default=len(text))]

    def _is_in(self, text: str) -> bool:
        return any(stop in text for stop in self.texts)

    def _decode(self, row: list[int]) -> str:
        return str(self.tokenizer.decode(row, skip_special_tokens=False))
