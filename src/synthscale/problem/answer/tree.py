"""What an answer can be: expressions, and what is built of them. Plain immutable values, compared by `compare`."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple


class Symbol(NamedTuple):
    """A variable, or one of the constants `pi`, `e`, `i` and `infinity`."""

    name: str


class Call(NamedTuple):
    """An operator or function on expressions: `+`, `*`, `/`, `^`, `negative`, `sqrt`, `sin`, `log`, `degrees`, …"""

    name: str
    arguments: tuple[Expression, ...]


Expression = Fraction | Symbol | Call


class Quantity(NamedTuple):
    """An expression with what is written beside it: a canonical unit, or a percent sign."""

    value: Expression
    unit: str | None = None
    percent: bool = False


class Words(NamedTuple):
    """A text: Tuesday, no solution; in lower case, with single spaces."""

    text: str


class Clock(NamedTuple):
    """A time of day; `ratio` is what 3:45 is where it is none."""

    time: str
    half: str | None = None  # am, pm
    ratio: Answer | None = None


class Choice(NamedTuple):
    """A letter with its content, as in (B) 12."""

    letter: str
    contents: tuple[Answer, ...]  # its readings


class Based(NamedTuple):
    """Digits in a base, as in 101_2; no base where none is shown."""

    digits: str
    base: str


class Ratio(NamedTuple):
    """a : b : c."""

    parts: tuple[Quantity, ...]


class Several(NamedTuple):
    """Several values: a `list` without brackets, a `tuple`, a `set`, or a `bracketed` list [1, 2, 3]."""

    kind: str
    items: tuple[Answer, ...]


class Interval(NamedTuple):
    """The numbers between two ends; `infinity` is an end like any other."""

    low: Expression
    high: Expression
    low_closed: bool
    high_closed: bool


class Union(NamedTuple):
    """A union of intervals and sets."""

    parts: tuple[Answer, ...]


class Matrix(NamedTuple):
    """Rows of expressions, all as long."""

    rows: tuple[tuple[Answer, ...], ...]


class Relation(NamedTuple):
    """left (=, ≠, <, ≤, >, ≥, in) right."""

    name: str
    left: Answer
    right: Answer


Answer = Quantity | Words | Choice | Clock | Based | Ratio | Several | Interval | Union | Matrix | Relation

PI, EULER, IMAGINARY, INFINITY = Symbol("pi"), Symbol("e"), Symbol("i"), Symbol("infinity")
REALS = Interval(Call("negative", (INFINITY,)), INFINITY, False, False)
CONSTANTS = frozenset({PI, EULER, IMAGINARY, INFINITY})


def negative(value: Expression) -> Expression:
    """−value."""
    return -value if isinstance(value, Fraction) else Call("negative", (value,))


def symbols(value: Expression) -> set[str]:
    """The names of the variables in it."""
    if isinstance(value, Symbol):
        return set() if value in CONSTANTS else {value.name}
    if isinstance(value, Call):
        return set().union(*(symbols(argument) for argument in value.arguments))
    return set()
