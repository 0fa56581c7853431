"""Every filter drops what it is there for, and lets the rest pass; what passed is known to all that follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripted_teacher import invented_problem, teacher_config
from synthscale.problem import Split
from synthscale.synthesis.screen import Reason, Screen

OTHERS = Path(__file__).parents[1] / "problem" / "gsm8k_sample.jsonl"


@pytest.fixture
def screen(gsm8k_config, gsm8k) -> Screen:
    """Of sixteen seed problems, four validation and eight test problems."""
    return Screen(teacher_config(max_problem_characters=600), gsm8k_config, gsm8k)


def reason(screen: Screen, problem: str, attempt: int = 9, finished: bool = True) -> str | None:
    found = screen.objection(problem, finished, attempt)
    return None if found is None else found.reason.value


OF_FORM = [
    ("", True, "empty"),
    ("How many have", False, "cut"),
    ("", False, "cut"),
    ("How many? " + "x" * 600, True, "too_long"),
    ("How many is 1 + 1?\n#### 2", True, "solved"),
    ("Compute $1 + 1$. It is $\\boxed{2}$.", True, "solved"),
    ("Velma had 7 kites and 3 of them flew away.", True, "no_question"),
    ("Velma had 7 kites and 3 of them flew away. How many has she?", True, None),
    ("Velma had 7 kites and 3 of them flew away. Calculate how many she has left.", True, None),
    ("\u8ba1\u7b97\u4e00\u4e0b\uff1f", True, None),
]


@pytest.mark.parametrize(("problem", "finished", "why"), OF_FORM)
def test_form(screen, problem, finished, why):
    assert reason(screen, problem, finished=finished) == why


@pytest.mark.parametrize("split", [Split.TEST, Split.VALIDATION])
def test_held_out_problems_do_not_pass_whole_in_parts_or_with_other_words(screen, gsm8k, split):
    number = {Split.TEST: 8, Split.VALIDATION: 4}[split]
    for problem in gsm8k.problems(split, number, 0):
        words = problem.text.split()
        for text in (problem.text, problem.text.upper(), f"Now then: {problem.text}"):
            assert reason(screen, text) == "contaminated"
        assert reason(screen, f"It is so that {' '.join(words[-16:])} How many?") == "contaminated"


def test_a_test_problem_without_a_long_run_of_words_in_common_is_found_by_its_shingles(gsm8k_config, gsm8k):
    screen = Screen(teacher_config(duplicate_similarity=0.5), gsm8k_config, gsm8k)
    words = gsm8k.problems(Split.TEST, 1, 0)[0].text.split()
    text = " ".join("so" if place % 11 == 10 else word for place, word in enumerate(words)) + " How many?"
    found = screen.objection(text, True, 1)
    assert found is not None and found.reason is Reason.CONTAMINATED and "to a test problem" in found.detail


def test_training_problems_are_duplicates_and_with_other_numbers_near_ones(screen, gsm8k):
    for problem in gsm8k.problems(Split.TRAIN, 16, 0):
        assert reason(screen, f" {problem.text.upper()}\n") == "duplicate"
        assert reason(screen, problem.text.replace("1", "3").replace("2", "7").replace("5", "9")) in (
            "near_duplicate",
            "duplicate",  # without such a number
        )


def test_what_passed_is_known_to_what_follows_and_what_did_not_is_not(screen):
    text = invented_problem(1)
    assert reason(screen, f"{text}\n#### 2", attempt=3) == "solved"
    assert reason(screen, text, attempt=4) is None
    again, other = screen.objection(f"{text} ", True, 5), screen.objection(text.replace("4", "9"), True, 6)
    assert again == (Reason.DUPLICATE, "the same as attempt 4")
    assert other == (Reason.NEAR_DUPLICATE, "similarity 1.000 to attempt 4")


def test_real_problems_that_are_not_in_the_data_set_all_pass(gsm8k_config, gsm8k):
    """The sample's first ten as the teacher's, held against a data set of the others."""
    texts = [json.loads(line)["question"] for line in OTHERS.read_text().splitlines()]
    known = {problem.text for split in Split for problem in gsm8k.problems(split, len(gsm8k.rows.of(split)), 0)}
    assert known == set(texts)

    class Others:
        def problems(self, split, num_problems, seed):
            kept = [p for p in gsm8k.problems(split, num_problems, seed) if p.text not in texts[:10]]
            return kept[:num_problems]

    screen = Screen(teacher_config(), gsm8k_config, Others())
    assert [screen.objection(text, True, number) for number, text in enumerate(texts[:10])] == [None] * 10
