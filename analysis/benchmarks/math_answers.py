"""Random final answers in the proportions of the MATH data set, each in three ways: reference, other form, wrong.

The proportions are rounded from a look at MATH's answers and make no claim beyond that. The other form has the same
value; the wrong answer is off as models are: by one, by a sign, upside down, rounded, swapped, one coefficient.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

Maker = Callable[[random.Random], "Answers"]


@dataclass(frozen=True, slots=True)
class Answers:
    """One final answer as LaTeX: as the reference has it, equal but written otherwise, and wrong."""

    reference: str
    other_form: str
    wrong: str


def integer(rng: random.Random) -> Answers:
    number = rng.choice((rng.randint(1, 99), rng.randint(-60, 2500), rng.randint(1000, 99_999))) or 7
    part = rng.randint(1, 50)
    others = [f"{number}.0", f"x = {number}", f"{number - part} + {part}", f"\\frac{{{number * part}}}{{{part}}}"]
    if number >= 1000:
        others.append(f"{number:,}")
    return Answers(str(number), rng.choice(others), str(rng.choice((number + 1, number - 1, -number, number + 10))))


def fraction(rng: random.Random) -> Answers:
    bottom = rng.randint(2, 99)
    top = rng.choice([top for top in range(1, 150) if math.gcd(top, bottom) == 1 and top != bottom])
    factor, sign = rng.randint(2, 9), rng.choice(("", "", "-"))
    others = [f"{sign}\\dfrac{{{factor * top}}}{{{factor * bottom}}}", f"{sign}{top}/{bottom}"]
    if top > bottom and not sign:
        others.append(f"{top // bottom}\\frac{{{top % bottom}}}{{{bottom}}}")
    wrongs = [f"{sign}\\frac{{{top + 1}}}{{{bottom}}}", f"{'' if sign else '-'}\\frac{{{top}}}{{{bottom}}}"]
    if top > 1:
        wrongs.append(f"{sign}\\frac{{{bottom}}}{{{top}}}")
    if 1000 * top % bottom:
        wrongs.append(f"{sign}{top / bottom:.3f}")
    return Answers(f"{sign}\\frac{{{top}}}{{{bottom}}}", rng.choice(others), rng.choice(wrongs))


def decimal(rng: random.Random) -> Answers:
    hundredths = rng.randrange(101, 9999, 2)
    reference = _hundredths(hundredths)
    return Answers(reference, f"\\frac{{{hundredths}}}{{100}}", _hundredths(hundredths + rng.choice((1, 10, -1))))


def money(rng: random.Random) -> Answers:
    cents = rng.randint(101, 99_999)
    other = rng.choice((_hundredths(cents), f"{_hundredths(cents)}\\text{{ dollars}}"))
    return Answers(f"\\${_hundredths(cents)}", other, f"\\${_hundredths(cents + rng.choice((1, 10, 100)))}")


def percent(rng: random.Random) -> Answers:
    number = rng.randint(2, 99)
    other = rng.choice((str(number), f"\\frac{{{number}}}{{100}}"))
    return Answers(f"{number}\\%", other, f"{number + rng.choice((1, 10))}\\%")


def measure(rng: random.Random) -> Answers:
    number = rng.randint(2, 900)
    short, long, other = rng.choice((("cm", "centimeters", "m"), ("minutes", "min", "hours"), ("kg", "kilograms", "g")))
    form = rng.choice((str(number), f"{number} \\text{{ {long}}}"))
    wrong = rng.choice((f"{number + 1}\\text{{ {short}}}", f"{number}\\text{{ {other}}}"))
    return Answers(f"{number}\\text{{ {short}}}", form, wrong)


def radical(rng: random.Random) -> Answers:
    inner, outer = rng.choice((2, 3, 5, 6, 7, 10, 11, 13, 14, 15)), rng.randint(2, 60)
    others = (f"\\sqrt{{{outer * outer * inner}}}", f"\\frac{{{outer * inner}}}{{\\sqrt{{{inner}}}}}")
    wrongs = (f"{outer + 1}\\sqrt{{{inner}}}", f"{outer}\\sqrt{{{inner + 1}}}", f"{outer * math.sqrt(inner):.2f}")
    return Answers(f"{outer}\\sqrt{{{inner}}}", rng.choice(others), rng.choice(wrongs))


def polynomial(rng: random.Random) -> Answers:
    """The product of (x + a) and (x - b)."""
    a, b = rng.randint(2, 40), rng.randint(42, 90)
    linear, constant = b - a, a * b
    reference = f"x^2-{linear}x-{constant}"
    others = (f"(x+{a})(x-{b})", f"-{constant}-{linear}x+x^2")
    wrongs = (f"x^2+{linear}x-{constant}", f"x^2-{linear}x+{constant}", f"x^2-{linear + 1}x-{constant}")
    return Answers(reference, rng.choice(others), rng.choice(wrongs))


def quotient(rng: random.Random) -> Answers:
    (a, b), factor = rng.sample(range(2, 90), 2), rng.randint(2, 9)
    wrong = rng.choice((f"\\frac{{x-{a}}}{{x+{b}}}", f"\\frac{{x+{b}}}{{x+{a}}}"))
    return Answers(f"\\frac{{x+{a}}}{{x+{b}}}", f"\\frac{{{factor}x+{factor * a}}}{{{factor}x+{factor * b}}}", wrong)


def line(rng: random.Random) -> Answers:
    slope, height = rng.randint(2, 30), rng.randint(2, 90)
    other = rng.choice((f"{slope}x-y+{height}=0", f"y-{height}={slope}x"))
    wrong = rng.choice((f"y={slope}x-{height}", f"y={slope + 1}x+{height}", f"y=-{slope}x+{height}"))
    return Answers(f"y={slope}x+{height}", other, wrong)


def point(rng: random.Random) -> Answers:
    x, y = rng.randint(-40, 40), rng.randint(41, 99)
    other = rng.choice(
        (f"\\left({x}, {y}.0\\right)", f"(x,y)=({x},{y})", f"\\left( \\frac{{{2 * x}}}{{2}}, {y} \\right)")
    )
    return Answers(f"({x},{y})", other, rng.choice((f"({y},{x})", f"({x},{-y})", f"({x + 1},{y})")))


def interval(rng: random.Random) -> Answers:
    low, high = rng.randint(-60, 0), rng.randint(1, 60)
    other = rng.choice((f"x \\in [{low},{high})", f"{low} \\le x < {high}"))
    wrong = rng.choice((f"({low},{high})", f"[{low},{high}]", f"[{low - 1},{high})"))
    return Answers(f"[{low},{high})", other, wrong)


def several(rng: random.Random) -> Answers:
    first, second, third = rng.sample(range(-60, 60), 3)
    other = rng.choice((f"{third}, {first}, {second}", f"\\{{{second}, {first}, {third}\\}}"))
    wrong = rng.choice((f"{first}, {second}", f"{first}, {second}, {third + 100}"))
    return Answers(f"{first}, {second}, {third}", other, wrong)


def letter(rng: random.Random) -> Answers:
    right, wrong = rng.sample("ABCDE", 2)
    return Answers(
        f"\\text{{({right})}}", rng.choice((right, f"({right})", f"\\textbf{{({right})}}")), f"\\text{{({wrong})}}"
    )


def word(rng: random.Random) -> Answers:
    right, wrong = rng.sample(("Monday", "Tuesday", "Friday", "odd", "even", "neither", "ellipse", "parabola"), 2)
    other = rng.choice((right, f"\\text{{{right.lower() if right.istitle() else right.capitalize()}}}"))
    return Answers(f"\\text{{{right}}}", other, f"\\text{{{wrong}}}")


# maker and its weight: integers 60, fractions 13, measures 5, radicals 6, expressions 7, several values 6, words 3
MAKERS: dict[Maker, float] = {
    integer: 60,
    fraction: 13,
    decimal: 1.5,
    money: 1,
    percent: 1,
    measure: 1.5,
    radical: 6,
    polynomial: 4,
    quotient: 1.5,
    line: 1.5,
    point: 3,
    interval: 1.5,
    several: 1.5,
    letter: 1.5,
    word: 1.5,
}
_MAKERS, _WEIGHTS = list(MAKERS), list(MAKERS.values())


def draw_answers(rng: random.Random) -> Answers:
    """One final answer, of a kind drawn by the weights."""
    return rng.choices(_MAKERS, _WEIGHTS)[0](rng)


def _hundredths(number: int) -> str:
    return f"{number // 100}.{number % 100:02d}"
