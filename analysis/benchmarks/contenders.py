"""The verifiers that are compared, each as a function from two lists of texts to rewards.

math-verify is called as its README shows: `verify(parse(gold), parse(answer))`, gold first, with its own limits of five
seconds. Its maintainers say that LaTeX is read inside $…$, \\[…\\] and the like alone (issues 27 and 74 of
huggingface/Math-Verify), so a bare `\\sqrt{3}` is lost on it; the second way of calling it therefore sets every bare
answer between dollars, and switches on its comparison of inequalities with intervals. Other settings (letters as
choices, boxes first) were tried and changed next to nothing. Whatever fails inside it, a reference that it cannot read
included, is an answer that is not rewarded, as in training.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

Rewards = Callable[[Sequence[str], Sequence[str]], list[bool]]

TIME_LIMIT_SECONDS = 5.0  # for one answer; math-verify's default too
_MARKED = re.compile(r"(?<!\\)\$|\\[(\[]|\\boxed|\\fbox|####|\*\*[^*]+\*\*|\banswer\b|\n", re.IGNORECASE)


class Contender(StrEnum):
    """A verifier and a way of calling it."""

    OURS = "ours"
    README = "math-verify, as its README shows"
    WRAPPED = "math-verify, answers wrapped as LaTeX"


def has_math_verify() -> bool:
    """Whether math-verify is installed; it comes with the dev extra."""
    return importlib.util.find_spec("math_verify") is not None


@contextmanager
def opened(contender: Contender, jobs: int = 1) -> Iterator[Rewards]:
    """The contender, ready to reward lists of predictions by their references; without a cache of results."""
    if contender is Contender.OURS:
        from synthscale.problem.answer import AnswerPolicy, Grader

        limit = TIME_LIMIT_SECONDS
        with Grader(policy=AnswerPolicy(), jobs=jobs, time_limit_seconds=limit, cache_size=0) as grader:
            yield lambda predictions, references: [
                grade.correct for grade in grader.grade_batch(predictions, references)
            ]
    else:
        yield _math_verify(
            prepare=wrapped if contender is Contender.WRAPPED else str, best=contender is Contender.WRAPPED
        )


def wrapped(text: str) -> str:
    """The text between dollars, unless it is empty or bears dollars, a box or a marker of its own."""
    return text if _MARKED.search(text) or not text.strip() else f"${text}$"


def _math_verify(prepare: Callable[[str], str], best: bool) -> Rewards:
    # a dev extra without type information, so that it is imported by name where it is used
    module: Any = importlib.import_module("math_verify")
    timeout: type[BaseException] = importlib.import_module("math_verify.errors").TimeoutException
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it warns at every time-out
    options = {"allow_set_relation_comp": True} if best else {}

    def reward(prediction: str, reference: str) -> bool:
        try:
            gold, answer = module.parse(prepare(reference)), module.parse(prepare(prediction))
            return bool(module.verify(gold, answer, **options))
        except (Exception, timeout):  # its time-out is no Exception
            return False

    return lambda predictions, references: [
        reward(prediction, reference) for prediction, reference in zip(predictions, references, strict=True)
    ]
