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

NUM_POINTS = 24
MIN_AGREEING = 3
LOW_BITS, HIGH_BITS = 128, 4_096  # the first shows most differences; the second those of a thousand digits
TIGHT_BITS = HIGH_BITS // 2  # balls agree where their radius is below 2^-TIGHT_BITS of the number
SCALES = (1, 50, 5_000, Fraction(1, 100))  # of the variables: near one, beyond a formula's own numbers, near zero


class Meeting(Enum):
    """What the balls of two formulas say."""

    DIFFERENT = "different"
    AGREE = "agree"
    UNKNOWN = "unknown"


class NoValue(ValueError):
    """The formula has a function that has no ball."""


NO_BALL = (NoValue, ZeroDivisionError, ValueError, OverflowError)


def meet(one: Expression, other: Expression) -> Meeting:
    """Compare two formulas at the points where both have values."""
    variables = sorted(symbols(one) | symbols(other))
    at = list(points(variables))
    if any(meet_at(one, other, point, LOW_BITS) is Meeting.DIFFERENT for point in at):
        return Meeting.DIFFERENT
    found = [meet_at(one, other, point, HIGH_BITS) for point in at]
    if Meeting.DIFFERENT in found:
        return Meeting.DIFFERENT
    enough = found.count(Meeting.AGREE) >= (MIN_AGREEING if variables else 1)
    return Meeting.AGREE if enough else Meeting.UNKNOWN


def meet_at(one: Expression, other: Expression, point: Mapping[str, Fraction], bits: int) -> Meeting:
    """Compare two formulas at one point; few bits tell no agreement."""
    ctx.prec = bits
    try:
        a, b = ball(one, point), ball(other, point)
    except NO_BALL:
        return Meeting.UNKNOWN
    if not (a.is_finite() and b.is_finite()):
        return Meeting.UNKNOWN
    if point and is_real(a) != is_real(b):  # outside the domain of one of them
        return Meeting.UNKNOWN
    if not (a - b).contains(0):
        return Meeting.DIFFERENT
    return Meeting.AGREE if is_tight(a - b, max(magnitude(a), magnitude(b))) else Meeting.UNKNOWN


def constant_ratio(one: Expression, other: Expression, positive: bool) -> Meeting:
    """Whether one / other is the same number at every point, not 0, and with `positive` above 0."""
    at = list(points(sorted(symbols(one) | symbols(other))))
    for bits in (LOW_BITS, HIGH_BITS):
        ratios = [ratio for point in at if (ratio := ratio_at(one, other, point, bits)) is not None]
        if not ratios:
            return Meeting.UNKNOWN
        first = ratios[0]
        if first.contains(0) or (positive and not first.real > 0):
            return Meeting.DIFFERENT
        if any(not (ratio - first).contains(0) for ratio in ratios):
            return Meeting.DIFFERENT
    num_tight = sum(is_tight(ratio - ratio.mid(), magnitude(ratio)) for ratio in ratios)
    return Meeting.AGREE if num_tight >= MIN_AGREEING else Meeting.UNKNOWN


def ratio_at(one: Expression, other: Expression, point: Mapping[str, Fraction], bits: int) -> acb | None:
    """The quotient of two formulas at a point, None where it has no value."""
    ctx.prec = bits
    try:
        ratio = ball(one, point) / ball(other, point)
    except NO_BALL:
        return None
    return ratio if ratio.is_finite() else None


def within(one: Expression, other: Expression, relative_tolerance: float) -> bool:
    """Whether two real constants differ by at most the tolerance times the second."""
    ctx.prec = HIGH_BITS
    try:
        a, b = ball(one, {}), ball(other, {})
    except NO_BALL:
        return False
    return bool(abs(a - b) <= arb(relative_tolerance) * abs(b))


def points(variables: list[str]) -> Iterator[dict[str, Fraction]]:
    """Values for the variables, the same in every run: a third positive, a third negative, the rest of either sign."""
    if not variables:
        yield {}
        return
    for k in range(NUM_POINTS):
        draw = random.Random(f"point {k}")
        sign = (1, -1, 0)[k * 3 // NUM_POINTS]
        point = {}
        for name in variables:
            scale = draw.choice(SCALES) if k % 2 else SCALES[k // 2 % len(SCALES)]
            point[name] = (sign or draw.choice((1, -1))) * Fraction(draw.randint(512, 4_096), 1_021) * scale
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
        case (("*" | "apply"), [a, b]):
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
