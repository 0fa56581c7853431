"""GSM8K's own solutions: each is read to its number, and no number near it, in digits or in value, is taken for it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from synthscale.problem import Verdict
from synthscale.problem.answer import Grader

SAMPLE = Path(__file__).parents[1] / "gsm8k_sample.jsonl"
SOLUTIONS = [json.loads(line)["answer"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
FORMS = [
    *("{}", "#### {}", "The answer is {}.", "So she pays 3 + 4 = 7 dollars, then {}.\n#### {}", r"\boxed{{{}}}", "${}"),
    *("**Answer:** {}", "The total is **{}**.", "#### ${}", r"Therefore $x = \boxed{{{}}}$.", "A: {}"),
]
NUM_PAIRS = 100_000


def number_of(solution: str) -> str:
    """The number after ####, as GSM8K's authors read it."""
    return solution.rpartition("#### ")[2].replace(",", "")


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader() as grader:
        yield grader


def test_there_are_solutions() -> None:
    assert len(SOLUTIONS) >= 25


@pytest.mark.parametrize("solution", SOLUTIONS)
def test_reference_is_its_number(grader, solution) -> None:
    number = number_of(solution)
    found = grader.grade(solution, solution)
    assert (found.verdict, found.rule) == (Verdict.CORRECT, "hash: string")
    assert Decimal(found.reference.replace(",", "")) == Decimal(number)
    written = [form.format(*[number] * form.count("{}")) for form in FORMS]
    written += [solution.replace("####", "The answer is"), solution.partition("####")[0] + f"Answer: {number}"]
    assert {grade.verdict for grade in grader.grade_batch(written, [solution] * len(written))} == {Verdict.CORRECT}


def perturbed(number: str, draw: random.Random) -> Iterator[str]:
    """Numbers near to one: a step away, ten times or a tenth, of the other sign, with a digit changed; without end."""
    value = Decimal(number)
    yield from (f"{value:f}0", f"{value / 10:f}", f"{-value:f}", f"{value + 1:f}", f"{value - 1:f}")
    yield from (f"{value + step / Decimal(100):f}" for step in (1, -1, 50, -50))
    for at, digit in enumerate(number):
        if digit.isdecimal():
            yield from (number[:at] + other + number[at + 1 :] for other in "0123456789" if other != digit)
            yield number[:at] + number[at + 1 :] or "0"
    while True:
        yield draw.choice([f"{value + draw.randint(-5_000, 5_000):f}", f"{value * draw.randint(2, 999):f}"])


def pairs() -> Iterator[tuple[str, str]]:
    """A perturbed number in some form, and the number of the solution that it came from; the same in every run."""
    draw = random.Random("perturbed")
    streams = [(number_of(solution), perturbed(number_of(solution), draw)) for solution in SOLUTIONS]
    while True:
        for number, near in streams:
            text = next(near)
            if Decimal(text) != Decimal(number):
                form = FORMS[draw.randrange(len(FORMS) if draw.random() < 0.1 else 2)]  # mostly the cheap ones
                yield form.format(*[text] * form.count("{}")), f"#### {number}"


def test_perturbed_numbers_are_wrong(grader) -> None:
    stream = pairs()
    sample = [next(stream) for _ in range(NUM_PAIRS)]
    grades = list(grader.grade_stream(sample))
    mistaken = [(pair, grade) for pair, grade in zip(sample, grades, strict=True) if grade.verdict is not Verdict.WRONG]
    assert mistaken == []
    assert len(set(sample)) > NUM_PAIRS / 2
