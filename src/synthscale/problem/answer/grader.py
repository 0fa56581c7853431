"""The verifier: from two texts to a grade, the plain way in this process, the hard way in a worker.

What a text is worth is decided in four steps: `extract` finds the final answer, `reading` what it can mean, `compare`
and `formula` whether it is the reference's, `workers` runs what may take long.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Self

from synthscale.problem.answer.compare import Comparison
from synthscale.problem.answer.extract import Extraction, extract
from synthscale.problem.answer.formula import Plain
from synthscale.problem.answer.grade import Grade, Side
from synthscale.problem.answer.policy import AnswerPolicy
from synthscale.problem.answer.reading import canonical_form, readings
from synthscale.problem.answer.workers import Found, Question, Workers
from synthscale.problem.problem import Verdict

TIME_LIMIT_SECONDS = 5.0
STREAM_BATCH = 256
MAX_CHARACTERS_AT_ONCE = 600
_INTEGER = re.compile(r"-?[0-9]{1,18}")  # most answers are: they need no reading


class Grader:
    """Grades predictions against references under one policy; may be shared by threads.

    Args:
        policy: the conventions of equal answers.
        jobs: how many workers may compare formulas at once.
        time_limit_seconds: wall-clock seconds for the comparison of one pair.
        cache_size: how many comparisons to remember, by the two answers; 0 remembers none.
    """

    def __init__(
        self,
        policy: AnswerPolicy | None = None,
        *,
        jobs: int = 1,
        time_limit_seconds: float = TIME_LIMIT_SECONDS,
        cache_size: int = 100_000,
    ) -> None:
        if jobs < 1:
            raise ValueError(f"jobs must be at least 1, but is {jobs}.")
        if not 0 < time_limit_seconds <= 3_600:
            raise ValueError(f"time_limit_seconds must be above 0 and at most 3600, but is {time_limit_seconds}.")
        self.policy = policy or AnswerPolicy()
        self.plain_policy = self.policy.to_plain()
        self.time_limit_seconds = time_limit_seconds
        self.workers = Workers(jobs)
        self.cache_size = cache_size
        self.cache: OrderedDict[tuple[str, str], Found] = OrderedDict()
        formulas = Plain(self.policy)
        self.comparison = Comparison(self.policy, formulas.same_value, formulas.proportional)

    def grade(self, prediction: str, reference: str) -> Grade:
        """The verdict on one text."""
        return self.grade_batch([prediction], [reference])[0]

    def grade_batch(self, predictions: Sequence[str], references: Sequence[str]) -> list[Grade]:
        """The verdicts on texts, in their order.

        Raises:
            ValueError: if there are not as many references as predictions.
        """
        if len(predictions) != len(references):
            raise ValueError(
                f"there are {len(predictions)} predictions and {len(references)} references; give one for each."
            )
        found = [(self.extraction(p), self.extraction(r)) for p, r in zip(predictions, references, strict=True)]
        compared = self.compare({(p.answer, r.answer): None for p, r in found if p.answer and r.answer})
        return [make_grade(p, r, compared.get((p.answer or "", r.answer or ""))) for p, r in found]

    def grade_stream(self, pairs: Iterable[tuple[str, str]]) -> Iterator[Grade]:
        """The verdicts on (prediction, reference) pairs, in their order, a batch at a time."""
        iterator = iter(pairs)
        while batch := list(islice(iterator, STREAM_BATCH)):
            yield from self.grade_batch([prediction for prediction, _ in batch], [reference for _, reference in batch])

    def canonical(self, text: str) -> str | None:
        """The final answer as a key: one for all spellings of a rational number, else the text without its wrapping."""
        answer = self.extraction(text).answer
        return None if answer is None else canonical_form(answer)

    def extraction(self, text: str) -> Extraction:
        """The final answer of a text."""
        return extract(text, self.policy.unmarked)

    def compare(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Found]:
        """Whether answers are the same: from the cache, at once, or from the workers."""
        found: dict[tuple[str, str], Found] = {}
        hard: list[tuple[str, str]] = []
        for pair in pairs:
            known = self.cache.get(pair) or self.compare_at_once(*pair)
            if known is None:
                hard.append(pair)
            else:
                found[pair] = known
        questions: list[Question] = [(*pair, self.plain_policy, self.time_limit_seconds) for pair in hard]
        for pair, answer in zip(hard, self.workers.ask(questions) if questions else [], strict=True):
            found[pair] = answer
            self.remember(pair, answer)
        return found

    def compare_at_once(self, prediction: str, reference: str) -> Found | None:
        """What needs no worker: the same text, plain numbers, and what is built of them."""
        if prediction == reference:
            return True, "string"
        if _INTEGER.fullmatch(prediction) and _INTEGER.fullmatch(reference) and not self.policy.relative_tolerance:
            return int(prediction) == int(reference), "exact"
        if len(prediction) + len(reference) > MAX_CHARACTERS_AT_ONCE:  # sets of hundreds
            return None
        same = self.comparison.any(readings(prediction), readings(reference))
        return None if same is None else (same, "exact")

    def remember(self, pair: tuple[str, str], answer: Found) -> None:
        """Keep what a worker found, the oldest making room."""
        if self.cache_size:
            self.cache[pair] = answer
            while len(self.cache) > self.cache_size:
                self.cache.popitem(last=False)

    def close(self) -> None:
        """End the workers."""
        self.workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def make_grade(prediction: Extraction, reference: Extraction, found: Found | None) -> Grade:
    """The grade of two extractions and their comparison, None where one of them has no answer."""
    rule = prediction.rule
    if reference.answer is None or prediction.answer is None:
        side = Side.REFERENCE if reference.answer is None else Side.PREDICTION
        return Grade(Verdict.UNPARSEABLE, rule, prediction.answer, reference.answer, side)
    assert found is not None
    same, how = found
    verdict = {True: Verdict.CORRECT, False: Verdict.WRONG, None: Verdict.TIMEOUT}[same]
    return Grade(verdict, f"{rule}: {how}", prediction.answer, reference.answer)
