"""Whether two formulas differ, proved by ball arithmetic at fixed random points (Arb, Johansson 2017, through flint).

A ball is a number with an error bound. Two balls that do not meet prove that the formulas differ; balls that meet at
every point, at radii far below the numbers, are evidence that they are equal and no proof.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from fractions import Fraction

from flint import acb, arb, ctx, fmpq

from synthscale.problem.answer.exact import rational
from synthscale.problem.answer.tree import EULER, IMAGINARY, PI, Call, Expression, Symbol, symbols

NUM_POINTS = 8
MIN_AGREEING = 3
PRECISIONS = (128, 1024, 8192)  # bits; the next where the balls are too wide to tell
TIGHT_BITS = 64  # a ball is tight when its radius is below 2^-64 of the number


class Meeting(Enum):
    """What the balls of two formulas say."""

    DIFFERENT = "different"
    AGREE = "agree"
    UNKNOWN = "unknown"


class NoValue(ValueError):
    """The formula has a function that has no ball."""


def meet(one: Expression, other: Expression) -> Meeting:
    """Compare two formulas at the points where both have values."""
    variables = sorted(symbols(one) | symbols(other))
    num_agreeing = 0
    for point in points(variables):
        match meet_at(one, other, point):
            case Meeting.DIFFERENT:
                return Meeting.DIFFERENT
            case Meeting.AGREE:
                num_agreeing += 1
    needed = MIN_AGREEING if variables else 1
    return Meeting.AGREE if num_agreeing >= needed else Meeting.UNKNOWN


def meet_at(one: Expression, other: Expression, point: Mapping[str, Fraction]) -> Meeting:
    """Compare two formulas at one point."""
    for precision in PRECISIONS:
        ctx.prec = precision
        try:
            a, b = ball(one, point), ball(other, point)
        except (NoValue, ZeroDivisionError, ValueError, OverflowError):
            return Meeting.UNKNOWN
        if not (a.is_finite() and b.is_finite()):
            continue
        if point and is_real(a) != is_real(b):  # outside the domain of one of them
            return Meeting.UNKNOWN
        if not (a - b).contains(0):
            return Meeting.DIFFERENT
        if is_tight(a - b, max(magnitude(a), magnitude(b))):
            return Meeting.AGREE
    return Meeting.UNKNOWN


def constant_ratio(one: Expression, other: Expression, positive: bool) -> Meeting:
    """Whether one / other is the same number at every point, not 0, and with `positive` above 0."""
    variables = sorted(symbols(one) | symbols(other))
    ratios: list[acb] = []
    ctx.prec = PRECISIONS[1]
    for point in points(variables):
        try:
            ratio = ball(one, point) / ball(other, point)
        except (NoValue, ZeroDivisionError, ValueError, OverflowError):
            continue
        if ratio.is_finite() and is_tight(ratio - ratio.mid(), magnitude(ratio)):
            ratios.append(ratio)
    if not ratios:
        return Meeting.UNKNOWN
    first = ratios[0]
    if first.contains(0) or (positive and not first.real > 0):
        return Meeting.DIFFERENT
    if any(not (ratio - first).contains(0) for ratio in ratios):
        return Meeting.DIFFERENT
    return Meeting.AGREE if len(ratios) >= MIN_AGREEING or not variables else Meeting.UNKNOWN


def within(one: Expression, other: Expression, relative_tolerance: float) -> bool:
    """Whether two real constants differ by at most the tolerance times the second."""
    ctx.prec = PRECISIONS[1]
    try:
        a, b = ball(one, {}), ball(other, {})
    except (NoValue, ZeroDivisionError, ValueError, OverflowError):
        return False
    return bool(abs(a - b) <= arb(relative_tolerance) * abs(b))


def points(variables: list[str]) -> Iterator[dict[str, Fraction]]:
    """Values for the variables, the same in every run: the first half positive, the others of either sign."""
    if not variables:
        yield {}
        return
    for k in range(NUM_POINTS):
        draw = random.Random(f"point {k}")
        point = {}
        for name in variables:
            value = Fraction(draw.randint(1, 4_096), 1_021)
            point[name] = -value if k >= NUM_POINTS // 2 and draw.random() < 0.5 else value
        yield point


def ball(value: Expression, point: Mapping[str, Fraction]) -> acb:
    """The formula's value at a point, at the precision that is set.

    Raises:
        NoValue: for infinity, and for functions that have no value here.
    """
    if isinstance(value, Fraction):
        return acb(fmpq(value.numerator, value.denominator))
    if isinstance(value, Symbol):
        if value == PI:
            return acb(arb.pi())
        if value == EULER:
            return acb(arb(1).exp())
        if value == IMAGINARY:
            return acb(0, 1)
        if value.name not in point:
            raise NoValue(value.name)
        return ball(point[value.name], {})
    exact = rational(value) if value.name in ("^", "factorial", "binomial", "root", "gcd", "lcm") else None
    if exact is not None:
        return ball(exact, {})
    return apply(value, [ball(argument, point) for argument in value.arguments])


def apply(call: Call, arguments: list[acb]) -> acb:
    """One operator or function on balls."""
    match call.name, arguments:
        case "+", _:
            return sum(arguments, acb(0))
        case "*", [a, b]:
            return a * b
        case "/", [a, b]:
            return a / b
        case "negative", [a]:
            return -a
        case "^", [a, b]:
            return a**b
        case "root", [a, n]:
            return real_root(a, n)
        case "binomial", [n, k]:
            return (n + 1).gamma() / ((k + 1).gamma() * (n - k + 1).gamma())
        case (("floor" | "ceiling"), [a]) if is_real(a):
            return acb(a.real.floor() if call.name == "floor" else a.real.ceil())
        case (("max" | "min"), _) if all(is_real(a) for a in arguments):
            choose = max if call.name == "max" else min
            return acb(choose((a.real for a in arguments), key=lambda real: real.mid()))
        case name, [a] if name in FUNCTIONS:
            return FUNCTIONS[name](a)
    raise NoValue(call.name)


FUNCTIONS: dict[str, Callable[[acb], acb]] = {
    **{name: getattr(acb, name) for name in ("sqrt", "exp", "log", "sin", "cos", "tan", "cot", "sec", "csc")},
    **{name: getattr(acb, name) for name in ("asin", "acos", "atan", "sinh", "cosh", "tanh")},
    "abs": lambda a: acb(abs(a)),
    "cbrt": lambda a: real_root(a, acb(3)),
    "acot": lambda a: (1 / a).atan(),
    "asec": lambda a: (1 / a).acos(),
    "acsc": lambda a: (1 / a).asin(),
    "factorial": lambda a: (a + 1).gamma(),
    "degrees": lambda a: a * acb(arb.pi()) / 180,
    "percent": lambda a: a / 100,
}


def real_root(a: acb, n: acb) -> acb:
    """The n-th root: real for an odd root of a negative number, else the principal one."""
    half = (n.real.mid() - 1) / 2
    if is_real(a) and a.real < 0 and half == half.floor():
        return -((-a) ** (1 / n))
    return a ** (1 / n)


def is_real(a: acb) -> bool:
    """Whether the number may be real."""
    return bool(a.imag.contains(0))


def magnitude(a: acb) -> arb:
    """An upper bound of |a|."""
    return abs(a).upper() if hasattr(arb, "upper") else abs(a).mid() + abs(a).rad()


def is_tight(difference: acb, scale: arb) -> bool:
    """Whether a ball is small beside the numbers that it is the difference of."""
    radius = difference.real.rad() + difference.imag.rad()
    return bool(radius <= scale * arb(2) ** -TIGHT_BITS)
