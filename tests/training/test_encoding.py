"""Which tokens an example has, and which of them count."""

from __future__ import annotations

import pytest

from synthscale.mixture.example import Example
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


@pytest.mark.parametrize(("first", "second"), [([1, 2, 3], [1, 2, 3]), ([1, 2, 3], [1, 2]), ([1], [1, 2]), ([], [1])])
def test_sides_that_do_not_part_have_no_divergence(first, second):
    sides = [EncodedSide(ids, [True] * len(ids)) for ids in (first, second)]
    with pytest.raises(ValueError, match="do not differ"):
        keep_divergence(*sides)
