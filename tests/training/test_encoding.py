"""Which tokens an example has, and which of them count."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from synthscale.mixture.example import Example
from synthscale.policy.config import PolicyConfig
from synthscale.policy.prompter import Prompter
from synthscale.training.encoding import EncodedSide, Encoder, keep_divergence

PROMPT = "1 + 2 * 3\n"
CHOSEN = "p1 2 * 3 = 1 | 1 + 1\np0 1 + 1 = 2 | 2"
REJECTED = "p0 1 + 2 = 3 | 3 * 3\np0 3 * 3 = 4 | 4"
BAD_STEP = "p0 1 + 2 = 3 | 3 * 3\n"


def ids_of(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    ("rejected", "complete", "eos_after_prefix", "ending"),
    [
        (REJECTED, True, False, "<eos>"),
        (REJECTED, True, True, "<eos>"),
        (BAD_STEP, False, False, ""),  # a prefix ends in its step's line break, and the model is not told to stop
        (BAD_STEP, False, True, "<eos>"),
    ],
)
def test_the_end_of_sequence_rule(base_policy, rejected, complete, eos_after_prefix, ending):
    tokenizer = base_policy.tokenizer
    encoder = Encoder(base_policy.prompter, eos_after_prefix=eos_after_prefix)
    chosen, wrong = encoder.encode(Example("id", PROMPT, CHOSEN, rejected, rejected_complete=complete)).sides
    assert chosen.ids == ids_of(tokenizer, PROMPT + CHOSEN + "<eos>")
    assert wrong.ids == ids_of(tokenizer, PROMPT + rejected + ending)


def test_solutions_count_with_their_end_and_prompts_do_not(base_policy):
    tokenizer = base_policy.tokenizer
    (side,) = Encoder(base_policy.prompter, eos_after_prefix=False).encode(Example("id", PROMPT, CHOSEN)).sides
    num_prompt = len(ids_of(tokenizer, PROMPT))
    assert side.counted == [False] * num_prompt + [True] * (len(side.ids) - num_prompt)
    assert side.ids[-1] == tokenizer.eos_token_id


@pytest.mark.parametrize(
    ("chosen", "rejected", "complete"),
    [
        (CHOSEN, REJECTED, True),
        (CHOSEN, BAD_STEP, False),
        (CHOSEN, "p1 2 * 3 = 4 | 1 + 4\n", False),
        (CHOSEN, "p1 2 * 3 = 1 | 1 + 1\np0 1 + 1 = 3 | 3", True),
        (CHOSEN, "p1 2 * 3 = 1 | 1 + 1\np0 1 + 1 = 2", True),  # parts where one side ends and the other goes on
    ],
)
def test_divergence_counts_the_first_differing_token_and_no_other(base_policy, chosen, rejected, complete):
    tokenizer = base_policy.tokenizer
    pair = Example("id", PROMPT, chosen, rejected, rejected_complete=complete, divergence_only=True)
    sides = Encoder(base_policy.prompter, eos_after_prefix=False).encode(pair).sides
    (at,), (also,) = ([i for i, counts in enumerate(side.counted) if counts] for side in sides)
    assert at == also
    assert sides[0].ids[:at] == sides[1].ids[:at]
    assert sides[0].ids[at] != sides[1].ids[at]
    assert at >= len(ids_of(tokenizer, PROMPT))


def advantages_of_tokens(prompter, solution: str, steps: list[str]) -> list[tuple[str, float]]:
    """Each token of the solution, as text, with the advantage that it gets: 1, 2, … by step."""
    ends = [len("".join(steps[: i + 1])) for i in range(len(steps))]
    values = tuple(float(i + 1) for i in range(len(steps)))
    example = Example("id", PROMPT, solution, step_ends=tuple(ends), advantages=values)
    (side,) = Encoder(prompter, eos_after_prefix=False).encode(example).sides
    (plain,) = Encoder(prompter, eos_after_prefix=False).encode(Example("id", PROMPT, solution)).sides
    assert (side.ids, side.counted) == (plain.ids, plain.counted) and plain.advantages is None
    assert len(side.advantages) == len(side.ids)
    num_prompt = side.counted.index(True)
    assert side.advantages[:num_prompt] == [0.0] * num_prompt
    texts = [prompter.tokenizer.decode([token]) for token in side.ids[num_prompt:]]
    return list(zip(texts, side.advantages[num_prompt:], strict=True))


def test_a_tokens_advantage_is_its_steps_and_the_last_steps_is_the_ends(base_policy):
    steps = ["p1 2 * 3 = 1 | 1 + 1\n", "p0 1 + 1 = 2 | 2"]
    found = advantages_of_tokens(base_policy.prompter, CHOSEN, steps)
    num_first = len(ids_of(base_policy.tokenizer, steps[0]))
    assert [value for _, value in found] == [1.0] * num_first + [2.0] * (len(found) - num_first)
    assert found[num_first][0] == "p0" and found[-1] == ("<eos>", 2.0)
    assert {value for _, value in advantages_of_tokens(base_policy.prompter, steps[1], steps[1:])} == {1.0}


def test_a_token_over_the_end_of_a_step_is_the_next_steps(merging_prompter):
    """` So`, with the space that is the first sentence's in text, says the second sentence's first word."""
    found = advantages_of_tokens(merging_prompter, "It is. So it goes.\n#", ["It is. ", "So it goes.\n", "#"])
    assert ("\u0120So", 2.0) in [(text.replace(" ", "\u0120"), value) for text, value in found]
    by_step = ["".join(text for text, value in found if value == step) for step in (1.0, 2.0, 3.0)]
    assert by_step == ["It is.", " So it goes.\n", "#</s>"]


@pytest.fixture
def merging_prompter():
    """A tokenizer of bytes that has a token for a space and `So`."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, "</s>", "So", "\u0120So"]
    merges = [("S", "o"), ("\u0120", "So")]
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", pad_token="</s>")
    return Prompter(fast, PolicyConfig())


def test_steps_without_their_advantages_are_refused(base_policy):
    example = Example("id", PROMPT, CHOSEN, step_ends=(5, len(CHOSEN)), advantages=(0.5,))
    with pytest.raises(ValueError, match="zip"):
        Encoder(base_policy.prompter, eos_after_prefix=False).encode(example)


@pytest.mark.parametrize(("first", "second"), [([1, 2, 3], [1, 2, 3]), ([1, 2, 3], [1, 2]), ([1], [1, 2]), ([], [1])])
def test_sides_that_do_not_part_have_no_divergence(first, second):
    sides = [EncodedSide(ids, [True] * len(ids)) for ids in (first, second)]
    with pytest.raises(ValueError, match="do not differ"):
        keep_divergence(*sides)
