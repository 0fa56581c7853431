"""Relations between values: what is a label, what an interval; and the two values of a ±."""

from __future__ import annotations

from fractions import Fraction

from synthscale.problem.answer.exact import rational
from synthscale.problem.answer.tokens import Unreadable
from synthscale.problem.answer.tree import (
    INFINITY,
    Answer,
    Call,
    Expression,
    Interval,
    Quantity,
    Relation,
    Several,
    Symbol,
    Union,
    Words,
    negative,
    symbols,
)

FLIPPED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤", "=": "=", "≠": "≠"}


def chain(sides: list[Answer], names: list[str]) -> Answer:
    """One relation of several: a = b = c is a = c, a < x < b an interval for x; ≈ gives way to what is before it."""
    while "≈" in names:
        at = names.index("≈")
        sides, names = (sides[: at + 1], names[:at]) if at or not is_label(sides[0]) else ([sides[0], sides[1]], ["="])
    if not names:
        return sides[0]
    if set(names) == {"="}:
        return equal_chain(sides)
    if len(names) == 1:
        return Relation(names[0], sides[0], sides[1])
    if len(names) == 2 and (set(names) <= set("<≤") or set(names) <= set(">≥")):
        low, high = (sides[0], sides[2]) if names[0] in "<≤" else (sides[2], sides[0])
        low_name, high_name = (names[0], names[1]) if names[0] in "<≤" else (names[1], names[0])
        if isinstance(low, Quantity) and isinstance(high, Quantity):
            return Relation("in", sides[1], Interval(low.value, high.value, low_name in "≤≥", high_name in "≤≥"))
    raise Unreadable("the chain of relations is no interval")


def equal_chain(sides: list[Answer]) -> Answer:
    """a = b = c: its last value, with what it begins with as a label; numbers in it have to be equal.

    Raises:
        Unreadable: for 2 = 3, and x = 4 = 5.
    """
    values = [rational_of(side) for side in sides]
    if len({value for value in values if value is not None}) > 1:
        raise Unreadable("a chain of equalities holds different numbers")
    if values[0] is not None and values[-1] is not None:
        return sides[-1]  # 3 + 4 = 7
    return Relation("=", sides[0], sides[-1])


def rational_of(side: Answer) -> Fraction | None:
    """The number that a side is, where it is one."""
    if not isinstance(side, Quantity) or side.percent or side.unit not in (None, "dollar"):
        return None
    try:
        return rational(side.value)
    except ZeroDivisionError:
        return None


def is_label(side: Answer) -> bool:
    """Whether it only names what stands on the other side of an equals sign: x, f(x), (x, y), Area."""
    if isinstance(side, Words):
        return True
    if isinstance(side, Several):
        return all(is_label(item) for item in side.items)
    if not isinstance(side, Quantity) or side.unit is not None or side.percent:
        return False
    value = side.value
    if isinstance(value, Symbol):
        return True
    if not isinstance(value, Call):
        return False
    if value.name == "apply":  # f(x), f(3)
        return True
    return value.name == "*" and all(is_label(Quantity(argument)) for argument in value.arguments)


def expand_signs(item: Answer) -> list[Answer]:
    """Both values of an item with ±."""
    if isinstance(item, Quantity) and has_both_signs(item.value):
        return [item._replace(value=choose_sign(item.value, sign)) for sign in (1, -1)]
    if isinstance(item, Relation) and isinstance(item.right, Quantity) and has_both_signs(item.right.value):
        return [item._replace(right=item.right._replace(value=choose_sign(item.right.value, sign))) for sign in (1, -1)]
    return [item]


def has_both_signs(value: Expression) -> bool:
    """Whether there is a ± in it."""
    return isinstance(value, Call) and (value.name in "±∓" or any(has_both_signs(part) for part in value.arguments))


def choose_sign(value: Expression, sign: int) -> Expression:
    """The value with every ± as + (sign 1) or − (sign −1), every ∓ the other way."""
    if not isinstance(value, Call):
        return value
    arguments = tuple(choose_sign(part, sign) for part in value.arguments)
    if value.name in "±∓":
        plus = (value.name == "±") == (sign == 1)
        return Call("+", (arguments[0], arguments[1] if plus else negative(arguments[1])))
    return Call(value.name, arguments)


def labelled(answer: Answer) -> tuple[Answer | None, Answer]:
    """The label and the value of x = 5 or x ∈ [0, 1]; no label otherwise."""
    if isinstance(answer, Relation) and answer.name in ("=", "in") and is_label(answer.left):
        return answer.left, answer.right
    return None, answer


def same_label(one: Answer, other: Answer) -> bool:
    """Whether two labels are the same; words may stand for any other."""
    both_words = isinstance(one, Words) and isinstance(other, Words)
    return one == other or (not both_words and (is_any_label(one) or is_any_label(other)))


def is_any_label(label: Answer | None) -> bool:
    """Whether it is words, as Area; a few letters, as xy, may be variables."""
    return isinstance(label, Words) and len(label.text) > 3


def is_listed(several: Several, relation: Relation) -> bool:
    """Whether a list of relations stands against one of them; (x, y) = (1, 2) is against all."""
    return any(isinstance(item, Relation) for item in several.items) and not isinstance(relation.left, Several)


def half_line(name: str, end: Expression) -> Answer:
    """The numbers that are <, ≤, >, ≥ or ≠ an end."""
    below = Interval(negative(INFINITY), end, False, name == "≤")
    above = Interval(end, INFINITY, name == "≥", False)
    return {"<": below, "≤": below, ">": above, "≥": above}.get(name) or Union((below, above))


def constant(answer: Answer) -> Expression | None:
    """The value, where it has no variables."""
    return answer.value if isinstance(answer, Quantity) and not symbols(answer.value) else None
