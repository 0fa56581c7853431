"""The cheap filters: what a new problem has to be before its solutions are paid for."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from synthscale.problem import Split, Task, TaskConfig
from synthscale.problem.rows import as_asked
from synthscale.synthesis.config import ServerTeacherConfig
from synthscale.synthesis.contamination import HeldOut, digest
from synthscale.synthesis.prompts import holds_solution
from synthscale.synthesis.similarity import Neighbours

# a question mark, or a word that asks: some 4 % of GSM8K's problems, and most of MATH's, only say what to do
_ASKS = re.compile(
    r"[?\uff1f]|\b(?:how|what|which|when|where|who|whose|why|find|calculate|compute|determine|evaluate|simplify|solve|"
    r"express|expand|factor|factorize|factorise|convert|write|give|state|list|count|estimate|round|prove|show|name|"
    r"identify|rationalize|rationalise|graph|add|subtract|multiply|divide|enter|let)\b",
    re.IGNORECASE,
)


class Reason(StrEnum):
    """Why something of the teacher's was dropped."""

    CUT = "cut"  # the problem came to the limit of tokens
    EMPTY = "empty"
    TOO_LONG = "too_long"
    SOLVED = "solved"  # the problem comes with its solution
    NO_QUESTION = "no_question"
    CONTAMINATED = "contaminated"  # like a test or validation problem
    DUPLICATE = "duplicate"  # of a training problem or an earlier one of the pool's
    NEAR_DUPLICATE = "near_duplicate"
    DISAGREEMENT = "disagreement"  # too few solutions share an answer
    UNVERIFIED = "unverified"  # the verifier accepts no trace of the answer that was agreed on
    TRACE_CUT = "trace_cut"  # of a problem that was kept, as all that follow
    TRACE_UNMARKED = "trace_unmarked"  # says nowhere what its answer is
    TRACE_WRONG = "trace_wrong"
    TRACE_UNPARSEABLE = "trace_unparseable"
    TRACE_TIMEOUT = "trace_timeout"
    TRACE_REPEATED = "trace_repeated"


class Objection(NamedTuple):
    """What a filter has against a problem."""

    reason: Reason
    detail: str


class Screen:
    """Knows D_real, the held-out problems, and every new problem that it let pass.

    A new problem is held against all that passed, also those whose solutions disagree later: so it depends on the
    attempts before it alone, and a copy of a problem that nobody agrees on is not paid for again.
    """

    def __init__(self, config: ServerTeacherConfig, task: TaskConfig, source: Task) -> None:
        self.config = config
        self.seeds = [problem.text for problem in source.problems(Split.TRAIN, task.max_data_size, 0)]
        test = [problem.text for problem in source.problems(Split.TEST, task.max_test, 0)]
        validation = [problem.text for problem in source.problems(Split.VALIDATION, task.max_validation, 0)]
        self._held_out = HeldOut([*test, *validation], config.contamination_words)
        self._neighbours = Neighbours(config.duplicate_similarity, config.shingle_words)
        self._known: dict[bytes, str] = {}
        for name, texts in (("test", test), ("validation", validation), ("training", self.seeds)):
            for text in texts:
                self._remember(text, f"a {name} problem")

    def objection(self, problem: str, finished: bool, attempt: int) -> Objection | None:
        """What is wrong with an attempt's problem; None lets it pass, and remembers it."""
        found = self._of_form(problem, finished) or self._of_others(problem)
        if found is None:
            self._remember(problem, f"attempt {attempt}")
        return found

    def _of_form(self, problem: str, finished: bool) -> Objection | None:
        limit = self.config.max_problem_characters
        if not finished:
            return Objection(Reason.CUT, f"after {self.config.max_problem_tokens} tokens")
        if not problem:
            return Objection(Reason.EMPTY, "")
        if len(problem) > limit:
            return Objection(Reason.TOO_LONG, f"{len(problem)} characters, of at most {limit}")
        if holds_solution(problem):
            return Objection(Reason.SOLVED, "")
        return None if _ASKS.search(problem) else Objection(Reason.NO_QUESTION, "")

    def _of_others(self, problem: str) -> Objection | None:
        known = self._known.get(digest(as_asked(problem)))
        if known is not None:
            return Objection(_of_kin(known, Reason.DUPLICATE), f"the same as {known}")
        shared = self._held_out.shared(problem)
        if shared is not None:
            return Objection(Reason.CONTAMINATED, f"shares with a held-out problem: {shared}")
        near = self._neighbours.nearest(problem)
        if near is None:
            return None
        return Objection(_of_kin(near.name, Reason.NEAR_DUPLICATE), f"similarity {near.similarity:.3f} to {near.name}")

    def _remember(self, text: str, name: str) -> None:
        self._known.setdefault(digest(as_asked(text)), name)
        self._neighbours.add(text, name)


def _of_kin(name: str, reason: Reason) -> Reason:
    return Reason.CONTAMINATED if name in ("a test problem", "a validation problem") else reason
