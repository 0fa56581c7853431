"""Answers whose values are known by construction, written in random styles, against right and slightly wrong ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from hypothesis import assume, given, settings
from hypothesis import strategies as st

Labels = Callable[..., list[str]]
QUICK, SLOW = settings(max_examples=200, deadline=None), settings(max_examples=40, deadline=None)
SUM, PRODUCT, POWER, ATOM = range(4)  # how tightly a text binds


class Tree(NamedTuple):
    """An expression and its exact value."""

    kind: str
    value: Fraction
    parts: tuple[Tree, ...] = ()
    exponent: int = 0


def leaf(value: Fraction, kind: str) -> Tree:
    """A number as it is written; a form that cannot hold the value gives way to a fraction."""
    whole, rest = divmod(abs(value), 1)
    fits = {
        "decimal": 10**4 % value.denominator == 0,
        "mixed": whole > 0 and rest > 0 and value > 0,
        "root": value >= 0,
    }
    return Tree(kind if fits.get(kind, False) else "fraction", value)


OPERATORS = {"+": Fraction.__add__, "-": Fraction.__sub__, "*": Fraction.__mul__, "/": Fraction.__truediv__}


@st.composite
def larger(draw: st.DrawFn, trees: st.SearchStrategy[Tree]) -> Tree:
    """An operator on smaller trees, the four of arithmetic most often."""
    kind = draw(st.sampled_from([*"+-*/+-*/^", "negative", "root of square"]))
    one = draw(trees)
    match kind:
        case "negative":
            return Tree(kind, -one.value, (one,))
        case "root of square":
            return Tree(kind, abs(one.value), (one,))
        case "^":
            exponent = draw(st.integers(-3, 4))
            assume(one.value != 0 or exponent > 0)
            assume(is_small(one.value))
            return Tree(kind, one.value**exponent, (one,), exponent)
    other = draw(trees)
    assume(kind != "/" or other.value != 0)
    return Tree(kind, OPERATORS[kind](one.value, other.value), (one, other))


def is_small(value: Fraction) -> bool:
    return max(value.numerator.bit_length(), value.denominator.bit_length()) < 500


NUMBERS = st.fractions(-10_000, 10_000, max_denominator=60) | st.integers(-(10**6), 10**6).map(Fraction)
LEAVES = st.builds(leaf, NUMBERS, st.sampled_from(["fraction", "decimal", "mixed", "root"]))
TREES = st.recursive(LEAVES, larger, max_leaves=8)
STYLES = st.builds(lambda seed, latex: Style(random.Random(seed), latex), st.integers(0, 2**32), st.booleans())


class Style:
    """Writes trees, each choice of notation at random."""

    def __init__(self, draw: random.Random, latex: bool) -> None:
        self.draw, self.latex = draw, latex

    def write(self, tree: Tree) -> str:
        return self.level(tree)[0]

    def either(self, latex: Sequence[str], plain: Sequence[str]) -> str:
        return self.draw.choice(latex if self.latex else plain)

    def within(self, tree: Tree, least: int) -> str:
        """The text, in brackets where it binds less than `least`."""
        text, level = self.level(tree)
        if level >= least:
            return text
        opening, closing = self.draw.choice([("(", ")"), (r"\left(", r"\right)")] if self.latex else [("(", ")")])
        return f"{opening}{text}{closing}"

    def level(self, tree: Tree) -> tuple[str, int]:
        """The text and how tightly it binds."""
        match tree.kind:
            case "+" | "-":
                text = f"{self.within(tree.parts[0], SUM)} {tree.kind} {self.within(tree.parts[1], PRODUCT)}"
                return self.draw.choice([text, text.replace(" ", "")]) if self.latex else text, SUM
            case "*":
                sign = self.either([r" \cdot ", r"\times ", "*"], ["*", " * ", "·", " × "])
                return sign.join(self.within(part, POWER) for part in tree.parts), PRODUCT
            case "/" if self.latex and self.draw.random() < 0.8:
                return r"\{}{{{}}}{{{}}}".format(self.fraction(), *map(self.write, tree.parts)), POWER
            case "/":
                sign = self.either([r" \div ", "/"], ["/", " / ", "÷"])
                return sign.join(self.within(part, POWER) for part in tree.parts), PRODUCT
            case "^":
                power = self.either([f"{{{tree.exponent}}}"], [f"({tree.exponent})"])
                power = power[1:-1] if tree.exponent >= 0 and self.draw.random() < 0.5 else power
                return f"{self.within(tree.parts[0], ATOM)}{self.either(['^'], ['^', '**'])}{power}", POWER
            case "negative":
                return f"-{self.within(tree.parts[0], PRODUCT)}", SUM
            case "root of square":
                return self.root(self.write(Tree("^", tree.value**2, tree.parts, 2))), POWER
            case _:
                return self.number(tree)

    def number(self, tree: Tree) -> tuple[str, int]:
        value = abs(tree.value)
        match tree.kind:
            case "root":
                return self.root(self.write(leaf(value**2, "fraction"))), POWER
            case "mixed":
                whole, rest = divmod(value, 1)
                return f"{whole}{'' if self.latex else ' '}{self.write(leaf(rest, 'fraction'))}", SUM
            case "decimal":
                text, level = f"{value.numerator * 10**4 // value.denominator / 10**4:.4f}", ATOM
                assert Fraction(text) == value
                text = text.rstrip("0").rstrip(".") if self.draw.random() < 0.5 else text
            case _ if value.denominator == 1:
                text, level = f"{value.numerator:,}".replace(",", self.either([r"{,}", ""], [""])), ATOM
            case _ if self.latex:
                text, level = rf"\{self.fraction()}{{{value.numerator}}}{{{value.denominator}}}", POWER
            case _:
                text, level = f"{value.numerator}/{value.denominator}", PRODUCT
        return (f"-{text}", SUM) if tree.value < 0 else (text, level)

    def fraction(self) -> str:
        return self.draw.choice(["frac", "dfrac", "tfrac"])

    def root(self, inside: str) -> str:
        return rf"\sqrt{{{inside}}}" if self.latex else f"{self.draw.choice(['sqrt', '√'])}({inside})"


def one_digit_off(text: str, draw: random.Random) -> str:
    """The text with one of its digits another one."""
    at = draw.choice([i for i, character in enumerate(text) if character.isdigit()])
    return text[:at] + draw.choice([digit for digit in "0123456789" if digit != text[at]]) + text[at + 1 :]


@given(tree=TREES, style=STYLES)
@QUICK
def test_value_of_an_expression(labels: Labels, tree: Tree, style: Style) -> None:
    text, value = style.write(tree), str(tree.value)
    near = one_digit_off(value, style.draw)
    assume(not near.endswith("/0") and "/0" not in near and Fraction(near) != tree.value)
    references = [value, str(tree.value + 1), near, str(-tree.value or 1)]
    assert labels([text] * 4, references) == ["correct", "wrong", "wrong", "wrong"], text
    assert labels(references, [text] * 4) == ["correct", "wrong", "wrong", "wrong"], text


@given(tree=TREES, styles=st.tuples(STYLES, STYLES, STYLES), shifts=st.tuples(*[st.sampled_from([0, 1])] * 3))
@QUICK
def test_equality_is_transitive(labels: Labels, tree: Tree, styles: Sequence[Style], shifts: Sequence[int]) -> None:
    """Three writings of one value, or of it and a value that is off by one in a million."""
    shifted = Tree("+", tree.value + Fraction(1, 10**6), (tree, leaf(Fraction(1, 10**6), "fraction")))
    a, b, c = (style.write(shifted if shift else tree) for style, shift in zip(styles, shifts, strict=True))
    ab, bc, ac = (label == "correct" for label in labels([a, b, a], [b, c, c]))
    assert (ab, bc, ac) == (shifts[0] == shifts[1], shifts[1] == shifts[2], shifts[0] == shifts[2]), (a, b, c)


def expanded(coefficients: Sequence[Fraction], style: Style) -> str:
    """Σ c_k x^k, its terms in a random order."""
    terms = [
        f"{style.within(leaf(c, 'fraction'), POWER)}*x^{{{k}}}" if k else style.within(leaf(c, "fraction"), POWER)
        for k, c in enumerate(coefficients)
        if c
    ]
    style.draw.shuffle(terms)
    return " + ".join(terms) or "0"


def times(one: Sequence[Fraction], other: Sequence[Fraction]) -> list[Fraction]:
    """The product of two polynomials, lowest power first."""
    product = [Fraction(0)] * (len(one) + len(other) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            product[i + j] += a * b
    return product


FACTORS = st.lists(st.tuples(*[st.fractions(-20, 20, max_denominator=6)] * 2), min_size=2, max_size=4)


@given(factors=FACTORS, style=STYLES, at=st.integers(0, 10))
@SLOW
def test_polynomial_and_its_factors(labels: Labels, factors: Sequence[Sequence[Fraction]], style: Style, at) -> None:
    """∏ (a + b x) expanded here; one coefficient changed is another polynomial."""
    product: list[Fraction] = [Fraction(1)]
    for factor in factors:
        product = times(product, factor)
    near = list(product)
    near[at % len(near)] += Fraction(1, 7)
    text = "".join(f"({expanded(factor, style)})" for factor in factors)
    found = labels([text, expanded(product, style), text], [expanded(product, style), text, expanded(near, style)])
    assert found == ["correct", "correct", "wrong"], text


VALUES = st.lists(NUMBERS, min_size=2, max_size=5, unique=True)


def listing(values: Sequence[Fraction], style: Style) -> str:
    return ", ".join(style.write(leaf(value, style.draw.choice(["fraction", "decimal"]))) for value in values)


@given(values=VALUES, style=STYLES, data=st.data())
@QUICK
def test_order_of_values(labels: Labels, values: list[Fraction], style: Style, data: st.DataObject) -> None:
    """It matters in a tuple and not in a set or a bare list; and each value counts."""
    other = data.draw(st.permutations(values))
    one_off = [*other[:-1], other[-1] + 1]
    assume(sorted(one_off) != sorted(values) and len(set(one_off)) == len(values))
    for form, permuted in ((r"\{{{}\}}", True), ("{}", True), ("({})", values == other)):
        reference = form.format(listing(values, style))
        predictions = [form.format(listing(part, style)) for part in (other, one_off, [*values, max(values) + 1])]
        expected = ["correct" if permuted else "wrong", "wrong", "wrong"]
        assert labels(predictions, [reference] * 3) == expected, (predictions, reference)


@given(low=NUMBERS, width=st.fractions(Fraction(1, 60), 100, max_denominator=60), style=STYLES, ends=st.integers(0, 3))
@QUICK
def test_ends_of_intervals(labels: Labels, low: Fraction, width: Fraction, style: Style, ends: int) -> None:
    """An interval is itself and the double inequality; with one end open instead of closed it is another."""
    values = (style.write(leaf(end, "fraction")) for end in (low, low + width))
    a, b = values
    forms = [f"{opening}{a}, {b}{closing}" for opening in "[(" for closing in "])"]
    inequalities = [rf"{a} {left} x {right} {b}" for left in (r"\le", "<") for right in (r"\leq", "<")]
    expected = ["correct" if k == ends else "wrong" for k in range(4)]
    assert labels(forms, [forms[ends]] * 4) == expected
    assert labels(inequalities, [forms[ends]] * 4) == expected
    assert labels(forms, [inequalities[ends]] * 4) == expected
