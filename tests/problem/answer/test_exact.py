"""Exact values against Python's own fractions and integers; where a value would be large there is none, at once."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from synthscale.problem.answer.exact import rational
from synthscale.problem.answer.reading import readings
from synthscale.problem.answer.tree import Call, Expression, Quantity, Symbol

FRACTIONS = st.fractions(-(10**9), 10**9, max_denominator=10**6)
NATURAL = st.integers(0, 10**60)


def number(value: int) -> Fraction:
    return Fraction(value)


def read(text: str) -> Expression:
    """The formula that a text is, whatever its value."""
    (answer,) = readings(text)[:1]
    assert isinstance(answer, Quantity)
    return answer.value


@given(a=FRACTIONS, b=FRACTIONS)
def test_arithmetic_is_that_of_fractions(a: Fraction, b: Fraction) -> None:
    assume(b != 0)
    assert rational(Call("+", (a, b))) == a + b
    assert rational(Call("*", (a, b))) == a * b
    assert rational(Call("/", (a, b))) == a / b
    assert rational(Call("negative", (a,))) == -a
    assert rational(Call("abs", (a,))) == abs(a)
    assert rational(Call("percent", (a,))) == a / 100
    assert rational(Call("floor", (a,))) == math.floor(a)
    assert rational(Call("ceiling", (a,))) == math.ceil(a)
    assert rational(Call("max", (a, b))) == max(a, b)
    assert rational(Call("min", (a, b))) == min(a, b)


@given(a=FRACTIONS, n=st.integers(-12, 12))
def test_whole_powers_are_those_of_fractions(a: Fraction, n: int) -> None:
    assume(a != 0 or n >= 0)
    assert rational(Call("^", (a, number(n)))) == a**n


@given(a=NATURAL, n=st.integers(2, 100))
def test_roots_of_powers(a: int, n: int) -> None:
    """(a^n)^(1/n) = a, whichever way it is written; a neighbour of a power has no rational root."""
    power = number(a) ** n
    assume(power.numerator.bit_length() < 50_000)
    assert rational(Call("root", (power, number(n)))) == a
    assert rational(Call("^", (power, Fraction(1, n)))) == a
    assert rational(Call("root", (1 / (power or number(1)), number(n)))) == Fraction(1, a or 1)
    if a > 1:
        assert rational(Call("root", (power + 1, number(n)))) is None
        assert rational(Call("root", (power - 1, number(n)))) is None


@given(a=FRACTIONS)
def test_square_and_odd_roots(a: Fraction) -> None:
    """The square root is the positive one; a negative number has an odd root and no even one."""
    assert rational(Call("sqrt", (a * a,))) == abs(a)
    assert rational(Call("cbrt", (a**3,))) == a
    assert rational(Call("root", (a**5, number(5)))) == a
    if a < 0:
        assert rational(Call("sqrt", (a,))) is None
        assert rational(Call("^", (a, Fraction(1, 3)))) is None  # the principal root is not real


@given(n=st.integers(0, 300), k=st.integers(0, 300))
def test_counting(n: int, k: int) -> None:
    assert rational(Call("factorial", (number(n),))) == math.factorial(n)
    assert rational(Call("binomial", (number(n), number(k)))) == math.comb(n, k)
    assert rational(Call("gcd", (number(n), number(k)))) == math.gcd(n, k)
    assert rational(Call("lcm", (number(n), number(k)))) == math.lcm(n, k)


def test_large_factorials_differ() -> None:
    """A float takes both for 0."""
    one, other = rational(read(r"\frac{1}{2004!}")), rational(read(r"\frac{1}{2006!}"))
    assert one is not None and other is not None
    assert one / other == 2005 * 2006
    assert rational(read(r"\frac{2006!}{2005!}")) == 2006
    assert rational(read("10^{100}+1")) == 10**100 + 1


@pytest.mark.parametrize("text", ["1/0", "0/0", r"\frac{5}{3-3}", "0^{-1}", r"\frac{1}{\sqrt{4}-2}", "0^{-1/2}"])
def test_division_by_zero_is_said(text: str) -> None:
    with pytest.raises(ZeroDivisionError):
        rational(read(text))


@pytest.mark.parametrize(
    "text",
    [
        *("10^{10^9}", "2^{10^{10^{10}}}", "5001!", "(10^9)!", "1000000!", r"\binom{10^9}{5}", "9^{9^9}", "9^{-9^9}"),
        *(r"\sqrt[1000]{2}", r"2^{1/1000}", "1e4999" + " 1e4999" * 20, "*".join(["4999!"] * 40), "(-1)!", "(1/2)!"),
        *("x", "x-x", r"\pi", r"\sqrt{2}", r"\sin 0", "i^2", r"\sqrt{-4}", r"\sqrt{2}\sqrt{2}"),
    ],
)
def test_no_value_and_no_time(text: str) -> None:
    """What is large, irrational or no number: undecided here, in a moment."""
    start = time.perf_counter()
    formula = read(text.replace(" ", "*") if "1e" in text else text)
    assert rational(formula) is None
    assert time.perf_counter() - start < 0.2


def test_symbols_have_no_value() -> None:
    assert rational(Symbol("x")) is None
    assert rational(Call("*", (number(0), Symbol("x")))) is None
