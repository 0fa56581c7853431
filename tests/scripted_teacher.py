"""A teacher that writes what a test says: invented word problems, and right, wrong and unreadable solutions of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from synthscale.server.config import ServerConfig
from synthscale.synthesis.config import ServerTeacherConfig
from synthscale.synthesis.pool import Question

SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]


@dataclass(frozen=True)
class Answer:
    """One answer, as a client gives it."""

    text: str
    finished: bool = True
    num_tokens: int = 1


def teacher_config(**keys: Any) -> ServerTeacherConfig:
    """A small pool's config; `server` may hold keys of the server."""
    server = {"model": "scripted", "url": "http://127.0.0.1:9/v1"} | keys.pop("server", {})
    small: dict[str, Any] = {
        "num_problems": 6,
        "num_seed_problems": 2,
        "problem_prompt": "Like these:\n{examples}\nA new one.",
        "solution_prompt": "Solve {problem} with care.",
    }
    return ServerTeacherConfig(name="server", server=ServerConfig(**server), **{**small, **keys})


def invented_word(generator: np.random.Generator) -> str:
    """A word that no other problem has."""
    return "".join(generator.choice(SYLLABLES, 4))


def invented_problem(number: int) -> str:
    """A problem of its own words, whose answer is the sum of its numbers."""
    generator = np.random.default_rng([7, number])
    name, thing, place, friend = (invented_word(generator) for _ in range(4))
    a, b = sum_of(number)
    return f"{name} kept {a} {thing} at {place} until {friend} brought {b}. How many {thing} has {name} at {place} now?"


def sum_of(number: int) -> tuple[int, int]:
    """The two numbers of a problem."""
    return 3 + number, 40 + 7 * number


def solution(answer: int | str, way: int = 0) -> str:
    """A solution that ends with the answer."""
    return f"In way {way} we add what there is.\n#### {answer}"


def right_solutions(number: int, num: int = 4) -> list[Answer]:
    """Distinct right solutions."""
    return [Answer(solution(sum(sum_of(number)), way)) for way in range(num)]


@dataclass
class ScriptedTeacher:
    """Answers each attempt with its problem, and each problem with its solutions; notes what it was asked."""

    problems: dict[int, Answer]  # by attempt; others are invented
    solutions: dict[str, Sequence[Answer]] = field(default_factory=dict)  # by problem; others are right
    asked: list[str] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)  # what stood in the user's turn, by key

    def __call__(self, questions: Sequence[Question], start: int, end: int) -> list[list[Answer]]:
        self.asked += [question.key for question in questions]
        self.users |= {question.key: question.ask.user for question in questions}
        return [self.answer(question) for question in questions]

    def answer(self, question: Question) -> list[Answer]:
        """All samples of one question."""
        kind, number = question.key.split()
        if kind == "problem":
            return [self.problems.get(int(number), Answer(f"<problem>{invented_problem(int(number))}</problem>"))]
        text = question.ask.user.removeprefix("Solve ").removesuffix(" with care.")
        return list(self.solutions.get(text, right_solutions(int(number), question.num_samples)))
