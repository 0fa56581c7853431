"""What counts as the same answer where mathematics alone does not say: each convention, typed, with its default.

The defaults are lenient about notation and strict about values: a unit, a percent sign or a left-hand side that one
side leaves out is forgiven, one that contradicts the other's is not, and no number is ever rounded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_type_hints


class Percent(Enum):
    """What `50%` is equal to."""

    either = "either"  # 50 and 1/2, as the reference has it; 50% itself in any case
    value = "value"  # 1/2 alone
    ignore = "ignore"  # 50 alone: the sign is dropped


class Presence(Enum):
    """Whether something that is written beside a value has to be there."""

    optional = "optional"  # may be missing on one side; where both have it, it has to agree
    required = "required"  # both sides have it, and it agrees, or neither has it
    ignore = "ignore"  # dropped on both sides


class Ordering(Enum):
    """Whether the order of several values matters."""

    by_brackets = "by_brackets"  # it does in (1, 2); it does not in {1, 2} nor in the bare list 1, 2
    strict = "strict"  # always
    ignore = "ignore"  # never, not even in (1, 2)


class IntervalEnds(Enum):
    """Whether [0, 1) and (0, 1) differ."""

    strict = "strict"
    ignore = "ignore"


class LetterCase(Enum):
    """Whether the single letters B and b differ; words such as Tuesday never mind the case."""

    strict = "strict"
    ignore = "ignore"


class Unmarked(Enum):
    """What is the answer of a text of several words that marks none (no ####, no box, no "the answer is")."""

    none = "none"  # it has none
    last_sentence = "last_sentence"  # what follows the last "=" or "is" of its last sentence, or the only number there
    last_number = "last_number"  # the last number anywhere


@dataclass(kw_only=True, slots=True)
class AnswerPolicy:
    """The conventions by which a prediction is compared with a reference."""

    percent: Percent = Percent.either
    units: Presence = Presence.optional  # known units: 5 cm, $5, 90°; a counted noun, as in 18 eggs, is always dropped
    left_hand_sides: Presence = Presence.optional  # x = 5 against 5
    ordering: Ordering = Ordering.by_brackets
    interval_ends: IntervalEnds = IntervalEnds.strict
    letter_case: LetterCase = LetterCase.strict
    unmarked: Unmarked = Unmarked.last_sentence
    relative_tolerance: float = 0.0  # of the reference, for real numbers; 0 compares exactly, so that 0.33 is not 1/3

    def __post_init__(self) -> None:
        if not (math.isfinite(self.relative_tolerance) and 0.0 <= self.relative_tolerance < 1.0):
            raise ValueError(f"relative_tolerance must be at least 0 and below 1, but is {self.relative_tolerance}.")

    def to_plain(self) -> dict[str, str | float]:
        """The policy as JSON holds it."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, str | float]) -> AnswerPolicy:
        """The inverse of `to_plain`.

        Raises:
            TypeError: for a name that is no convention.
            ValueError: for a value that the convention does not have.
        """
        types = get_type_hints(cls)
        values: dict[str, Any] = {name: types.get(name, str)(value) for name, value in plain.items()}
        return cls(**values)
