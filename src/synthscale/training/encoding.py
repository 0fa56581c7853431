"""Examples as tokens, with the mask of those that count in a loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    advantages: list[float] | None = None  # as long as ids: of the step that a token belongs to, 0 of others

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
            texts = list(dict.fromkeys(text for example in batch for text in texts_of(example)))
            ids_of_prompt = dict(zip(prompts, self.prompter.all_ids(prompts), strict=True))
            ids_of_text = dict(zip(texts, self.prompter.all_solution_ids(texts), strict=True))
            for example in batch:
                yield self._put_together(example, ids_of_prompt[example.prompt], ids_of_text)

    def _put_together(
        self, example: Example, prompt: list[int], ids_of_text: Mapping[str, list[int]]
    ) -> EncodedExample:
        chosen = self._side(prompt, ids_of_text[example.chosen], complete=True)
        if example.advantages is not None:
            return EncodedExample((with_advantages(chosen, len(prompt), example, ids_of_text),))
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


def texts_of(example: Example) -> Iterator[str]:
    """The texts that are tokenised: the sides, and where steps have advantages the prefixes that end with a step."""
    yield example.chosen
    if example.rejected is not None:
        yield example.rejected
    yield from prefixes_of(example)


def prefixes_of(example: Example) -> list[str]:
    """The first 1 … L−1 steps of an example whose steps have advantages."""
    return [example.chosen[:end] for end in (example.step_ends or ())[:-1]]


def with_advantages(
    side: EncodedSide, num_prompt: int, example: Example, ids_of_text: Mapping[str, list[int]]
) -> EncodedSide:
    """The side with the advantage of each token's step.

    A step's prefix is tokenised by itself, as it is to roll out from it; the tokens that it shares with the whole
    solution are those of its steps, and one that reaches over its end is the next step's. The end of sequence is the
    last step's.

    Raises:
        ValueError: if steps and advantages are not equally many.
    """
    assert example.advantages is not None
    solution = side.ids[num_prompt:]
    ends = [num_shared(ids_of_text[prefix], solution) for prefix in prefixes_of(example)]
    advantages, start = [0.0] * num_prompt, 0
    for end, advantage in zip([*ends, len(solution)], example.advantages, strict=True):
        advantages += [advantage] * (end - start)
        start = max(start, end)
    return EncodedSide(side.ids, side.counted, advantages)


def num_shared(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens both begin with."""
    differ = (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    return next(differ, min(len(first), len(second)))


def keep_divergence(chosen: EncodedSide, rejected: EncodedSide) -> tuple[EncodedSide, EncodedSide]:
    """The same sides with one counted token each: the first that differs.

    Raises:
        ValueError: if one side is the beginning of the other, so that nothing differs.
    """
    shared = num_shared(chosen.ids, rejected.ids)
    if shared == min(len(chosen.ids), len(rejected.ids)):
        raise ValueError("a pair's sides do not differ, so it has no diverging token.")
    return only(chosen, shared), only(rejected, shared)


def only(side: EncodedSide, position: int) -> EncodedSide:
    """The side with one counted token."""
    return EncodedSide(side.ids, [i == position for i in range(len(side.ids))])
