"""What the embedded worlds share: they solve their own problems, in few enough words for a tiny base policy.

A world draws problems in chunks, by (world seed, split, seed, chunk); a problem belongs to a split by a hash of itself,
so none is in two splits, whatever the seeds and sizes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from synthscale.problem.problem import Problem, Split, StepTruth, TaskConfig, Verdict, check_between
from synthscale.problem.steps import exact_steps, join_steps, split_steps

CHUNK_SIZE = 4096
MAX_BARREN_CHUNKS = 50  # chunks without a new problem after which the world counts as exhausted
MAX_DATA_SIZE = 1_000_000
MAX_HELD_OUT = 100_000
KNOWN_SHARE = 5  # of so many problems of pretraining one is of operators whose rule the base is to know
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
    def num_distinct(self) -> int:
        """How many problems there are."""
        raise NotImplementedError

    @property
    def max_data_size(self) -> int:
        """Training problems on offer: a tenth of all at most, which leaves room for what is rarely drawn."""
        return min(MAX_DATA_SIZE, self.num_distinct // 10)

    @property
    def max_validation(self) -> int:
        """Validation problems on offer: a hundredth of all at most."""
        return max(1, min(MAX_HELD_OUT, self.num_distinct // 100))

    @property
    def max_test(self) -> int:
        """Test problems on offer: as many."""
        return self.max_validation

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


@dataclass(frozen=True)
class World(ABC):
    """A task that solves its own problems, and for which a base policy can be pretrained; a line is a step."""

    config: WorldConfig

    @property
    @abstractmethod
    def words(self) -> list[str]:
        """Every word that problems and solutions are written in, line breaks apart."""

    @abstractmethod
    def drawn(self, split: Split, seed: int, chunk: int) -> Iterator[tuple[int, Problem]]:
        """The problems of a chunk that are of the split, each with a code of its own."""

    @abstractmethod
    def answer(self, solution: str) -> str | None:
        """The solution's final answer, None where it has none."""

    @abstractmethod
    def step_truths(self, problem: Problem, steps: list[str]) -> list[StepTruth]:
        """The truth of each step, judged from where the step before it came to, right or wrong."""

    @abstractmethod
    def trace(self, problem: Problem, generator: np.random.Generator) -> str:
        """A right solution; where there are several, one at random."""

    @abstractmethod
    def pretraining_solutions(self, num_problems: int, generator: np.random.Generator) -> list[tuple[Problem, str]]:
        """What a base policy learns from: exact steps, whose decisions tell nothing that a study is to teach."""

    def problems(self, split: Split, num_problems: int, seed: int = 0) -> list[Problem]:
        """The first `num_problems` problems of the stream that (split, seed) names, none twice.

        Raises:
            ValueError: if the world cannot give that many.
        """
        config = self.config
        most = {Split.TRAIN: config.max_data_size, Split.VALIDATION: config.max_validation, Split.TEST: config.max_test}
        check_between(f"number of {split} problems", num_problems, 0, most[split])
        chosen = list(islice(self._stream(split, seed), num_problems))
        if len(chosen) < num_problems:
            raise ValueError(f"task {config.name} has {len(chosen)} {split} problems, not {num_problems}.")
        return chosen

    @property
    def has_solutions(self) -> bool:
        """Yes: the world solves itself."""
        return True

    def prompt(self, problem: Problem) -> str:
        """The problem and a line break."""
        return problem.text + "\n"

    def solution(self, text: str) -> str:
        """One step a line, without other white space at a line's ends."""
        return join_steps(split_steps(text))

    def steps(self, solution: str) -> list[str]:
        """The lines with their line breaks."""
        return exact_steps(solution)

    def verdict(self, problem: Problem, solution: str) -> Verdict:
        """Compare the final answer with the reference answer, exactly."""
        answer = self.answer(solution)
        if answer is None:
            return Verdict.UNPARSEABLE
        return Verdict.CORRECT if answer == problem.answer else Verdict.WRONG

    def _stream(self, split: Split, seed: int) -> Iterator[Problem]:
        seen: set[int] = set()
        chunk = barren = 0
        while barren < MAX_BARREN_CHUNKS:
            num_seen = len(seen)
            for code, problem in self.drawn(split, seed, chunk):
                if code not in seen:
                    seen.add(code)
                    yield problem
            chunk += 1
            barren = 0 if len(seen) > num_seen else barren + 1


def named_generator(world_seed: int, purpose: str) -> np.random.Generator:
    """What a world's rules of one kind are drawn by."""
    return np.random.default_rng([world_seed, *purpose.encode()])


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
