"""Examples as tokens, with the mask of those that count in a loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from synthscale.mixture.example import Example
from synthscale.policy.prompter import Prompter

EXAMPLES_PER_BATCH = 1024  # tokenized in one call


@dataclass(frozen=True, slots=True)
class EncodedSide:
    """One sequence: a prompt and a solution, or the part of it that a pair's side has."""

    ids: list[int]
    counted: list[bool]  # as long as ids

    @property
    def num_counted(self) -> int:
        """How many tokens count."""
        return sum(self.counted)


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """A positive (one side) or a pair (chosen, rejected)."""

    sides: tuple[EncodedSide, ...]

    @property
    def is_pair(self) -> bool:
        """Whether there is a rejected side."""
        return len(self.sides) == 2


class Encoder:
    """Turns examples into tokens of one model."""

    def __init__(self, prompter: Prompter, *, eos_after_prefix: bool) -> None:
        self.prompter = prompter
        self.eos_after_prefix = eos_after_prefix

    def encode(self, example: Example) -> EncodedExample:
        """The example's sides; with `divergence_only`, the first differing token alone counts on each."""
        return next(self.encode_all([example]))

    def encode_all(self, examples: Iterable[Example]) -> Iterator[EncodedExample]:
        """Each example as `encode` has it, in their order; tokenized in batches."""
        stream = iter(examples)
        while batch := list(islice(stream, EXAMPLES_PER_BATCH)):
            prompts = list(dict.fromkeys(example.prompt for example in batch))
            texts = list(dict.fromkeys(text for e in batch for text in (e.chosen, e.rejected) if text is not None))
            ids_of_prompt = dict(zip(prompts, self.prompter.all_ids(prompts), strict=True))
            ids_of_text = dict(zip(texts, self.prompter.all_solution_ids(texts), strict=True))
            for example in batch:
                yield self._put_together(example, ids_of_prompt[example.prompt], ids_of_text)

    def _put_together(
        self, example: Example, prompt: list[int], ids_of_text: Mapping[str, list[int]]
    ) -> EncodedExample:
        chosen = self._side(prompt, ids_of_text[example.chosen], complete=True)
        if example.rejected is None:
            return EncodedExample((chosen,))
        rejected = self._side(prompt, ids_of_text[example.rejected], complete=example.rejected_complete)
        if example.divergence_only:
            return EncodedExample(keep_divergence(chosen, rejected))
        return EncodedExample((chosen, rejected))

    def _side(self, prompt: list[int], solution: list[int], *, complete: bool) -> EncodedSide:
        """Prompt and solution; a complete one ends in the end-of-sequence token."""
        if complete or self.eos_after_prefix:
            solution = [*solution, self.prompter.tokenizer.eos_token_id]
        return EncodedSide(prompt + solution, [False] * len(prompt) + [True] * len(solution))


def keep_divergence(chosen: EncodedSide, rejected: EncodedSide) -> tuple[EncodedSide, EncodedSide]:
    """The same sides with one counted token each: the first that differs.

    Raises:
        ValueError: if one side is the beginning of the other, so that nothing differs.
    """
    for i, (a, b) in enumerate(zip(chosen.ids, rejected.ids, strict=False)):
        if a != b:
            return only(chosen, i), only(rejected, i)
    raise ValueError("a pair's sides do not differ, so it has no diverging token.")


def only(side: EncodedSide, position: int) -> EncodedSide:
    """The side with one counted token."""
    return EncodedSide(side.ids, [i == position for i in range(len(side.ids))])
