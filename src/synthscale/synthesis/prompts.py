"""What the teacher is asked, and how its answers are read.

Templates are filled by replacement and not by format, since LaTeX is full of braces. What an attempt asks depends on
its number and the teacher's seed alone. Answers are data: nothing in them is run or looked up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthscale.synthesis.config import ServerTeacherConfig

_THOUGHTS = re.compile(r"<(think|thinking)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHTS_END = re.compile(r"</(?:think|thinking)>", re.IGNORECASE)  # where the template began them
_MARKED = re.compile(r"<problem>(.*?)(?:</problem>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^```\w*\n(.*?)\n?```$", re.DOTALL)
_HEADING = re.compile(
    r"^(?:[#>*_\s]*(?:here(?:'s| is)[^\n:.]{0,40}(?:problem|question)[^\n:.]{0,20}|"
    r"(?:the\s+)?(?:new\s+)?(?:math\s+)?(?:word\s+)?(?:problem|question)(?:\s+(?:statement|\d+))?)[*_]*\s*:[*_]*"
    r"|[#>]+\s|\*\*(?=\s))\s*",
    re.IGNORECASE,
)
_BARE_HEADING = re.compile(r"^[#*_\s]*(?:new\s+)?(?:problem|question)(?:\s+\d+)?[*_]*\s*\n", re.IGNORECASE)
_SOLUTION = re.compile(r"####|\\boxed|^[#*_\s]*(?:solution|answer|explanation)[*_]*\s*:", re.MULTILINE | re.IGNORECASE)
_QUOTES = {'"': '"', "\u201c": "\u201d"}


@dataclass(frozen=True, slots=True)
class Ask:
    """One chat to have answered: the system's turn, where there is one, and the user's."""

    system: str | None
    user: str
    seed: int


def problem_ask(config: ServerTeacherConfig, seeds: Sequence[str], attempt: int) -> Ask:
    """Ask for a new problem, with seed problems that depend on (teacher.seed, attempt) alone."""
    generator = np.random.default_rng([config.seed, attempt])
    shown = generator.choice(len(seeds), config.num_seed_problems, replace=False)
    examples = "\n\n".join(f"<problem>\n{seeds[i].strip()}\n</problem>" for i in shown)
    user = config.problem_prompt.replace("{examples}", examples)
    return Ask(config.problem_system_prompt, user, _seed(config, attempt, 0))


def solution_ask(config: ServerTeacherConfig, problem: str, attempt: int) -> Ask:
    """Ask for solutions of a new problem."""
    user = config.solution_prompt.replace("{problem}", problem)
    return Ask(config.solution_system_prompt, user, _seed(config, attempt, 1))


def read_problem(text: str) -> str:
    """The problem in an answer: between its marks, or else all of it without headings and wrapping."""
    spoken = without_thoughts(text)
    marked = [found.strip() for found in _MARKED.findall(spoken)]
    problem = marked[-1] if marked else spoken
    if fenced := _FENCE.match(problem):
        problem = fenced.group(1).strip()
    problem = _HEADING.sub("", _BARE_HEADING.sub("", problem)).strip()
    if _QUOTES.get(problem[:1]) == problem[-1:] and len(problem) > 1:
        problem = problem[1:-1].strip()
    return problem


def without_thoughts(text: str) -> str:
    """The text without a reasoning model's thoughts, closed or cut off, and without halves of characters."""
    spoken = _THOUGHTS.sub("", text.encode(errors="replace").decode())
    return _THOUGHTS_END.split(spoken)[-1].strip()


def holds_solution(problem: str) -> bool:
    """Whether the text of a problem goes on with its answer."""
    return _SOLUTION.search(problem) is not None


def _seed(config: ServerTeacherConfig, attempt: int, kind: int) -> int:
    """A seed of 31 bits, which every server takes."""
    return int(np.random.SeedSequence([config.seed, attempt, kind]).generate_state(1)[0] >> 1)
