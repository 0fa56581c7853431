"""Exact values of rational expressions, without floats; None where there is none or where it would be large."""

from __future__ import annotations

import math
from fractions import Fraction

from synthscale.problem.answer.tree import Call, Expression

MAX_BITS = 60_000  # of a numerator or denominator; 2006! has 19,300
MAX_FACTORIAL = 5_000


def rational(value: Expression) -> Fraction | None:
    """The value as a fraction.

    Raises:
        ZeroDivisionError: for a division by zero.
    """
    if isinstance(value, Fraction):
        return value
    if not isinstance(value, Call):
        return None
    arguments = []
    for argument in value.arguments:
        exact = rational(argument)
        if exact is None:
            return None
        arguments.append(exact)
    found = _apply(value.name, arguments)
    return found if found is None or _bits(found) <= MAX_BITS else None


def _apply(name: str, arguments: list[Fraction]) -> Fraction | None:
    match name, arguments:
        case "+", _:
            return sum(arguments, Fraction(0))
        case (("*" | "apply"), _):
            product = Fraction(1)
            for factor in arguments:
                if _bits(product) > MAX_BITS:
                    return None
                product *= factor
            return product
        case "/", [a, b]:
            return a / b
        case "negative", [a]:
            return -a
        case "^", [a, b]:
            return _power(a, b)
        case "sqrt", [a]:
            return _root(a, 2)
        case "root", [a, n] if n.denominator == 1 and 2 <= n <= 100:
            return _real_root(a, int(n))
        case "cbrt", [a]:
            return _real_root(a, 3)
        case "abs", [a]:
            return abs(a)
        case "floor", [a]:
            return Fraction(math.floor(a))
        case "ceiling", [a]:
            return Fraction(math.ceil(a))
        case "factorial", [a] if a.denominator == 1 and 0 <= a <= MAX_FACTORIAL:
            return Fraction(math.factorial(int(a)))
        case "binomial", [n, k] if n.denominator == k.denominator == 1 and 0 <= n <= MAX_FACTORIAL and k >= 0:
            return Fraction(math.comb(int(n), int(k)))
        case "percent", [a]:
            return a / 100
        case (("gcd" | "lcm"), _) if all(a.denominator == 1 for a in arguments):
            return Fraction((math.gcd if name == "gcd" else math.lcm)(*map(int, arguments)))
        case (("max" | "min"), [_, *_]):
            return (max if name == "max" else min)(arguments)
        case _:
            return None


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1:
        if exponent.denominator > 100:
            return None
        root = _root(base, exponent.denominator)
        return None if root is None else _power(root, Fraction(exponent.numerator))
    if base in (0, 1, -1):
        return base ** (int(exponent) if base == 0 else int(exponent) % 2)
    if abs(exponent) * _bits(base) > MAX_BITS:
        return None
    return base ** int(exponent)


def _real_root(value: Fraction, degree: int) -> Fraction | None:
    if value < 0 and degree % 2:
        root = _root(-value, degree)
        return None if root is None else -root
    return _root(value, degree)


def _root(value: Fraction, degree: int) -> Fraction | None:
    """The real root where it is rational; the principal root of a negative number is not."""
    if value < 0:
        return None
    numerator, denominator = _integer_root(value.numerator, degree), _integer_root(value.denominator, degree)
    return None if numerator is None or denominator is None else Fraction(numerator, denominator)


def _integer_root(value: int, degree: int) -> int | None:
    if degree == 2:
        root = math.isqrt(value)
    else:  # Newton's iteration from above (Cohen 1993, algorithm 1.7.1 for any degree)
        root = 1 << -(-value.bit_length() // degree)
        while value and (better := ((degree - 1) * root + value // root ** (degree - 1)) // degree) < root:
            root = better
        root = root if value else 0
    return root if root**degree == value else None


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())
