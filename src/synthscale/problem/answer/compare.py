"""Whether two answers are the same, by a policy; how single numbers and formulas compare is handed in.

Three-valued: True, False, or None where the comparison of formulas at hand cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from synthscale.problem.answer.exact import rational
from synthscale.problem.answer.policy import AnswerPolicy, IntervalEnds, LetterCase, Ordering, Percent, Presence
from synthscale.problem.answer.syntax import FLIPPED, is_label
from synthscale.problem.answer.tree import (
    INFINITY,
    Answer,
    Based,
    Call,
    Clock,
    Expression,
    Interval,
    Matrix,
    Quantity,
    Ratio,
    Relation,
    Several,
    Symbol,
    Union,
    Words,
    negative,
    symbols,
)
from synthscale.problem.answer.units import agree

Same = bool | None
SameValue = Callable[[Expression, Expression], Same]


class Comparison:
    """Compares answers under one policy.

    Args:
        same_value: whether two formulas are equal.
        proportional: whether two formulas have a constant ratio that is not 0; with `positive`, above 0.
    """

    def __init__(
        self,
        policy: AnswerPolicy,
        same_value: SameValue,
        proportional: Callable[[Expression, Expression, bool], Same],
    ) -> None:
        self.policy = policy
        self.same_value = same_value
        self.proportional = proportional

    def any(self, predictions: Iterable[Answer], references: Sequence[Answer]) -> Same:
        """Whether some reading of the one is some reading of the other."""
        return some(self.same(one, other) for one in predictions for other in references)

    def same(self, one: Answer, other: Answer) -> Same:
        """Whether the two answers are the same."""
        one, other = self.plain(one), self.plain(other)
        if isinstance(one, Relation) or isinstance(other, Relation):
            return self.relations(one, other)
        match one, other:
            case Quantity(), Quantity():
                return self.quantities(one, other)
            case Words(), Words():
                return _letters_only(one.text) == _letters_only(other.text)
            case Clock(), Clock():
                return one.time == other.time and agrees(self.policy.units, one.half, other.half, str.__eq__)
            case Based(), Based():
                return one == other
            case (Based(), Quantity()) | (Quantity(), Based()):
                based, bare = (one, other) if isinstance(one, Based) else (other, one)
                return self.policy.units is not Presence.required and bare == Quantity(_digits(based))  # type: ignore[arg-type]
            case Ratio(), Ratio():
                return self.ratios(one, other)
            case (Ratio(), Quantity()) | (Quantity(), Ratio()):
                ratio, quantity = (one, other) if isinstance(one, Ratio) else (other, one)
                return self.same(_quotient(ratio), quantity) if len(ratio.parts) == 2 else False  # type: ignore[arg-type]
            case Matrix(), Matrix():
                return self.matrices(one, other)
            case _:
                return self.collections(one, other)

    # beside the value -------------------------------------------------------------------------------------------------

    def plain(self, answer: Answer) -> Answer:
        """Drops what the policy ignores, and turns one-sided inequalities into intervals with a label."""
        if isinstance(answer, Relation):
            if answer.name in FLIPPED and is_label(answer.right) and not is_label(answer.left):
                answer = Relation(FLIPPED[answer.name], answer.right, answer.left)
            if answer.name in "<>≤≥≠" and is_label(answer.left) and is_constant(answer.right):
                answer = Relation("in", answer.left, half_line(answer.name, answer.right.value))  # type: ignore[union-attr]
            if self.policy.left_hand_sides is Presence.ignore and answer.name in ("=", "in") and is_label(answer.left):
                return self.plain(answer.right)
        return answer

    def relations(self, one: Answer, other: Answer) -> Same:
        """Where at least one side is a relation."""
        one_label, one_value = labelled(one)
        other_label, other_value = labelled(other)
        if isinstance(one, Relation) and isinstance(other, Relation):
            if one_label is not None and other_label is not None and same_label(one_label, other_label):
                same = self.same(one_value, other_value)
                if same is not False:
                    return same
            if isinstance(one_label, Words) or isinstance(other_label, Words):
                return self.same(one_value, other_value)
            return self.equations(one, other)
        if self.policy.left_hand_sides is Presence.required and not isinstance((one_value or other_value), Interval):
            return False
        if (one_label if isinstance(one, Relation) else other_label) is None:
            return False
        return self.same(one_value, other_value)

    def equations(self, one: Relation, other: Relation) -> Same:
        """Whether the two have the same solutions, as proportional equations or inequalities have."""
        differences = []
        for relation in (one, other):
            left, right, name = relation.left, relation.right, relation.name
            if name in ">≥":
                left, right, name = right, left, FLIPPED[name]
            if not isinstance(left, Quantity) or not isinstance(right, Quantity):
                return False
            differences.append((name, Call("+", (left.value, negative(right.value)))))
        (one_name, one_difference), (other_name, other_difference) = differences
        if one_name != other_name:
            return False
        return self.proportional(one_difference, other_difference, one_name not in "=≠")

    def quantities(self, one: Quantity, other: Quantity) -> Same:
        """Values, percent signs and units."""
        if not agrees(self.policy.units, one.unit, other.unit, agree):
            return False
        if self.policy.letter_case is LetterCase.ignore and _is_letter(one.value) and _is_letter(other.value):
            return one.value.name.lower() == other.value.name.lower()  # type: ignore[union-attr]
        readings = [(one.value, other.value)]
        if one.percent != other.percent and self.policy.percent is not Percent.ignore:
            hundredth = [
                Call("percent", (side.value,)) if side.percent else side.value for side in (one, other)
            ]
            readings = [(hundredth[0], hundredth[1])] + (readings if self.policy.percent is Percent.either else [])
        if "degree" in (one.unit, other.unit) and one.unit != other.unit:  # 180° is π as well as 180
            turned = [Call("degrees", (side.value,)) if side.unit == "degree" else side.value for side in (one, other)]
            readings.append((turned[0], turned[1]))
        return some(self.same_value(*pair) for pair in readings)

    # built of several values ------------------------------------------------------------------------------------------

    def ratios(self, one: Ratio, other: Ratio) -> Same:
        if len(one.parts) != len(other.parts):
            return False
        first = [part.value for part in (one.parts[0], other.parts[0]) if isinstance(part, Quantity)]
        rest = zip(one.parts[1:], other.parts[1:], strict=True)
        return every(
            self.same_value(Call("*", (a.value, first[1])), Call("*", (b.value, first[0])))
            for a, b in rest
            if isinstance(a, Quantity) and isinstance(b, Quantity)
        )

    def matrices(self, one: Matrix, other: Matrix) -> Same:
        if [len(row) for row in one.rows] != [len(row) for row in other.rows]:
            return False
        return every(
            self.same(a, b)
            for one_row, other_row in zip(one.rows, other.rows, strict=True)
            for a, b in zip(one_row, other_row, strict=True)
        )

    def collections(self, one: Answer, other: Answer) -> Same:
        """Lists, tuples, sets, intervals, unions, and a column vector as a tuple."""
        if isinstance(one, Matrix):
            one = as_vector(one)
        if isinstance(other, Matrix):
            other = as_vector(other)
        if isinstance(one, Union) or isinstance(other, Union):
            return self.unions(_as_open(one), _as_open(other))
        if isinstance(one, Interval) or isinstance(other, Interval):
            one, other = _as_interval(one, other), _as_interval(other, one)
            if isinstance(one, Interval) and isinstance(other, Interval):
                return self.intervals(one, other)
        if isinstance(one, Several) and isinstance(other, Several):
            return self.several(one, other)
        for several, single in ((one, other), (other, one)):  # {5}, [5] and a list of one
            if isinstance(several, Several) and len(several.items) == 1 and several.kind != "tuple":
                return self.same(several.items[0], single)
        return False

    def several(self, one: Several, other: Several) -> Same:
        kinds = {one.kind, other.kind}
        if kinds == {"tuple", "set"}:
            return False
        if self.policy.ordering is Ordering.strict:
            return self.in_order(one.items, other.items)
        if "tuple" in kinds and self.policy.ordering is not Ordering.ignore:
            return self.in_order(one.items, other.items)
        if kinds == {"bracketed"}:
            return self.in_order(one.items, other.items)
        as_sets = "set" in kinds
        return self.matched(one.items, other.items, repeated=as_sets)

    def intervals(self, one: Interval, other: Interval) -> Same:
        if self.policy.interval_ends is IntervalEnds.strict:
            for a, b, end in (
                (one.low_closed, other.low_closed, one.low),
                (one.high_closed, other.high_closed, one.high),
            ):
                if a != b and not _is_infinite(end):
                    return False
        return every((self.same_value(one.low, other.low), self.same_value(one.high, other.high)))

    def unions(self, one: Answer, other: Answer) -> Same:
        parts = []
        for side in (one, other):
            match side:
                case Union():
                    parts.append([_as_open(part) for part in side.parts])
                case Several(kind="list"):
                    parts.append([_as_open(labelled(self.plain(item))[1] or item) for item in side.items])
                case Interval():
                    parts.append([side])
                case _:
                    return False
        one_parts, other_parts = (merged(side) or side for side in parts)
        if len(one_parts) == len(other_parts) == 1:
            return self.same(one_parts[0], other_parts[0])
        return self.matched(one_parts, other_parts, repeated=False)

    def in_order(self, one: Sequence[Answer], other: Sequence[Answer]) -> Same:
        if len(one) != len(other):
            return False
        return every(self.same(a, b) for a, b in zip(one, other, strict=True))

    def matched(self, one: Sequence[Answer], other: Sequence[Answer], *, repeated: bool) -> Same:
        """Whether each item has a partner, one for one, or with `repeated` at least one."""
        if not repeated and len(one) != len(other):
            return False
        if repeated:
            return every(
                some(self.same(a, b) for b in theirs) for mine, theirs in ((one, other), (other, one)) for a in mine
            )
        left = list(other)
        for a in one:
            found = [self.same(a, b) for b in left]
            if True in found:
                left.pop(found.index(True))
            else:
                return None if None in found else False
        return True


def every(results: Iterable[Same]) -> Same:
    """False where one is False, None where one is None, else True."""
    undecided = False
    for result in results:
        if result is False:
            return False
        undecided |= result is None
    return None if undecided else True


def some(results: Iterable[Same]) -> Same:
    """True where one is True, None where one is None, else False."""
    undecided = False
    for result in results:
        if result:
            return True
        undecided |= result is None
    return None if undecided else False


def agrees(presence: Presence, one: str | None, other: str | None, same: Callable[[str, str], bool]) -> bool:
    """Whether what is written beside two values agrees."""
    if presence is Presence.ignore or (one is None and other is None):
        return True
    if one is None or other is None:
        return presence is Presence.optional
    return same(one, other)


def labelled(answer: Answer) -> tuple[Answer | None, Answer]:
    """The label and the value of x = 5 or x ∈ [0, 1]; no label otherwise."""
    if isinstance(answer, Relation) and answer.name in ("=", "in") and is_label(answer.left):
        return answer.left, answer.right
    return None, answer


def same_label(one: Answer, other: Answer) -> bool:
    """Whether two labels are the same; any words may stand for any other."""
    return one == other or isinstance(one, Words) or isinstance(other, Words)


def half_line(name: str, end: Expression) -> Answer:
    """The numbers that are <, ≤, >, ≥ or ≠ an end."""
    below = Interval(negative(INFINITY), end, False, name == "≤")
    above = Interval(end, INFINITY, name == "≥", False)
    return {"<": below, "≤": below, ">": above, "≥": above}.get(name) or Union((below, above))


def is_constant(answer: Answer) -> bool:
    """Whether it is a value without variables."""
    return isinstance(answer, Quantity) and not symbols(answer.value)


def as_vector(matrix: Matrix) -> Answer:
    """A column as a tuple."""
    if all(len(row) == 1 for row in matrix.rows):
        return Several("tuple", tuple(row[0] for row in matrix.rows))
    return matrix


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
    if _is_infinite(end):
        return (1 if end == INFINITY else -1), Fraction(0)
    try:
        value = rational(end)
    except ZeroDivisionError:
        return None
    return None if value is None else (0, value)


def _as_interval(answer: Answer, other: Answer) -> Answer:
    """The tuple (a, b) as the open interval that it may be."""
    return _as_open(answer) if isinstance(other, Interval) else answer


def _as_open(answer: Answer) -> Answer:
    if isinstance(answer, Several) and answer.kind == "tuple" and len(answer.items) == 2:
        ends = [item.value for item in answer.items if isinstance(item, Quantity)]
        if len(ends) == 2:
            return Interval(ends[0], ends[1], False, False)
    return answer


def _is_infinite(end: Expression) -> bool:
    return end in (INFINITY, negative(INFINITY))


def _is_letter(value: Expression) -> bool:
    return isinstance(value, Symbol) and len(value.name) == 1


def _letters_only(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _digits(based: Based) -> Expression:
    return Fraction(int(based.digits)) if based.digits.isdecimal() else Symbol(based.digits)


def _quotient(ratio: Ratio) -> Answer:
    one, other = ratio.parts
    assert isinstance(one, Quantity) and isinstance(other, Quantity)
    return Quantity(Call("/", (one.value, other.value)))
