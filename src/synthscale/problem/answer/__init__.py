"""The verifier: what a text's final answer is, and whether it equals the reference."""

from synthscale.problem.answer.grade import Grade, Side
from synthscale.problem.answer.grader import Grader
from synthscale.problem.answer.policy import (
    AnswerPolicy,
    IntervalEnds,
    LetterCase,
    Ordering,
    Percent,
    Presence,
    Unmarked,
)

__all__ = [
    "AnswerPolicy",
    "Grade",
    "Grader",
    "IntervalEnds",
    "LetterCase",
    "Ordering",
    "Percent",
    "Presence",
    "Side",
    "Unmarked",
]
