"""What an attempt asks depends on its number and the seed alone; and an answer is read however it is wrapped."""

from __future__ import annotations

import pytest

from scripted_teacher import teacher_config
from synthscale.synthesis.prompts import holds_solution, problem_ask, read_problem, solution_ask, without_thoughts

SEEDS = [f"seed problem {letter}" for letter in "abcdefgh"]
PROBLEM = "Ann has 2 pens. How many has she?"

READ = [
    PROBLEM,
    f"<problem>{PROBLEM}</problem>",
    f"<problem>\n{PROBLEM}\n</problem>\nI hope that it helps.",
    f"Sure!\n<Problem>\n{PROBLEM}\n</Problem>",
    f"<problem>\n{PROBLEM}",  # not closed
    f"<problem>A draft.</problem> Better:\n<problem>{PROBLEM}</problem>",
    f"<think>Let me <problem>think</problem>.</think>\n\n{PROBLEM}",
    f"Hm, say <problem>x</problem>.\n</think>\n<problem>{PROBLEM}</problem>",  # the template opened it
    f"<thinking>\n\n</thinking>{PROBLEM}",
    f"Problem: {PROBLEM}",
    f"**Problem:** {PROBLEM}",
    f"**Problem**: {PROBLEM}",
    f"### Problem\n\n{PROBLEM}",
    f"## New problem:\n{PROBLEM}",
    f"Problem 5: {PROBLEM}",
    f"Question:\n{PROBLEM}",
    f"Here is a new problem:\n\n{PROBLEM}",
    f"Here's the new math word problem: {PROBLEM}",
    f"> {PROBLEM}",
    f"```\n{PROBLEM}\n```",
    f"```text\nProblem: {PROBLEM}\n```",
    f'"{PROBLEM}"',
    f"\u201c{PROBLEM}\u201d",
    f"  {PROBLEM}\n\n",
]

AS_IT_IS = [
    "Problem solving is what Ann does for 2 hours. How long is that?",
    "Here is a farm with 3 cows: how many legs have they?",
    "**Ann** has 2 pens. How many?",
    'She said "two" and "three". What is the sum of what she said, "in words"?',
    "Compute $\\{x\\} + {examples}$.",
    "Let $f(x) = <x, x>$. Find $f(2)$.",
]

NOTHING = [
    "",
    "  \n",
    "<think>I could not end my thou",
    "<problem></problem>",
    "<problem>\n\n</problem> ",
    "**Problem:**",
]

SOLVED = [
    f"{PROBLEM}\n#### 2",
    f"{PROBLEM} The answer is $\\boxed{{2}}$.",
    f"{PROBLEM}\n\nSolution: two",
    f"{PROBLEM}\n**Answer:** two",
]


@pytest.mark.parametrize("text", READ)
def test_the_problem_is_found(text):
    assert read_problem(text) == PROBLEM


@pytest.mark.parametrize("text", AS_IT_IS)
def test_what_looks_like_wrapping_and_is_none_stays(text):
    assert read_problem(text) == text


@pytest.mark.parametrize("text", NOTHING)
def test_nothing_is_read_where_there_is_nothing(text):
    assert read_problem(text) == ""


@pytest.mark.parametrize("text", SOLVED)
def test_a_problem_with_its_solution_is_seen(text):
    assert holds_solution(read_problem(text))
    assert not holds_solution(PROBLEM)


def test_thoughts_are_no_part_of_a_solution():
    assert without_thoughts("<think>2? 3? #### 3</think>Ann has 2.\n#### 2\n") == "Ann has 2.\n#### 2"


def test_half_a_character_is_replaced_since_no_table_can_hold_it():
    assert read_problem("How many \ud83d?").encode() == b"How many ??"
    assert without_thoughts("\udc00 #### 2") == "? #### 2"


def test_an_attempt_asks_the_same_whenever_it_is_asked():
    config = teacher_config(num_seed_problems=3)
    asks = [problem_ask(config, SEEDS, attempt) for attempt in range(50)]
    assert asks == [problem_ask(config, SEEDS, attempt) for attempt in reversed(range(50))][::-1]
    assert len({ask.seed for ask in asks}) == 50
    assert len({ask.user for ask in asks}) > 40  # of 336 ways to show three of eight
    assert all(0 <= ask.seed < 2**31 for ask in asks)
    assert asks != [problem_ask(teacher_config(num_seed_problems=3, seed=1), SEEDS, attempt) for attempt in range(50)]


def test_seed_problems_are_shown_whole_each_once_and_all_of_them_in_time():
    config, shown = teacher_config(num_seed_problems=3), []
    for attempt in range(60):
        user = problem_ask(config, SEEDS, attempt).user
        found = [seed for seed in SEEDS if f"<problem>\n{seed}\n</problem>" in user]
        assert len(found) == user.count("<problem>") == 3
        shown += found
    assert set(shown) == set(SEEDS)


def test_templates_are_filled_and_not_formatted():
    system = "You solve {problem} with {examples}."
    config = teacher_config(solution_prompt="{x} \\boxed{} {problem} {0}", solution_system_prompt=system)
    ask = solution_ask(config, "$\\frac{1}{2} {problem}$", 3)
    assert (ask.system, ask.user) == (system, "{x} \\boxed{} $\\frac{1}{2} {problem}$ {0}")
    assert ask.seed != problem_ask(config, SEEDS, 3).seed
