"""Random texts against laws that hold for all: no exception, no long wait, and nothing is right that cannot be.

It runs for SYNTHSCALE_FUZZ_SECONDS (5 if not set) and says its seed; SYNTHSCALE_FUZZ_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from synthscale.problem import Verdict
from synthscale.problem.answer import Grader
from synthscale.problem.answer.exact import rational
from synthscale.problem.answer.extract import extract
from synthscale.problem.answer.reading import readings
from synthscale.problem.answer.tree import Quantity

SECONDS = float(os.environ.get("SYNTHSCALE_FUZZ_SECONDS", "5"))
SEED = int(os.environ.get("SYNTHSCALE_FUZZ_SEED", random.SystemRandom().randrange(2**32)))
LIMIT_SECONDS = 0.5  # for what runs in the calling process
EXAMPLES = 100

ROWS = [line.split("\t") for line in Path(__file__).with_name("pairs.tsv").read_text(encoding="utf-8").split("\n")]
PAIRS = [(row[2], row[3]) for row in ROWS if len(row) == 6 and row[0] != "category"]
TEXTS = sorted({text.replace("⏎", "\n") for pair in PAIRS for text in pair})
TOKENS = [
    *(r"\frac", r"\dfrac", r"\sqrt", r"\sqrt[3]", r"\pi", r"\infty", r"\cup", r"\in", r"\le", r"\geq", r"\neq", r"\pm"),
    *(
        r"\left",
        r"\right",
        r"\cdot",
        r"\times",
        r"\div",
        r"\{",
        r"\}",
        r"\text{",
        r"\text{ cm}",
        r"\%",
        r"\$",
        r"\!",
        r"\,",
    ),
    *(
        r"\sin",
        r"\log_",
        r"\ln",
        r"\binom",
        r"\lfloor",
        r"\rfloor",
        r"\overline{",
        r"\mid",
        r"^\circ",
        r"\boxed{",
        r"\emptyset",
    ),
    *(
        r"\begin{pmatrix}",
        r"\end{pmatrix}",
        r"\\",
        "&",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "|",
        "^",
        "_",
        "+",
        "-",
        "*",
        "/",
        "!",
    ),
    *(
        "=",
        "<",
        ">",
        ",",
        ";",
        ":",
        ".",
        "$",
        "%",
        "°",
        "'",
        " ",
        "  ",
        "\n",
        "0",
        "1",
        "2",
        "5",
        "12",
        "1,234",
        "0.5",
        "1e5",
    ),
    *(
        "x",
        "y",
        "a",
        "b",
        "B",
        "e",
        "i",
        "n",
        "pi",
        "sqrt",
        "and",
        "or",
        "cm",
        "dollars",
        "eggs",
        "per",
        "hours",
        "million",
    ),
    *(
        "no solution",
        "The answer is ",
        "####",
        "**",
        "A:",
        "U",
        "√",
        "π",
        "½",
        "²",
        "−",
        "×",
        "∞",
        "≤",
        "π",
        "٣",
        "፩",
        "➀",
        "PM",
    ),
]
SOUP = st.lists(st.sampled_from(TOKENS), max_size=25).map("".join)
UNICODE = st.text(max_size=40)
ROW_TEXTS = st.sampled_from(TEXTS)


@st.composite
def mutated(draw: st.DrawFn, texts: st.SearchStrategy[str] = ROW_TEXTS) -> str:
    """A text with a few pieces cut out, put in, doubled, or taken from another."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 6)))
        piece = draw(st.sampled_from(["", text[start:end] * 2, draw(st.sampled_from(TOKENS)), draw(ROW_TEXTS)]))
        text = text[:start] + piece + text[end:]
    return text


ANY_TEXT = SOUP | mutated() | mutated(SOUP) | UNICODE
REPEATED = st.builds(lambda text, count: text[:40] * count, SOUP | ROW_TEXTS, st.sampled_from([2, 30, 200, 1_000]))
NEAR_PAIRS = ROW_TEXTS.flatmap(lambda text: st.tuples(mutated(st.just(text)), mutated(st.just(text))))
ROW_PAIRS = st.sampled_from(PAIRS).flatmap(lambda pair: st.tuples(mutated(st.just(pair[0])), mutated(st.just(pair[1]))))


def timed(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result; an error where it took too long twice."""
    for _ in range(2):
        start = time.perf_counter()
        result = work(*arguments)
        if time.perf_counter() - start < LIMIT_SECONDS:
            return result
    raise AssertionError(f"{work.__name__} took {time.perf_counter() - start:.1f} s")


def exact_value(answer: str) -> Fraction | None:
    """The value of a bare number; None for one with a unit or percent sign, and for all else."""
    first = readings(answer)[:1]
    if not first or not isinstance(first[0], Quantity) or first[0].unit or first[0].percent:
        return None
    try:
        return rational(first[0].value)
    except ZeroDivisionError:
        return None


def is_bare(text: str) -> bool:
    return extract(text).answer == text.strip()


def no_exception_and_no_wait(grader: Grader, text: str) -> None:
    answer = timed(extract, text).answer
    timed(readings, text[:2_000])
    if answer is not None:
        timed(readings, answer)
        for other in ("7", r"\frac{22}{7}", r"\sqrt{7}", "1, 2", "(0, 7]", "x = 7", "cm"):
            timed(grader.compare_at_once, answer, other)
            timed(grader.compare_at_once, other, answer)


def itself(grader: Grader, text: str) -> None:
    """A text against itself, and against itself with a space before it, is right or unreadable."""
    for prediction in (text, f" {text}"):
        grade = grader.grade(prediction, text)
        assert grade.verdict is not Verdict.WRONG, grade


def sides(grader: Grader, pair: tuple[str, str]) -> None:
    """Right one way round is not wrong the other; and numbers of two values are never the same."""
    one, other = pair
    there, back = grader.grade(one, other), grader.grade(other, one)
    if is_bare(one) and is_bare(other):
        assert {there.verdict, back.verdict} != {Verdict.CORRECT, Verdict.WRONG}, (there, back)
    if there.correct and there.extracted and there.reference:
        values = exact_value(there.extracted), exact_value(there.reference)
        assert None in values or values[0] == values[1], there


def marked(grader: Grader, text: str) -> None:
    """What is marked at the end is the answer, whatever comes before."""
    assert extract(f"{text}\n#### 1729")[:] == ("1729", "hash")
    if "##" not in text:
        assert "box" in text or extract(f"{text}\nSo $\\boxed{{1729}}$.")[:] == ("1729", "box")
        assert "box" in text or extract(f"{text}\nThe answer is 1729")[:] == ("1729", "phrase")


LAWS: list[tuple[Callable[..., None], st.SearchStrategy[Any]]] = [
    (no_exception_and_no_wait, ANY_TEXT),
    (no_exception_and_no_wait, REPEATED),
    (itself, ANY_TEXT),
    (marked, ANY_TEXT | REPEATED),
    (sides, NEAR_PAIRS),
    (sides, ROW_PAIRS),
]


def of_round(grader: Grader, number: int) -> Callable[[], None]:
    """One law on fresh examples; each round has its own law and seed."""
    law, strategy = LAWS[number % len(LAWS)]

    @seed(SEED + number)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(example=strategy)
    def test(example: Any) -> None:
        law(grader, example)

    return test


@pytest.mark.fuzz
def test_laws_hold_for_random_texts() -> None:
    print(f"SYNTHSCALE_FUZZ_SEED={SEED}")
    end = time.monotonic() + SECONDS
    with Grader(time_limit_seconds=1) as grader:
        for number in count():
            if time.monotonic() > end:
                break
            of_round(grader, number)()
