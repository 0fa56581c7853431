"""What brackets and the answers within make: a grouping, a tuple, a set, an interval; and multiples of a matrix."""

from __future__ import annotations

from fractions import Fraction

from synthscale.problem.answer.tokens import Unreadable
from synthscale.problem.answer.tree import (
    Answer,
    Call,
    Expression,
    Interval,
    Matrix,
    Quantity,
    Relation,
    Several,
    Symbol,
)


def bracketed(opening: str, closing: str, items: list[Answer]) -> Expression | Answer:
    """What a pair of brackets and the items within are."""
    if opening == "\\{" and len(items) == 1 and isinstance(items[0], Relation):
        return items[0]  # a set by condition
    if opening == "\\{" or (opening == "{" and len(items) > 1):
        return Several("set", tuple(items))
    if opening == "⟨":
        return Several("tuple", tuple(items))
    if len(items) == 1 and (opening, closing) in (("(", ")"), ("{", "}"), ("[", "]")):
        (item,) = items
        if opening == "[" and not isinstance(item, Quantity):
            return Several("bracketed", (item,))
        return must_be_expression_of(item) if isinstance(item, Quantity) else item
    ends = [item.value for item in items if isinstance(item, Quantity)]
    if len(items) == len(ends) == 2 and (opening, closing) != ("(", ")"):
        return Interval(ends[0], ends[1], opening == "[", closing == "]")
    if opening == "(" and closing == ")":
        return Several("tuple", tuple(items))
    if opening == "[" and closing == "]":
        return Several("bracketed", tuple(items))
    raise Unreadable("the brackets do not match")


def multiple(factor: Expression, matrix: Answer) -> Answer:
    """A matrix with every entry multiplied."""
    if not isinstance(matrix, Matrix):
        raise Unreadable("it is no matrix")
    rows = [[Quantity(Call("*", (factor, must_be_expression_of(entry)))) for entry in row] for row in matrix.rows]
    return Matrix(tuple(map(tuple, rows)))


def must_be_expression(value: Expression | Answer) -> Expression:
    """The value, where it is a single number or formula."""
    if isinstance(value, (Fraction, Symbol, Call)):
        return value
    raise Unreadable("a formula has a part that is no number")


def must_be_expression_of(item: Answer) -> Expression:
    """An item's expression, where nothing stands beside it."""
    if not isinstance(item, Quantity):
        raise Unreadable("a formula has a part that is no number")
    if item.percent:
        return Call("percent", (item.value,))
    if item.unit == "degree":
        return Call("degrees", (item.value,))
    return item.value
