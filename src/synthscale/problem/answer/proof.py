"""Whether the difference of two formulas is zero, by sympy's rewriting; built node by node, never from text."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy

from synthscale.problem.answer.tree import CONSTANTS, EULER, IMAGINARY, PI, Call, Expression, Symbol, negative

MAX_OPERATIONS = 120  # of a difference that sympy.simplify is tried on


def is_zero(difference: Expression) -> bool | None:
    """True or False where sympy proves it, None where it does not."""
    try:
        form = to_sympy(difference)
    except (KeyError, TypeError, ValueError):
        return None
    form = sympy.expand(form)
    for simplify in (sympy.cancel, sympy.simplify):
        if form == 0:
            return True
        if form.is_Rational or form.is_zero is False:
            return False
        if form.count_ops() > MAX_OPERATIONS:
            return None
        try:
            form = simplify(form)
        except (sympy.PolynomialError, NotImplementedError, TypeError, ValueError, AttributeError, RecursionError):
            continue
    return True if form == 0 else False if form.is_Rational else None


def are_equal(one: Expression, other: Expression) -> bool | None:
    """Whether one − other is zero."""
    return is_zero(Call("+", (one, negative(other))))


def to_sympy(value: Expression) -> Any:
    """The formula in sympy's classes, its variables real.

    Raises:
        KeyError: for a function that sympy is not asked about.
    """
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    if isinstance(value, Symbol):
        if value in CONSTANTS:
            return {PI: sympy.pi, EULER: sympy.E, IMAGINARY: sympy.I}[value]
        return sympy.Symbol(value.name, real=True)
    return FUNCTIONS[value.name](*(to_sympy(argument) for argument in value.arguments))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(sympy, name) for name in ("sqrt", "cbrt", "exp", "log", "sin", "cos", "tan", "cot", "sec", "csc")},
    **{name: getattr(sympy, name) for name in ("asin", "acos", "atan", "acot", "sinh", "cosh", "tanh", "floor")},
    **{name: getattr(sympy, name) for name in ("ceiling", "factorial", "binomial")},
    "abs": sympy.Abs,
    "max": sympy.Max,
    "min": sympy.Min,
    "root": sympy.real_root,
    "+": sympy.Add,
    "*": sympy.Mul,
    "apply": sympy.Mul,
    "/": lambda a, b: a / b,
    "^": sympy.Pow,
    "negative": lambda a: -a,
    "degrees": lambda a: a * sympy.pi / 180,
    "percent": lambda a: a / 100,
}
