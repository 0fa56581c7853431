"""Whole solutions with known labels, as many as a measurement of speed needs; no text appears twice.

GSM8K-style pairs end with `#### n`. They come from the real GSM8K files where those are given, each solution once as it
is and then again with other final numbers, and from three templates otherwise. MATH-style pairs are generated in any
case: short solutions with a box, whose answers `math_answers` draws.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.math_answers import Answers, draw_answers

WRONG_SHARE = 1 / 3
OTHER_FORM_SHARE = 1 / 3  # of the right predictions: written otherwise than the reference
_NAMES = ("Ava", "Ben", "Chloe", "Dan", "Emma", "Felix", "Grace", "Hugo", "Iris", "Jack", "Kim", "Leo", "Maya", "Noah")
_THINGS = ("apples", "books", "cards", "coins", "eggs", "flowers", "marbles", "pages", "pencils", "stickers", "tickets")


class Style(StrEnum):
    """How the texts are written."""

    GSM8K = "GSM8K-style"
    MATH = "MATH-style"


@dataclass(frozen=True, slots=True)
class MadePair:
    """Two solutions, and the label by which the prediction was made."""

    prediction: str
    reference: str
    is_correct: bool


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a list of pairs is made from: the same recipe makes the same list, in any process."""

    style: Style
    num_pairs: int
    seed: int = 0
    gsm8k: Path | None = None  # folder with train.jsonl or test.jsonl

    @property
    def source(self) -> str:
        """Where the texts come from, for tables."""
        real = self.style is Style.GSM8K and self.gsm8k is not None
        return "GSM8K solutions, perturbed final numbers" if real else "generated from templates"

    def make(self) -> list[MadePair]:
        """The pairs."""
        rng = random.Random(f"{self.style} {self.seed}")
        if self.style is Style.MATH:
            return _distinct(_math_pairs(rng), self.num_pairs)
        solutions = _generated_solutions(rng) if self.gsm8k is None else _real_solutions(self.gsm8k, rng)
        return _distinct((_gsm8k_pair(rng, *solution) for solution in solutions), self.num_pairs)


def _distinct(pairs: Iterator[MadePair], num_pairs: int) -> list[MadePair]:
    """The first `num_pairs` whose texts both are new."""
    seen: set[int] = set()
    kept: list[MadePair] = []
    while len(kept) < num_pairs:
        pair = next(pairs)
        texts = {hash(pair.prediction), hash(pair.reference)}
        if not texts & seen:
            seen |= texts
            kept.append(pair)
    return kept


def _gsm8k_pair(rng: random.Random, body: str, number: int) -> MadePair:
    """The model's text lacks the calculator's notes `<<2*3=6>>`, as most models' do; its number may be off."""
    is_correct = rng.random() >= WRONG_SHARE
    answer = number if is_correct else _perturbed(rng, number)
    written = f"{answer:,}" if rng.random() < OTHER_FORM_SHARE / 2 else str(answer)
    written = f"${written}" if answer >= 0 and rng.random() < OTHER_FORM_SHARE / 2 else written
    plain = re.sub(r"<<[^>]*>>", "", body)
    prediction = f"Let's think step by step.\n{plain}\n#### {written}"
    return MadePair(prediction, f"{body}\n#### {number}", is_correct)


def _perturbed(rng: random.Random, number: int) -> int:
    """A wrong number as models write them: off by one or ten, half, double, or any other."""
    others = (number + 1, number - 1, number + 10, number * 2, number // 2, number + rng.randint(2, 99))
    return rng.choice([other for other in others if other != number])


def _real_solutions(folder: Path, rng: random.Random) -> Iterator[tuple[str, int]]:
    """Steps and final number of every solution, again and again, with another number from the second round on."""
    solutions = []
    for path in (folder / "train.jsonl", folder / "test.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            body, _, number = json.loads(line)["answer"].rpartition("\n####")
            if re.fullmatch(r"\s*-?[\d,]+\s*", number):
                solutions.append((body, int(number.replace(",", ""))))
    if not solutions:
        raise FileNotFoundError(f"{folder} holds no GSM8K solutions: train.jsonl or test.jsonl is needed.")
    rng.shuffle(solutions)
    yield from solutions
    used = set(solutions)
    while True:
        for body, number in solutions:
            other = number + rng.randint(1, 100_000)
            if (body, other) not in used:
                used.add((body, other))
                yield body, other


def _generated_solutions(rng: random.Random) -> Iterator[tuple[str, int]]:
    while True:
        name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
        a, b, c = rng.randint(2, 400), rng.randint(2, 60), rng.randint(2, 2000)
        yield rng.choice(
            (
                (
                    f"{name} buys {a} boxes of {b} {thing}, which makes {a}*{b}=<<{a}*{b}={a * b}>>{a * b} {thing}.\n"
                    f"With the {c} from before, {name} has {a * b}+{c}=<<{a * b}+{c}={a * b + c}>>{a * b + c} {thing}.",
                    a * b + c,
                ),
                (
                    f"The {thing} cost {a} dollars each, so {b} cost {a}*{b}=$<<{a}*{b}={a * b}>>{a * b}.\n"
                    f"Delivery adds ${c}.\n"
                    f"So {name} pays {a * b}+{c}=$<<{a * b}+{c}={a * b + c}>>{a * b + c} in total.",
                    a * b + c,
                ),
                (
                    f"{name} had {a + c} {thing} and gave {c} away, leaving {a + c}-{c}=<<{a + c}-{c}={a}>>{a}.\n"
                    f"Then {b} friends brought {a} each, which is {b}*{a}=<<{b}*{a}={a * b}>>{a * b}.\n"
                    f"Now there are {a}+{a * b}=<<{a}+{a * b}={a + a * b}>>{a + a * b} {thing}.",
                    a + a * b,
                ),
            )
        )


def _math_pairs(rng: random.Random) -> Iterator[MadePair]:
    while True:
        answers = draw_answers(rng)
        is_correct = rng.random() >= WRONG_SHARE
        written = _written(rng, answers, is_correct)
        prediction, reference = _boxed_solution(rng, written), _boxed_solution(rng, answers.reference)
        yield MadePair(prediction, reference, is_correct)


def _written(rng: random.Random, answers: Answers, is_correct: bool) -> str:
    if not is_correct:
        return answers.wrong
    return answers.other_form if rng.random() < OTHER_FORM_SHARE else answers.reference


def _boxed_solution(rng: random.Random, answer: str) -> str:
    a, b, c, d = (rng.randint(2, 999) for _ in range(4))
    opening = rng.choice(
        (
            f"We start from $x^2 - {a + b}x + {a * b} = (x-{a})(x-{b})$.",
            f"Let $S = {a} + {b} + {c}$. Then $S = {a + b + c}$, and $S \\equiv {(a + b + c) % 7} \\pmod 7$.",
            f"By the law of cosines, $c^2 = {a}^2 + {b}^2 - 2 \\cdot {a} \\cdot {b} \\cos C$.",
            f"There are $\\binom{{{a}}}{{2}} = {a * (a - 1) // 2}$ pairs to look at.",
        )
    )
    middle = rng.choice(
        (
            f"Substituting $t = \\frac{{{c}}}{{{d}}}$ we find\n\\[t + {a} = \\frac{{{c + a * d}}}{{{d}}}.\\]",
            f"Since ${a}y + {b}z = {c}$, the second equation gives $y - z = {d}$.",
            f"Note that ${c} \\cdot {d} = {c * d}$, which leaves one case.",
        )
    )
    closing = rng.choice(
        (
            f"Therefore, the answer is $\\boxed{{{answer}}}$.",
            f"Hence we get\n\\[\\boxed{{{answer}}}.\\]",
            f"Thus, the final result follows: $\\boxed{{{answer}}}$",
            f"**Final Answer**\n\n$$\\boxed{{{answer}}}$$",
        )
    )
    return f"{opening}\n{middle}\n\n{closing}"
