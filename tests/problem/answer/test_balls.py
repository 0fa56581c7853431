"""Balls prove a difference and never invent one; what they cannot tell is left to a proof, which sees the smallest."""

from __future__ import annotations

from fractions import Fraction

import pytest
from flint import acb, arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.problem.answer import AnswerPolicy
from synthscale.problem.answer.balls import Meeting, ball, constant_ratio, meet, points, within
from synthscale.problem.answer.formula import Thorough
from synthscale.problem.answer.reading import readings
from synthscale.problem.answer.tree import Call, Expression, Quantity

SQRT2_40_DIGITS = "1.4142135623730950488016887242096980785697"


def read(text: str) -> Expression:
    (answer,) = readings(text)[:1]
    assert isinstance(answer, Quantity)
    return answer.value


def same(one: str, other: str) -> bool:
    """What the verifier decides in the end."""
    return Thorough(AnswerPolicy()).same_formula(read(one), read(other))


EQUAL = [
    (r"\sqrt{3+2\sqrt{2}}", r"1+\sqrt{2}"),
    (r"\sqrt[3]{2+\sqrt{5}}+\sqrt[3]{2-\sqrt{5}}", "1"),
    (r"\cos\frac{\pi}{5}", r"\frac{1+\sqrt{5}}{4}"),
    (r"\sin 20^\circ \sin 40^\circ \sin 80^\circ", r"\frac{\sqrt{3}}{8}"),
    (r"\arctan 1 + \arctan 2 + \arctan 3", r"\pi"),
    (r"\log_2 10", r"\frac{\ln 10}{\ln 2}"),
    (r"e^{i\pi}", "-1"),
    (r"\sin^2 x + \cos^2 x", "1"),
    (r"(x+y)^3", "x^3+3x^2y+3xy^2+y^3"),
    (r"\frac{1}{x}-\frac{1}{x+1}", r"\frac{1}{x(x+1)}"),
    (r"\sqrt{x^2}", "|x|"),
    (r"\binom{n}{3}", r"\frac{n(n-1)(n-2)}{6}"),
]
DIFFERENT = [
    (r"\sqrt{2}", SQRT2_40_DIGITS),
    (r"\pi", "3.14159265358979323846264338327950288"),
    (r"e^{\pi\sqrt{163}}", "640320^3+744"),
    (r"\sqrt{2}+\sqrt{3}", r"\sqrt{10}-0.0158"),
    (r"\sqrt{x^2}", "x"),
    ("x^2+0.999x", "x^2+x"),
    (r"\sin x", "x"),
    (r"\lfloor x \rfloor", "x"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_formulas_agree(one: str, other: str) -> None:
    assert meet(read(one), read(other)) is Meeting.AGREE
    assert same(one, other) and same(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_a_difference_is_proved(one: str, other: str) -> None:
    assert meet(read(one), read(other)) is Meeting.DIFFERENT
    assert not same(one, other) and not same(other, one)


@pytest.mark.parametrize("unit", ["1", r"\sqrt{3}", "e", r"\sqrt{2}"])
@pytest.mark.parametrize("base", [r"\sqrt{2}", r"\pi", "x"])
def test_tiny_differences_are_seen(base: str, unit: str) -> None:
    """A difference is none the less one for being rational, or a multiple of the number itself, or not."""
    tiny = [rf"{base}+10^{{-{exponent}}} \cdot {unit}" for exponent in (20, 50, 100, 1_000, 2_000)]
    assert [text for text in tiny if same(text, base)] == []


@pytest.mark.parametrize("variables", ["x", "xy", "abc", "klmn"])
def test_absolute_values_are_no_variables(variables: str) -> None:
    """Each variable is negative at some point, whatever its name and how many others there are."""
    for name in variables:
        assert not same("+".join(variables).replace(name, f"|{name}|"), "+".join(variables))
        assert not same(rf"2^{variables[0]}\sqrt{{{name}^2}}", f"2^{variables[0]}{name}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"|x-10|", "10-x"),
        (r"\max(x,10)", "10"),
        (r"\sqrt{(x-10)^2}", "10-x"),
        (r"\lfloor x/100 \rfloor", r"\lfloor x/200 \rfloor"),
    ],
)
def test_formulas_that_differ_far_from_zero(one: str, other: str) -> None:
    """Points near zero do not tell them apart."""
    assert not same(one, other)


@given(value=st.fractions(-(10**6), 10**6), near=st.fractions(-(10**6), 10**6))
@settings(max_examples=100, deadline=None)
def test_rational_numbers_are_told_apart(value: Fraction, near: Fraction) -> None:
    found = meet(value, near)
    assert found is (Meeting.AGREE if value == near else Meeting.DIFFERENT)
    assert meet(Call("sqrt", (value * value,)), abs(value)) is Meeting.AGREE


@pytest.mark.parametrize(
    ("one", "other", "positive", "expected"),
    [
        ("2x+4y-6", "x+2y-3", True, Meeting.AGREE),
        ("-x-y+3", "x+y-3", False, Meeting.AGREE),
        ("-x-y+3", "x+y-3", True, Meeting.DIFFERENT),  # an inequality turns round
        ("x-5", "x+5", False, Meeting.DIFFERENT),
        ("x-5", "x^2-25", False, Meeting.DIFFERENT),
        (r"\sqrt{2}x-2", r"x-\sqrt{2}", True, Meeting.AGREE),
    ],
)
def test_constant_ratio(one: str, other: str, positive: bool, expected: Meeting) -> None:
    assert constant_ratio(read(one), read(other), positive) is expected


def test_points_are_the_same_in_every_run() -> None:
    """Some with positive values alone, for formulas with roots and logarithms."""
    drawn = list(points(["x", "y"]))
    assert drawn == list(points(["x", "y"]))
    assert any(all(value > 0 for value in point.values()) for point in drawn)


def test_balls_hold_the_value() -> None:
    """√2 squared holds 2, at any precision, in a ball that is smaller than the precision asks."""
    for precision in (64, 500, 4_000):
        ctx.prec = precision
        root = ball(read(r"\sqrt{2}"), {})
        assert (root * root).contains(acb(2))
        assert root.real.rad() < arb(2) ** -(precision - 4)


def test_tolerance_is_of_the_second() -> None:
    assert within(read("3.14"), read(r"\pi"), 0.001)
    assert not within(read("3.14"), read(r"\pi"), 0.0001)
    assert not within(read("-3.14"), read(r"\pi"), 0.1)
