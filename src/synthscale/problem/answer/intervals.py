"""Intervals and their unions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from synthscale.problem.answer.exact import rational
from synthscale.problem.answer.tree import INFINITY, Answer, Expression, Interval, Quantity, Several, negative


def merged(parts: Sequence[Answer]) -> list[Answer] | None:
    """Intervals with rational ends, those that meet made one, from left to right; None where one is something else."""
    ends = []
    for part in parts:
        if not isinstance(part, Interval):
            return None
        low, high = (_position(end) for end in (part.low, part.high))
        if low is None or high is None:
            return None
        ends.append((low, not part.low_closed, high, part.high_closed, part))
    ends.sort(key=lambda end: end[:4])
    found: list[Interval] = []
    reach: tuple[tuple[int, Fraction], bool] | None = None
    for low, low_open, high, high_closed, part in ends:
        if reach is not None and (low < reach[0] or (low == reach[0] and (reach[1] or not low_open))):
            if (high, high_closed) > reach:
                reach = (high, high_closed)
                found[-1] = found[-1]._replace(high=part.high, high_closed=part.high_closed)
        else:
            found.append(part)
            reach = (high, high_closed)
    return list(found)


def _position(end: Expression) -> tuple[int, Fraction] | None:
    """Where an end lies on the line, infinities outermost."""
    if is_infinite(end):
        return (1 if end == INFINITY else -1), Fraction(0)
    try:
        value = rational(end)
    except ZeroDivisionError:
        return None
    return None if value is None else (0, value)


def as_interval(answer: Answer, other: Answer) -> Answer:
    """The tuple (a, b) as the open interval that it may be."""
    return as_open(answer) if isinstance(other, Interval) else answer


def as_open(answer: Answer) -> Answer:
    if isinstance(answer, Several) and answer.kind == "tuple" and len(answer.items) == 2:
        ends = [item.value for item in answer.items if isinstance(item, Quantity)]
        if len(ends) == 2:
            return Interval(ends[0], ends[1], False, False)
    return answer


def is_infinite(end: Expression) -> bool:
    return end in (INFINITY, negative(INFINITY))
