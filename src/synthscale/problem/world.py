"""What the embedded worlds share: they solve their own problems, in few enough words for a tiny base policy.

A world draws problems in chunks, by (world seed, split, seed, chunk); a problem belongs to a split by a hash of itself,
so none is in two splits, whatever the seeds and sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synthscale.problem.problem import Problem, Split, Task, TaskConfig, check_between

OPERATOR_SYMBOLS = "+-*/%^&~!@$?<>:;"
CHUNK_SIZE = 4096
MAX_BARREN_CHUNKS = 50  # chunks without a new problem after which the world counts as exhausted
MAX_DATA_SIZE = 1_000_000
MAX_HELD_OUT = 100_000
TEST_SHARE, VALIDATION_SHARE = 0.1, 0.1
SPLIT_CODE = {Split.TRAIN: 0, Split.VALIDATION: 1, Split.TEST: 2}

Array = NDArray[np.int64]
Codes = NDArray[np.uint64]


@dataclass(kw_only=True, slots=True)
class WorldConfig(TaskConfig):
    """A world whose base policy the `pretrain` stage makes, where no model is named."""

    @property
    def has_embedded_learner(self) -> bool:
        """Yes: its words are few enough for a tiny base policy."""
        return True

    @property
    def num_prompt_tokens(self) -> int:
        """Words of a problem, its line break counted."""
        raise NotImplementedError

    @property
    def tokens_left(self) -> list[int]:
        """Tokens of what is left of a solution after 1 … L − 1 of its steps, its end counted."""
        raise NotImplementedError

    @property
    def num_pretraining_updates(self) -> int:
        """Updates of 64 problems that a base policy of the tiny architecture gets, to execute steps exactly."""
        raise NotImplementedError

    def pretraining_world(self) -> WorldConfig:
        """The same words and tables, with the keys that a base policy does not depend on at their defaults."""
        raise NotImplementedError


class World(Task, Protocol):
    """A task that a base policy can be pretrained for."""

    @property
    def words(self) -> list[str]:
        """Every word that problems and solutions are written in, line breaks apart."""
        ...

    def pretraining_solutions(self, num_problems: int, generator: np.random.Generator) -> list[tuple[Problem, str]]:
        """What a base policy learns from: exact steps, whose decisions tell nothing that a study is to teach."""
        ...


def zipf(num: int, exponent: float) -> NDArray[np.float64]:
    """Frequencies [num] that fall as i^-exponent and add up to 1."""
    weights = np.arange(1, num + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


def mixed(codes: Codes) -> Codes:
    """A hash of each code, from SplitMix64 (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = codes + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)))


def split_uniform(codes: Codes) -> NDArray[np.float64]:
    """A number in [0, 1) for each code, which says its split: test below a tenth, validation below two."""
    return np.asarray((mixed(codes) >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def is_of(split: Split, codes: Codes) -> NDArray[np.bool_]:
    """Which codes are of the split."""
    uniform = split_uniform(codes)
    return {
        Split.TEST: uniform < TEST_SHARE,
        Split.VALIDATION: (uniform >= TEST_SHARE) & (uniform < TEST_SHARE + VALIDATION_SHARE),
        Split.TRAIN: uniform >= TEST_SHARE + VALIDATION_SHARE,
    }[split]


def first_problems(
    config: TaskConfig, split: Split, num_problems: int, limit: int, stream: Iterator[Problem]
) -> list[Problem]:
    """The first so many problems of a stream of different ones.

    Raises:
        ValueError: if the world cannot give that many.
    """
    check_between(f"number of {split} problems", num_problems, 0, limit)
    chosen: list[Problem] = []
    for problem in stream:
        if len(chosen) == num_problems:
            break
        chosen.append(problem)
    if len(chosen) < num_problems:
        raise ValueError(f"task {config.name} has {len(chosen)} {split} problems, not {num_problems}.")
    return chosen
