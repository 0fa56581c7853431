"""What must not change a verdict: which side is which, and how an answer is dressed.

Every transformation here says by a rule, and not by a list of rows, which forms it may be applied to.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from synthscale.problem.answer.extract import extract

Transformation = Callable[[str], str | None]  # None where it does not apply

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
PURE = re.compile(r"(?:\\(?:frac|dfrac|tfrac|sqrt|pi|cdot|times)(?![A-Za-z])|[\d\s.,/^{}+*-])+")  # no letters, no units
MATH_WORDS = {"sqrt", "pi", "sin", "cos", "tan", "log", "ln", "exp", "gcd", "max", "inf"}


def is_bare(text: str) -> bool:
    """Whether the whole text is an answer, and not a solution that has one in it."""
    found = extract(text)
    return found.rule == "plain" and found.answer == text.strip()


def has_prose(text: str) -> bool:
    r"""Whether there are words that are not in \text{…}: what math mode sets as products of letters."""
    outside = re.sub(r"\\[A-Za-z]+", " ", re.sub(r"\\(?:text|begin|end|math\w+)\w*\s*\{[^{}]*\}", " ", text))
    return any(word.lower() not in MATH_WORDS for word in re.findall(r"[^\W\d_]{2,}", outside))


def with_left_right(text: str) -> str | None:
    r"""\left and \right at every bracket.

    Not inside \text{…} nor the column of an array, nor around the degree of a root, where TeX reads an argument;
    nor where some are there, \big is, or the brackets do not pair.
    """
    opening, closing = re.findall(r"[(\[]|\\\{", text), re.findall(r"[)\]]|\\\}", text)
    if not opening or len(opening) != len(closing) or re.search(r"\\(left|[bB]ig|text|math|begin|sqrt\[|\[|\()", text):
        return None
    return re.sub(r"([)\]]|\\\})", r"\\right\1", re.sub(r"([(\[]|\\\{)", r"\\left\1", text))


def with_spaces(text: str) -> str | None:
    """Spaces around signs that stand between two operands.

    Not in 2.5e-3, where the sign belongs to the number; nor in words such as well-known; nor in 1 1/2, where a
    space has a meaning already.
    """
    if re.search(r"\d\s+\d|\d[eE][+-]?\d|\*\*|\\text|[A-Za-z]{2,}-", text):
        return None
    spaced = re.sub(r"(?<=[\w)}\]])\s*([+*=<>-]|<=|>=)\s*(?=[\w\\(\[{|])", r"  \1 ", text)
    return re.sub(r"(?<=\d)/(?=\d)", " / ", spaced)


def with_other_fractions(command: str) -> Transformation:
    return lambda text: re.sub(r"\\frac(?![A-Za-z])", rf"\\{command}", text) if r"\frac" in text else None


def with_full_stop(text: str) -> str | None:
    """Not after a dot, nor after a backslash, with which it would be a command."""
    return None if text.endswith((".", "\\")) else text + "."


def wrapped(opening: str, closing: str) -> Transformation:
    """Math delimiters: not around other delimiters, and not around words, which math mode would set as letters."""
    return lambda text: None if "$" in text or has_prose(text) or r"\(" in text else f"{opening}{text}{closing}"


def boxed(text: str) -> str:
    r"""\boxed{…} holds anything whose braces pair, and a bare answer's do."""
    return rf"\boxed{{{text}}}"


def bold(text: str) -> str | None:
    """Not where there are stars or line breaks, which end the emphasis."""
    return None if "*" in text or "\n" in text else f"**{text}**"


def announced(text: str) -> str | None:
    """Not over several lines: a sentence that announces an answer ends with its line."""
    return None if "\n" in text else f"The answer is {text.strip().rstrip('.')}."


def with_label(text: str) -> str | None:
    """x = before a value: not before words, units or variables, x = x + 1 says something else."""
    return f"x = {text}" if PURE.fullmatch(text.strip("$")) else None


TRANSFORMATIONS = {
    "left and right": with_left_right,
    "spaces": with_spaces,
    "dfrac": with_other_fractions("dfrac"),
    "tfrac": with_other_fractions("tfrac"),
    "full stop": with_full_stop,
    "dollars": wrapped("$", "$"),
    "double dollars": wrapped("$$", "$$"),
    "parentheses": wrapped(r"\(", r"\)"),
    "display": wrapped(r"\[", r"\]"),
    "box": boxed,
    "box in dollars": lambda text: None if "$" in text else f"${boxed(text)}$",
    "bold": bold,
    "phrase": announced,
}


@pytest.fixture(scope="module")
def bare(rows) -> list:
    """Rows under the default policy with a bare answer on both sides."""
    found = [row for row in rows if not row.policy and is_bare(row.prediction) and is_bare(row.reference)]
    assert len(found) > 700
    return found


def check(labels, cases: list[tuple[str, str, str]], at_least: int) -> None:
    """That each (prediction, reference) gets its label; and that the rule leaves enough cases to mean something."""
    found = labels([case[0] for case in cases], [case[1] for case in cases])
    mistaken = [f"{case} was graded {label}" for case, label in zip(cases, found, strict=True) if case[2] != label]
    assert not mistaken, f"{len(mistaken)} of {len(cases)}:\n" + "\n".join(mistaken)
    assert len(cases) >= at_least


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_dress_of_the_prediction(name, bare, labels) -> None:
    cases = [
        (changed, row.reference, row.label)
        for row in bare
        if (changed := TRANSFORMATIONS[name](row.prediction)) not in (None, row.prediction)
    ]
    check(labels, cases, at_least=50)


def test_label_before_a_value(bare, labels) -> None:
    """Not where the reference is a relation: x = 5 is not x > 3, but 5 is not either."""
    cases = [
        (changed, row.reference, row.label)
        for row in bare
        if PURE.fullmatch(row.reference.strip("$")) and (changed := with_label(row.prediction)) is not None
    ]
    check(labels, cases, at_least=150)


@pytest.mark.parametrize("unit", [" cm", r"\text{ cm}", " dollars", r"\,\mathrm{kg}", " apples", r"\text{ meters}"])
def test_unit_on_a_plain_number(unit, bare, labels) -> None:
    """A unit or a noun that the other side leaves out is forgiven."""
    cases = [
        (row.prediction + unit, row.reference, row.label)
        for row in bare
        if NUMBER.fullmatch(row.prediction) and PURE.fullmatch(row.reference)
    ]
    check(labels, cases, at_least=50)


def test_sides_are_symmetric(rows, labels) -> None:
    """Under every policy without a tolerance, which is one of the reference."""
    for policy in sorted({row.policy for row in rows if "tolerance" not in row.policy}):
        cases = [
            (row.reference, row.prediction, row.label)
            for row in rows
            if row.policy == policy and is_bare(row.prediction) and is_bare(row.reference)
        ]
        found = labels([case[0] for case in cases], [case[1] for case in cases], policy)
        mistaken = [(case, label) for case, label in zip(cases, found, strict=True) if case[2] != label]
        assert not mistaken, policy


def test_every_readable_answer_is_itself(rows, labels) -> None:
    """Also where a space makes the two texts differ, so that they are compared and not only found to be identical."""
    texts = sorted({text for row in rows for text in (row.prediction, row.reference) if extract(text).answer})
    assert len(texts) > 1_000
    check(labels, [(text, text, "correct") for text in texts], at_least=1_000)
    bare_texts = [text for text in texts if is_bare(text)]
    check(labels, [(f"  {text} ", text, "correct") for text in bare_texts], at_least=900)
    check(labels, [(f"{boxed(text)}", text, "correct") for text in bare_texts], at_least=900)
