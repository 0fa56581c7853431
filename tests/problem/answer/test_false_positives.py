"""Pairs that look alike to a lenient comparison and are not the same: each was once taken to be, or nearly."""

from __future__ import annotations

import pytest

PAIRS = [
    # ratios and times of day: cross products of zeros are equal, and 10:00 is no ratio
    ("0:0", "3:4"),
    ("0:1:2", "0:5:1"),
    ("1:0:2", "1:0:3"),
    ("10:00", "5:00"),
    ("2:00", "3:00"),
    ("2:10", "1:05"),
    ("12:30", "12:45"),
    # chains of relations: every link counts
    ("a > b > c > d", "a > b > c > e"),
    ("a > b > c > d", "a > b > c"),
    ("5 > x > 1 > y", "5 > x > 1"),
    ("1 < x < 5", "1 < y < 5"),
    # lists of relations against one of them
    ("x > 0 and y > 0", "x > 0"),
    ("x = 5, y = 5", "x = 5"),
    ("x = 5 or y = 5", "x = 5"),
    # a sign of relation is no decoration
    ("<5", "5"),
    ("> 5", "5"),
    (r"\ge 5", "5"),
    # words after a number that change it
    ("5 squared", "5"),
    ("5 cubed", "5"),
    ("5 factorial", "5"),
    ("3 tenths", "3"),
    ("2 thirds", "2"),
    ("5 percent", "500"),
    ("5 thousand", "5"),
    ("5 hundredths", "5"),
    # formulas that agree near zero, where values are positive, or to forty digits
    ("|x-10|", "10-x"),
    (r"\max(x,10)", "10"),
    (r"\sqrt{(x-10)^2}", "10-x"),
    (r"\lfloor \max(19, b^2) \rfloor", r"\max(19, b^2)"),
    ("x+|y|", "x+y"),
    ("a|b|", "ab"),
    (r"x\sqrt{y^2}", "xy"),
    (r"\frac{\sqrt{y^2}}{x}", r"\frac{y}{x}"),
    (r"\ln(\max(2^x, \sin y))", r"\ln(2^x)"),
    ("y = |x-10|", "y = 10-x"),
    (r"\sqrt{2}", "1.4142135623730950488016887242096980785697"),
    (r"\pi", "3.14159265358979323846264338327950288419716939937510"),
    (r"\sqrt{2}+\sqrt{3} \cdot 10^{-50}", r"\sqrt{2}"),
    (r"x+\sqrt{2} \cdot 10^{-50}", "x"),
    ("y = x+10^{-400}", "y = x"),
    # equations without solutions, or with other ones
    ("3 = 4", "5 = 6"),
    ("x = x", "y = 5"),
    ("x^2 = 4", "x = 2"),
    ("xy = 0", "x = 0"),
    # letters in an order
    (r"\text{BCA}", r"\text{ABC}"),
    ("CAB", r"\text{ABC}"),
    # forms that hold the same digits
    ("0x10", "0"),
    ("1,5", "15"),
    ("1.5", "1,5"),
    ("12 3", "123"),
    ("1 2/3", "12/3"),
    ("{1,2}", "1.2"),
    ("(1,234)", "1234"),
    ("1e5", "1.5"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_neither_is_the_other(labels, one: str, other: str) -> None:
    assert "correct" not in labels([one, other], [other, one])


@pytest.mark.parametrize(
    "reference", ["5", "x = 5", "3:4", "(1,2)", r"\{1,2\}", "[0,1)", "Tuesday", r"\sqrt{5}", "x^2+1", "B"]
)
def test_no_text_is_right_for_every_reference(labels, reference: str) -> None:
    """What a policy that learns to cheat would find: texts that equal too much."""
    tricks = [
        *(
            "0:0",
            "0/0",
            "x = x",
            "0 = 0",
            "1 = 1",
            "y = y",
            r"\infty",
            r"\emptyset",
            "{}",
            "()",
            "[]",
            "nan",
            "inf",
            "?",
        ),
        *(
            "...",
            "_",
            "*",
            r"\text{}",
            r"\ldots",
            "any",
            "all real numbers",
            r"\mathbb{R}",
            r"(-\infty,\infty)",
            r"0\infty",
        ),
        *("1, 2, 3, 4, 5, 6, 7, 8", "A, B, C, D", "0*x", "x/x", "0^0", r"\pm 0", "x", "the answer", "correct", "same"),
    ]
    assert "correct" not in labels(tricks, [reference] * len(tricks))
