"""How two formulas compare: the plain ones at once, in the calling process; the rest in a worker, for it may take long.

`Plain` never takes long and never guesses; `Thorough` always decides.
"""

from __future__ import annotations

from fractions import Fraction

from synthscale.problem.answer.exact import rational
from synthscale.problem.answer.policy import AnswerPolicy
from synthscale.problem.answer.tree import INFINITY, Call, Expression, negative, symbols

Same = bool | None


class Plain:
    """Identical formulas, and exact rational numbers; None for everything else."""

    rule = "exact"

    def __init__(self, policy: AnswerPolicy) -> None:
        self.policy = policy

    def same_value(self, one: Expression, other: Expression) -> Same:
        """Whether two formulas are equal."""
        if one == other:
            return True
        if has_infinity(one) or has_infinity(other):
            return positive_infinity(one) == positive_infinity(other) is not None
        try:
            a, b = rational(one), rational(other)
        except ZeroDivisionError:
            return False
        if a is None or b is None:
            return None
        return a == b or abs(a - b) <= Fraction(self.policy.relative_tolerance) * abs(b)

    def proportional(self, one: Expression, other: Expression, positive: bool) -> Same:
        """Whether two formulas have a constant ratio."""
        return True if one == other else None


class Thorough(Plain):
    """Balls that prove a difference, then sympy that proves equality, then the balls' agreement."""

    def same_value(self, one: Expression, other: Expression) -> Same:
        """Whether two formulas are equal; never None."""
        plain = super().same_value(one, other)
        return plain if plain is not None else self.same_formula(one, other)

    def same_formula(self, one: Expression, other: Expression) -> bool:
        """Whether two formulas are equal that are not both rational numbers."""
        from synthscale.problem.answer import balls, proof

        if self.policy.relative_tolerance and not symbols(one) | symbols(other):
            self.rule = "numeric"
            if balls.within(one, other, self.policy.relative_tolerance):
                return True
        met = balls.meet(one, other)
        if met is balls.Meeting.DIFFERENT:
            self.rule = "numeric"
            return False
        proved = proof.are_equal(one, other)
        self.rule = "symbolic" if proved is not None else "numeric"
        return met is balls.Meeting.AGREE if proved is None else proved

    def proportional(self, one: Expression, other: Expression, positive: bool) -> Same:
        """Whether two formulas have a constant ratio; never None."""
        from synthscale.problem.answer import balls

        self.rule = "numeric"
        return one == other or balls.constant_ratio(one, other, positive) is balls.Meeting.AGREE


def has_infinity(value: Expression) -> bool:
    """Whether infinity is a part of it."""
    return value == INFINITY or (isinstance(value, Call) and any(has_infinity(part) for part in value.arguments))


def positive_infinity(value: Expression) -> bool | None:
    """True for ∞, False for −∞, None for anything else."""
    return True if value == INFINITY else False if value == negative(INFINITY) else None
