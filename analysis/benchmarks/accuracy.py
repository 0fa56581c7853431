"""How often each contender rewards a wrong answer and withholds the reward from a right one, on labelled pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contenders import Contender, opened
from benchmarks.pairs import Pair
from synthscale.evaluation.metrics import wilson_interval

TOTAL = "total"


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """The errors of one contender on the pairs of one category, or on all of a table."""

    table: str
    category: str
    contender: Contender
    num_pairs: int
    num_correct: int  # pairs whose label is `correct`
    false_positives: int  # rewarded, though the label is not `correct`
    false_negatives: int  # not rewarded, though it is

    @property
    def num_errors(self) -> int:
        """Both kinds together."""
        return self.false_positives + self.false_negatives

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 95 % interval of the error rate."""
        return wilson_interval(self.num_errors, self.num_pairs)


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair with each contender's reward."""

    table: str
    pair: Pair
    rewards: Mapping[Contender, bool]

    @property
    def is_disputed(self) -> bool:
        """Whether any contender gets the pair wrong."""
        return any(reward is not self.pair.is_correct for reward in self.rewards.values())


def score(table: str, pairs: Sequence[Pair], contenders: Sequence[Contender]) -> list[Scored]:
    """Every pair with the rewards that the contenders give it."""
    predictions = [pair.prediction for pair in pairs]
    references = [pair.reference for pair in pairs]
    columns = {}
    for contender in contenders:
        with opened(contender) as rewards:
            columns[contender] = rewards(predictions, references)
    return [
        Scored(table, pair, {contender: columns[contender][place] for contender in contenders})
        for place, pair in enumerate(pairs)
    ]


def count_errors(scored: Sequence[Scored], contenders: Sequence[Contender]) -> Iterator[ErrorCounts]:
    """Counts per category in the order of the table, then in total, for the pairs of one table."""
    for category in [*dict.fromkeys(one.pair.category for one in scored), TOTAL]:
        rows = [one for one in scored if category in (one.pair.category, TOTAL)]
        for contender in contenders:
            yield _counts(category, rows, contender)


def _counts(category: str, rows: Sequence[Scored], contender: Contender) -> ErrorCounts:
    return ErrorCounts(
        table=rows[0].table,
        category=category,
        contender=contender,
        num_pairs=len(rows),
        num_correct=sum(one.pair.is_correct for one in rows),
        false_positives=sum(one.rewards[contender] and not one.pair.is_correct for one in rows),
        false_negatives=sum(one.pair.is_correct and not one.rewards[contender] for one in rows),
    )
