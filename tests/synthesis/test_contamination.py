"""No problem that holds a piece of a held-out one passes, however it is set; others do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthscale.synthesis.contamination import HeldOut
from synthscale.synthesis.words import masked, runs, words_of

SAMPLE = Path(__file__).parents[1] / "problem" / "gsm8k_sample.jsonl"
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
WORDS = LONG.split()

WORDS_OF = [
    ("Mr. Lee\u2019s car isn't red.", ["mr", "lees", "car", "isnt", "red"]),
    ("It costs $20,000.50, or .10 a page", ["it", "costs", "20000.50", "or", ".10", "a", "page"]),
    ("x2 + \\frac{1}{2} \u00bd", ["x", "2", "frac", "1", "2", "1", "2"]),  # NFKC: one half is 1, a slash and 2
    ("\uff21BC  \u00c9t\u00e9", ["abc", "\u00e9t\u00e9"]),
    ("$ + - ?", []),
]

PROBLEMS = [  # held out, ours, the length of a run, what they share
    (LONG, "and " + " ".join(WORDS[1:14]) + " and", 13, " ".join(WORDS[1:14])),
    (LONG, " ".join(WORDS[:12]) + " and " + " ".join(WORDS[12:]), 13, None),  # 12 in a row
    (LONG, " ".join(WORDS[:12]) + " and more of that", 12, " ".join(WORDS[:12])),
    (LONG, LONG.upper().replace(" ", ", "), 13, " ".join(WORDS[:13])),
    (LONG, " ".join(WORDS[::-1]), 13, None),
    # other numbers: the same run; and what is shown are our own words
    (
        "Ann has 12 red and 1,000 blue pens in her old box",
        "Ann has 7 red and 31 blue pens in her old box",
        10,
        "ann has",
    ),
    ("Ann has 12 red and 15 blue pens in her old box", "Ann has few red and 15 blue pens in her old box", 10, None),
    # theirs is shorter than a run, and stands in ours
    (
        "What is the sum of 2 and 3?",
        "Tell me: what is the sum of 2 and 3? Now double it.",
        13,
        "what is the sum of 2 and 3",
    ),
    ("What is the sum of 2 and 3?", "Tell me: what is the sum of 2 and 4? Now double it.", 13, None),
    ("What is the sum of 2 and 3?", "What then is the sum of 2 and 3?", 13, None),
    # ours is shorter than a run, and stands in theirs
    (f"{LONG} sixteen", "Eleven, twelve: thirteen?", 13, "eleven twelve thirteen"),
    (f"{LONG} sixteen", "Eleven, thirteen?", 13, None),
    ("cathode ray", "the ray", 13, None),  # whole words
    ("$ + $", "What is that?", 13, None),  # a held-out problem of signs alone is in no other
    (LONG, "", 13, None),
]


@pytest.mark.parametrize(("text", "words"), WORDS_OF)
def test_words(text, words):
    assert words_of(text) == words


def test_numbers_are_one_word_and_runs_are_of_their_length():
    assert masked(["a", "12", "0.5", ".10", "b2b"]) == ["a", "0", "0", "0", "b2b"]
    assert runs(["a", "b", "c"], 2) == ["a b", "b c"]
    assert runs(["a"], 2) == []


@pytest.mark.parametrize(("theirs", "ours", "num_words", "shared"), PROBLEMS)
def test_what_is_shared(theirs, ours, num_words, shared):
    found = HeldOut(["Something else that nobody asked for, at all.", theirs], num_words).shared(ours)
    assert found is None if shared is None else found is not None and found.startswith(shared)


def test_no_run_goes_from_one_held_out_problem_to_the_next():
    assert HeldOut(["red green blue", "black white"], 13).shared("blue black") is None


def test_every_held_out_problem_is_found_whole_and_none_of_the_others():
    texts = [json.loads(line)["question"] for line in SAMPLE.read_text().splitlines()]
    held_out = HeldOut(texts[20:], 13)
    assert all(held_out.shared(f"Well. {text} Say it.") for text in texts[20:])
    assert [held_out.shared(text) for text in texts[:20]] == [None] * 20
