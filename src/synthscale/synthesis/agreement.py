"""The reference answer of a new problem: what enough of its solutions agree on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from synthscale.problem import Problem, Task, Verdict
from synthscale.problem.answer.extract import extract
from synthscale.problem.rows import MARKED


def votes_of(task: Task, text: str, traces: Sequence[str | None]) -> list[str | None]:
    """The answer that each solution of a problem votes for; None for one that has no vote, or is None itself.

    A number has one form, whatever its spelling. Of other answers the verifier says which are the same: a solution
    votes for the first answer before it that the verifier takes its own for.
    """
    votes: list[str | None] = []
    for trace in traces:
        answer = task.answer(trace) if trace is not None and is_marked(trace) else None
        known = dict.fromkeys(vote for vote in votes if vote is not None)
        if trace is not None and answer is not None and answer not in known:
            same = (vote for vote in known if task.verdict(Problem(text, vote), trace) is Verdict.CORRECT)
            answer = next(same, answer)
        votes.append(answer)
    return votes


def is_marked(trace: str) -> bool:
    """Whether the solution says what its answer is, as prompts ask for: a guess at its prose is no vote."""
    return extract(trace).rule in MARKED


def agreed_answer(answers: Sequence[str | None], min_agreement: float) -> str | None:
    """The answer that leads alone and has the share of all solutions; None where there is none.

    A solution without a vote counts as one that was asked.
    """
    ranking = Counter(answer for answer in answers if answer is not None).most_common(2)
    if not ranking or (len(ranking) == 2 and ranking[0][1] == ranking[1][1]):
        return None
    answer, votes = ranking[0]
    return answer if votes >= min_agreement * len(answers) - 1e-9 else None


def ballot(answers: Sequence[str | None]) -> str:
    """The votes to look at: `18: 2, 20: 1, none: 1`."""
    votes = Counter("none" if answer is None else answer[:100] for answer in answers)
    return ", ".join(f"{answer}: {number}" for answer, number in votes.most_common())
