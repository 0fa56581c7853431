"""The pool: attempts at new problems, in waves, until as many are kept as were asked for.

An attempt's fate depends on its own answers and on the attempts before it, whatever the waves: the pool is the first
problems that come through, in the order of their attempts. A wave has as many attempts as problems are missing, so that
no more is paid for than is kept or dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from synthscale.problem import Problem, Task, Verdict
from synthscale.synthesis.agreement import agreed_answer, ballot, is_marked, votes_of
from synthscale.synthesis.config import ServerTeacherConfig
from synthscale.synthesis.prompts import Ask, problem_ask, read_problem, solution_ask, without_thoughts
from synthscale.synthesis.screen import Reason, Screen

MAX_WAVE = 1024  # attempts that are under way together, and so in memory


class Said(Protocol):
    """One answer of the teacher's."""

    @property
    def text(self) -> str:
        """What it wrote."""
        ...

    @property
    def finished(self) -> bool:
        """Whether it came to an end by itself."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be asked under one name, which the journal keeps the answers by."""

    key: str
    ask: Ask
    num_samples: int
    temperature: float
    max_tokens: int


Teacher = Callable[[Sequence[Question], int, int], Sequence[Sequence[Said]]]
"""Answers all questions, in their order; while it does, the pool may go from so many problems to so many."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """`dropped.parquet` of teach: a problem, or a trace of a problem that was kept, and why it was dropped."""

    attempt: int
    reason: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Taught:
    """A problem of the pool, its traces, and what was dropped of those."""

    attempt: int
    problem: Problem
    traces: list[str]
    dropped: list[Dropped]


def fill_pool(
    config: ServerTeacherConfig, task: Task, screen: Screen, teacher: Teacher, max_wave: int = MAX_WAVE
) -> Iterator[Taught | Dropped]:
    """Problems that are kept, `config.num_problems` of them, and what is dropped between them, as it turns out.

    Raises:
        ValueError: when the attempts are used up, with the counts by reason.
    """
    limit = config.max_attempts_per_problem * config.num_problems
    first, num_kept, dropped = 0, 0, Counter[str]()
    while num_kept < config.num_problems:
        if first == limit:
            reasons = ", ".join(f"{reason} {number}" for reason, number in dropped.most_common())
            raise ValueError(
                f"The teacher gave {num_kept} of {config.num_problems} problems in {limit} attempts (dropped: {reasons}"
                f"): raise teacher.max_attempts_per_problem to go on, or mend the prompts."
            )
        end = min(first + config.num_problems - num_kept, first + max_wave, limit)
        for result in attempt_wave(config, task, screen, teacher, range(first, end), num_kept):
            yield result
            num_kept += isinstance(result, Taught)
            dropped.update([result.reason] if isinstance(result, Dropped) else [])
        first = end


def attempt_wave(
    config: ServerTeacherConfig, task: Task, screen: Screen, teacher: Teacher, attempts: Sequence[int], num_kept: int
) -> Iterator[Taught | Dropped]:
    """Ask for one problem an attempt, and for solutions of those that pass; the outcomes in the attempts' order."""
    half, most = num_kept + len(attempts) // 2, num_kept + len(attempts)
    answers = teacher([problem_question(config, screen, attempt) for attempt in attempts], num_kept, half)
    outcomes: dict[int, Dropped | str] = {}
    for attempt, (said,) in zip(attempts, answers, strict=True):
        text = read_problem(said.text)
        objection = screen.objection(text, said.finished, attempt)
        outcomes[attempt] = Dropped(attempt, objection[0].value, text, objection[1]) if objection else text
    passed = {attempt: text for attempt, text in outcomes.items() if isinstance(text, str)}
    questions = [solution_question(config, text, attempt) for attempt, text in passed.items()]
    solutions = dict(zip(passed, teacher(questions, half, most), strict=True))
    for attempt, outcome in outcomes.items():
        yield outcome if isinstance(outcome, Dropped) else settle(config, task, attempt, outcome, solutions[attempt])


def settle(
    config: ServerTeacherConfig, task: Task, attempt: int, text: str, solutions: Sequence[Said]
) -> Taught | Dropped:
    """Have the solutions vote for the reference answer, and keep the traces that the verifier accepts."""
    traces = [task.solution(without_thoughts(said.text)) for said in solutions]
    finished = [trace if said.finished else None for said, trace in zip(solutions, traces, strict=True)]
    votes = votes_of(task, text, finished)
    answer = agreed_answer(votes, config.min_agreement)
    if answer is None:
        return Dropped(attempt, Reason.DISAGREEMENT.value, text, ballot(votes))
    problem, kept, dropped = Problem(text, answer), dict[str, str](), list[Dropped]()
    for said, trace in zip(solutions, traces, strict=True):
        words = " ".join(trace.split())
        reason = objection_to_trace(task, problem, trace, said.finished)
        if reason is None and words in kept:
            reason = Reason.TRACE_REPEATED
        if reason is None:
            kept[words] = trace
        else:
            dropped.append(Dropped(attempt, reason.value, trace, f"of a problem whose answer is {answer[:100]}"))
    if not kept:
        return Dropped(attempt, Reason.UNVERIFIED.value, text, ballot(votes))
    return Taught(attempt, problem, list(kept.values()), dropped)


def objection_to_trace(task: Task, problem: Problem, trace: str, finished: bool) -> Reason | None:
    """Why a trace is no right solution; None where it is one."""
    if not finished:
        return Reason.TRACE_CUT
    if not is_marked(trace):
        return Reason.TRACE_UNMARKED
    return {
        Verdict.CORRECT: None,
        Verdict.WRONG: Reason.TRACE_WRONG,
        Verdict.UNPARSEABLE: Reason.TRACE_UNPARSEABLE,
        Verdict.TIMEOUT: Reason.TRACE_TIMEOUT,
    }[task.verdict(problem, trace)]


def problem_question(config: ServerTeacherConfig, screen: Screen, attempt: int) -> Question:
    """A new problem."""
    ask = problem_ask(config, screen.seeds, attempt)
    return Question(f"problem {attempt}", ask, 1, config.problem_temperature, config.max_problem_tokens)


def solution_question(config: ServerTeacherConfig, problem: str, attempt: int) -> Question:
    """Solutions of one."""
    ask = solution_ask(config, problem, attempt)
    key, number = f"solutions {attempt}", config.num_solutions
    return Question(key, ask, number, config.solution_temperature, config.max_solution_tokens)
