"""Solutions vote for the reference answer: enough of all that were asked, and one answer alone in the lead."""

from __future__ import annotations

import pytest

from synthscale.synthesis.agreement import agreed_answer, ballot, votes_of

VOTES = [  # answers, share that is needed, the answer
    (["18", "18", "18", "18"], 1.0, "18"),
    (["18", "18", "18", "20"], 1.0, None),
    (["18", "18", "20", "20"], 0.5, None),  # two in the lead
    (["18", "18", "20", "21"], 0.5, "18"),
    (["18", "20", "21", "22"], 0.25, None),
    (["18", "18", None, None], 0.5, "18"),  # what has no answer has no vote, but counts
    (["18", "18", None, None], 0.51, None),
    (["18", None, None, None], 0.5, None),
    ([None, None, None], 0.1, None),
    ([], 0.5, None),
    (["a", "b", "b", "a", "b"], 0.6, "b"),  # 0.6 of 5 is 3 exactly, whatever floats make of it
    (["7"] * 7 + ["8"] * 3, 0.7, "7"),
    (["7"] * 29 + ["8"] * 71, 0.71, "8"),
]


@pytest.mark.parametrize(("answers", "share", "agreed"), VOTES)
def test_agreement(answers, share, agreed):
    assert agreed_answer(answers, share) == agreed
    assert agreed_answer(answers[::-1], share) == agreed


def test_the_votes_can_be_looked_at():
    assert ballot(["18", None, "20", "18"]) == "18: 2, none: 1, 20: 1"


SOLUTIONS = [  # solutions, and what they vote for
    (["#### 18", "#### 18.0", "so $\\boxed{18}$", "The answer is 18."], ["18"] * 4),
    (["#### 18", "#### 20", "#### 18"], ["18", "20", "18"]),
    (["#### 1/2", "#### 0.5"], ["1/2", "1/2"]),
    (["We have 18 left.", "18", "**18**", "$= 18$"], [None] * 4),  # guesses at what is meant
    ([None, "#### 3", ""], [None, "3", None]),
    # formulas: the verifier says which are the same, and the first spelling stands for all
    (["\\boxed{\\frac{\\sqrt{3}}{2}}", "\\boxed{\\sqrt{3}/2}"], ["\\frac{\\sqrt{3}}{2}"] * 2),
    (["\\boxed{x+1}", "\\boxed{x-1}", "\\boxed{1+x}"], ["x+1", "x-1", "x+1"]),
]


@pytest.mark.parametrize(("solutions", "votes"), SOLUTIONS)
def test_what_solutions_vote_for(gsm8k, solutions, votes):
    assert votes_of(gsm8k, "How many?", solutions) == votes
