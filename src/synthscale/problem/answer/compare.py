"""Whether two answers are the same, by a policy; how single numbers and formulas compare is handed in.

Three-valued: True, False, or None where the comparison of formulas at hand cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import combinations

from synthscale.problem.answer.intervals import as_interval, as_open, is_infinite, merged
from synthscale.problem.answer.policy import AnswerPolicy, IntervalEnds, LetterCase, Ordering, Percent, Presence
from synthscale.problem.answer.relations import (
    FLIPPED,
    constant,
    half_line,
    is_label,
    is_listed,
    labelled,
    same_label,
)
from synthscale.problem.answer.tree import (
    Answer,
    Based,
    Call,
    Choice,
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
            case Choice(), Choice():
                return one.letter == other.letter and self.any(one.contents, other.contents)
            case Choice(), _:
                return other == Quantity(Symbol(one.letter)) or self.any(one.contents, [other])
            case _, Choice():
                return one == Quantity(Symbol(other.letter)) or self.any([one], other.contents)
            case Clock(), Clock():
                return one.time == other.time and agrees(self.policy.units, one.half, other.half, str.__eq__)
            case Clock(), (Ratio() | Quantity()):
                return one.ratio is not None and self.same(one.ratio, other)
            case ((Ratio() | Quantity()), Clock()):
                return other.ratio is not None and self.same(one, other.ratio)
            case Based(), Based():
                return one == other
            case (Based() as based, Quantity() as bare) | (Quantity() as bare, Based() as based):
                return self.policy.units is not Presence.required and bare == Quantity(_digits(based))
            case Ratio(), Ratio():
                return self.ratios(one, other)
            case (Ratio(parts=(Quantity(above), Quantity(below))), Quantity() as bare) | (
                Quantity() as bare,
                Ratio(parts=(Quantity(above), Quantity(below))),
            ):
                return self.same(Quantity(Call("/", (above, below))), bare)
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
            if answer.name in "<>≤≥≠" and is_label(answer.left) and (end := constant(answer.right)) is not None:
                answer = Relation("in", answer.left, half_line(answer.name, end))
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
            return self.equations(one, other)
        for several, relation in ((one, other), (other, one)):  # x = 5, y = 5 is not x = 5
            if isinstance(several, Several) and isinstance(relation, Relation) and is_listed(several, relation):
                return self.collections(one, other)
        by_condition = any(isinstance(value, (Interval, Union)) for value in (one_value, other_value))
        if self.policy.left_hand_sides is Presence.required and not by_condition:
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
        if one_name != other_name or not (symbols(one_difference) and symbols(other_difference)):
            return False
        return self.proportional(one_difference, other_difference, one_name not in "=≠")

    def quantities(self, one: Quantity, other: Quantity) -> Same:
        """Values, percent signs and units."""
        if not agrees(self.policy.units, one.unit, other.unit, agree):
            return False
        if (one.percent and other.unit) or (other.percent and one.unit):  # 50% is not 50 cm
            return False
        letters = _letter(one.value), _letter(other.value)
        if self.policy.letter_case is LetterCase.ignore and letters[0] and letters[1]:
            return letters[0].lower() == letters[1].lower()
        readings = [(one.value, other.value)]
        if one.percent != other.percent and self.policy.percent is not Percent.ignore:
            hundredth = [Call("percent", (side.value,)) if side.percent else side.value for side in (one, other)]
            readings = [(hundredth[0], hundredth[1])] + (readings if self.policy.percent is Percent.either else [])
        if "degree" in (one.unit, other.unit) and one.unit != other.unit:  # 180° is π as well as 180
            turned = [Call("degrees", (side.value,)) if side.unit == "degree" else side.value for side in (one, other)]
            readings.append((turned[0], turned[1]))
        return some(self.same_value(*pair) for pair in readings)

    # built of several values ------------------------------------------------------------------------------------------

    def ratios(self, one: Ratio, other: Ratio) -> Same:
        if len(one.parts) != len(other.parts):
            return False
        pairs = [(a.value, b.value) for a, b in zip(one.parts, other.parts, strict=True)]
        if any(all(part == 0 for part in side) for side in zip(*pairs, strict=True)):
            return False  # 0 : 0 is no ratio
        return every(self.same_value(Call("*", (a, d)), Call("*", (c, b))) for (a, b), (c, d) in combinations(pairs, 2))

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
            return self.unions(as_open(one), as_open(other))
        if isinstance(one, Interval) or isinstance(other, Interval):
            one, other = as_interval(one, other), as_interval(other, one)
            if isinstance(one, Interval) and isinstance(other, Interval):
                return self.intervals(one, other)
        if isinstance(one, Several) and isinstance(other, Several):
            return self.several(one, other)
        for several, single in ((one, other), (other, one)):  # {5}, [5] and a list of one
            if isinstance(several, Several) and len(several.items) == 1 and several.kind != "tuple":
                return self.same(several.items[0], single)
            is_list = isinstance(several, Several) and several.kind == "list" and len(set(several.items)) > 1
            if is_list and isinstance(several, Several) and not isinstance(single, Several):
                labels = {labelled(item)[0] for item in several.items}  # 1/2, or 50%; but not x = 5 or y = 5
                return every(self.same(item, single) for item in several.items) if len(labels) == 1 else False
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
                if a != b and not is_infinite(end):
                    return False
        return every((self.same_value(one.low, other.low), self.same_value(one.high, other.high)))

    def unions(self, one: Answer, other: Answer) -> Same:
        parts = []
        for side in (one, other):
            match side:
                case Union():
                    parts.append([as_open(part) for part in side.parts])
                case Several(kind="list"):
                    parts.append([as_open(labelled(self.plain(item))[1] or item) for item in side.items])
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


def as_vector(matrix: Matrix) -> Answer:
    """A column as a tuple."""
    if all(len(row) == 1 for row in matrix.rows):
        return Several("tuple", tuple(row[0] for row in matrix.rows))
    return matrix


def _letter(value: Expression) -> str | None:
    return value.name if isinstance(value, Symbol) and len(value.name) == 1 else None


def _letters_only(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _digits(based: Based) -> Expression:
    return Fraction(int(based.digits)) if based.digits.isdecimal() else Symbol(based.digits)
