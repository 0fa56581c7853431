"""Solutions into steps and back: by lines, by sentences, and never inside a formula.

Credit is assigned to prefixes y_1 … y_i that rollouts go on from, so the steps of `exact_steps` keep every character:
the first k of them are a prefix of the solution as it was sampled. Line breaks between two steps belong to the earlier
one, other white space to the later one, since tokenizers join a space with the word after it and a line break with the
full stop before it.

A final-answer line (`#### 18`) decides nothing. As a step of its own it would be the pit of every wrong solution that a
rollout can still save after the last real step; so, but for `StepBoundary.line`, it belongs to the step before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from synthscale.problem.formulas import Formula, FormulaKind, formulas
from synthscale.problem.sentences import ENDS_SENTENCE, begins_sentence, ends_sentence, is_label

GAP = re.compile(r"\s+")
ANSWER = re.compile(
    r"#{4}(?! {0,2}[A-Za-z]{2,40}[ :])"  # GSM8K's mark, but not a heading: #### Step 1
    r"|(?:(?:so|thus|hence|therefore),? )?(?:the )?(?:final )?answer(?: is:?|:) {1,2}\S{1,60}[ \t\r]{0,8}(?:\n|\Z)",
    re.IGNORECASE,
)


class StepBoundary(Enum):
    """Where a step ends."""

    line = "line"  # with every line that is not empty, whatever it holds: the embedded world
    sentence = "sentence"  # with a sentence or a paragraph; other line breaks are white space: hard-wrapped text
    line_or_sentence = "line_or_sentence"  # with a line; a solution of one line, with a sentence: GSM8K, MATH


class Gap(NamedTuple):
    """White space between two words, and the formulas that it touches."""

    start: int
    end: int
    before: Formula | None  # ends where the gap starts
    after: Formula | None  # starts where the gap ends


def split_steps(solution: str, boundary: StepBoundary = StepBoundary.line) -> list[str]:
    """The steps y_1 … y_L, stripped, none empty."""
    if boundary is StepBoundary.line:  # asked for with every verdict, and thirty times as fast
        return [line.strip() for line in solution.split("\n") if line.strip()]
    return [step for exact in exact_steps(solution, boundary) if (step := exact.strip())]


def join_steps(steps: list[str]) -> str:
    """The inverse of `split_steps` by lines."""
    return "\n".join(steps)


def exact_steps(solution: str, boundary: StepBoundary = StepBoundary.line) -> list[str]:
    """The steps with the white space around them: joined they are the solution.

    One for each of `split_steps`; white space alone is one piece and no step.
    """
    ends = [*step_ends(solution, boundary), len(solution)]
    return [solution[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True) if start < end]


def step_ends(solution: str, boundary: StepBoundary) -> list[int]:
    """The offsets at which a step ends and another begins, rising; in time linear in the solution's length."""
    if boundary is StepBoundary.line:
        return [cut(solution, m.start(), m.end()) for m in GAP.finditer(solution) if is_break(solution, m)]
    gaps = list(gaps_outside(solution, formulas(solution)))
    by_line = ends_where(solution, gaps, breaks=1)
    if by_line and boundary is StepBoundary.line_or_sentence:
        return by_line
    return ends_where(solution, gaps, breaks=2, sentences=True)


def is_break(solution: str, gap: re.Match[str]) -> bool:
    """Whether the white space holds a line break and stands between two lines."""
    return "\n" in gap[0] and 0 < gap.start() < gap.end() < len(solution)


def cut(solution: str, start: int, end: int) -> int:
    """Where white space between two steps is divided: after its last line break, before it if there is none."""
    return solution.rfind("\n", start, end) + 1 or start


def gaps_outside(solution: str, found: list[Formula]) -> Iterator[Gap]:
    """The white space between the first and the last word that is inside no formula."""
    starts = {formula.start: formula for formula in found}
    ends = {formula.end: formula for formula in found}
    coming = iter([*found, None])
    formula = next(coming)
    for match in GAP.finditer(solution):
        start, end = match.span()
        while formula is not None and formula.end <= start:
            formula = next(coming)
        inside = formula is not None and formula.start <= start
        if not inside and 0 < start < end < len(solution):
            yield Gap(start, end, ends.get(start), starts.get(end))


def ends_where(solution: str, gaps: list[Gap], breaks: int, sentences: bool = False) -> list[int]:
    """The ends of steps that are divided by so many line breaks in one gap, or by the ends of sentences too."""
    found: list[int] = []
    first = len(solution) - len(solution.lstrip())  # where the step's first word is
    for gap in gaps:
        divides = solution.count("\n", gap.start, gap.end) >= breaks
        if not divides and sentences:
            divides = sentence_ends(solution, first, gap)
        if divides and not belongs_together(solution, first, gap):
            found.append(cut(solution, gap.start, gap.end))
            first = gap.end
    return found


def sentence_ends(solution: str, first: int, gap: Gap) -> bool:
    """Whether the sentence that began at `first` ends before the gap, be it inside of a formula: `$x = 3.$ Then`."""
    if gap.before is None or gap.before.kind is FormulaKind.markup:
        return ends_sentence(solution, first, gap.start, gap.end)
    if is_complete(solution, gap.before):
        return begins_sentence(solution, gap.end) and not is_label(solution, first, gap.start)
    return (
        gap.before.kind is FormulaKind.display
        and solution[gap.end].isupper()  # a new sentence, though no full stop ends the display
        and not content_ends_with(solution, gap.before, ",;:")
    )


def belongs_together(solution: str, first: int, gap: Gap) -> bool:
    """Whether the text goes on after the gap in the same step, though a line or a sentence ends before it."""
    if ANSWER.match(solution, gap.end) or (gap.after and gap.after.kind is FormulaKind.drawing):
        return True
    if gap.before and gap.before.kind is FormulaKind.drawing and gap.before.start == first:
        return True  # a drawing alone is no step
    if is_complete(solution, gap.before) if gap.before else ENDS_SENTENCE.search(solution, gap.start - 8, gap.start):
        return False
    if gap.after and gap.after.kind is FormulaKind.display:
        return True
    return (
        gap.before is not None
        and gap.before.kind is FormulaKind.display
        and (solution[gap.end].islower() or content_ends_with(solution, gap.before, ",;:"))
    )


def is_complete(solution: str, formula: Formula) -> bool:
    """Whether a sentence ends with the last character inside the formula: `\\[x = 3.\\]`, but not `$1, 2, ...$`."""
    return content_ends_with(solution, formula, ".?!") and not content_ends_with(solution, formula, ("..",))


def content_ends_with(solution: str, formula: Formula, endings: str | tuple[str, ...]) -> bool:
    """Whether the formula's content ends with one of these, white space aside."""
    start = max(formula.content_start, formula.content_end - 40)
    return solution[start : formula.content_end].rstrip().endswith(tuple(endings))
