"""The second embedded world: at each crossing several roads are offered, and some of them are sound.

A problem is a row of crossings, each a row of roads, each a label, a rule and the value it leads to::

    a0 r17 5 a1 r9 2 a2 r4 5 ; b0 …

A step takes a road of the next crossing, and keeps its value with those so far::

    a1 r9 2 | 2
    b0 r3 6 | 2 6

What the last step keeps is the answer. Each of thousands of rules is sound or not: that is what the synthetic data
teach, one bit a rule, that does not follow from the others'. The sound roads of a crossing lead to one value, and the
others to another. So a solution is right where all its roads are sound, and nothing in a problem tells which are but
what is known of their rules.

In precedence any right order tells the whole parse tree. Here a teacher's solution does not tell all its problem has to
teach: of several sound roads it takes one, and says little of the others. What a learner finds out by taking them
itself, right and wrong, is new. With `answer: sum` the steps keep the sum of the values so far, modulo the number of
values, and not each of them: a wrong road then lowers the chance of success, and another one may make it good by luck.

The reward sees the answer alone; the world knows the truth of every step.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthscale.problem.problem import Problem, Split, StepTruth, check_between
from synthscale.problem.steps import join_steps, split_steps
from synthscale.problem.world import (
    CHUNK_SIZE,
    KNOWN_SHARE,
    SPLIT_CODE,
    Array,
    Codes,
    World,
    WorldConfig,
    is_of,
    mixed,
    named_generator,
    zipf,
)

LABELS = "abcdef"
WORDS_OF_ROAD = 3
NUM_TRIED = 1000  # crossings, to see whether a world has any


class Kept(Enum):
    """What a solution keeps of its values, and its answer is."""

    all = "all"  # no wrong road leads to the answer
    sum = "sum"  # a wrong road may be made good by another


@dataclass(kw_only=True, slots=True)
class CrossroadsConfig(WorldConfig):
    """The world's size and shape; every world seed is another world, with its own sound rules."""

    name: str = "crossroads"
    num_crossings: int = 3
    num_roads: int = 4  # at each crossing, of different rules
    sound_share: float = 0.5  # of rules
    num_rules: int = 2048
    num_values: int = 7
    zipf_exponent: float = 1.0  # frequency of the i-th rule ~ i^-a; 0 is uniform
    num_known_rules: int = 64  # beside the others, in pretraining alone: the base knows which of these are sound
    answer: Kept = Kept.all
    world_seed: int = 0

    def __post_init__(self) -> None:
        self.answer = Kept(self.answer)  # a manifest has it as text
        if not re.fullmatch(r"crossroads(_\w+)?", self.name):
            raise ValueError(f"task.name must be crossroads, or crossroads_ and a label, but is {self.name}.")
        check_between("task.num_crossings", self.num_crossings, 1, len(LABELS))
        check_between("task.num_roads", self.num_roads, 2, 10)
        check_between("task.sound_share", self.sound_share, 0.05, 0.95)
        check_between("task.num_rules", self.num_rules, 4 * self.num_roads, 100_000)
        check_between("task.num_values", self.num_values, 2, 10)
        check_between("task.zipf_exponent", self.zipf_exponent, 0.0, 5.0)
        check_between("task.num_known_rules", self.num_known_rules, 4 * self.num_roads, 100_000)
        if not CrossroadsTask(self).has_crossings():
            raise ValueError(
                f"task {self.name} hardly ever draws {self.num_roads} different rules of which some are sound and "
                "some not: lower task.zipf_exponent or task.num_roads, or bring task.sound_share nearer to 0.5."
            )

    @property
    def num_distinct(self) -> int:
        """Rows of crossings, whose roads are of different rules and lead to any value."""
        num_crossings = math.perm(self.num_rules, self.num_roads) * self.num_values**self.num_roads
        return int(num_crossings**self.num_crossings)

    @property
    def num_prompt_tokens(self) -> int:
        """Roads, what stands between crossings, and a line break."""
        return self.num_crossings * (WORDS_OF_ROAD * self.num_roads + 1)

    @property
    def max_solution_tokens(self) -> int:
        """A step has a road, a mark, what is kept, and its end."""
        return sum(map(self._step_tokens, range(1, self.num_crossings + 1)))

    @property
    def tokens_left(self) -> list[int]:
        """Tokens of the steps after 1 … L − 1 of them."""
        steps = [self._step_tokens(number) for number in range(1, self.num_crossings + 1)]
        return [sum(steps[done:]) for done in range(1, self.num_crossings)]

    def _step_tokens(self, number: int) -> int:
        return WORDS_OF_ROAD + 2 + (number if self.answer is Kept.all else 1)

    @property
    def num_pretraining_updates(self) -> int:
        """For copying words of thousands of rules."""
        return 3000

    def pretraining_world(self) -> CrossroadsConfig:
        """The same words, with the keys that a base policy does not depend on at their defaults."""
        return CrossroadsConfig(
            num_crossings=self.num_crossings,
            num_roads=self.num_roads,
            sound_share=self.sound_share,
            num_rules=self.num_rules,
            num_values=self.num_values,
            num_known_rules=self.num_known_rules,
            answer=self.answer,
            world_seed=self.world_seed,
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """Problems in numbers: the rules of roads and the values they lead to, [B, num_crossings, num_roads] each."""

    rules: Array
    values: Array

    def take(self, which: NDArray[np.bool_]) -> Drawn:
        """Those that are chosen."""
        return Drawn(self.rules[which], self.values[which])

    def codes(self) -> Codes:
        """A hash of each problem, [B]."""
        numbers = np.stack([self.rules, self.values], axis=-1).reshape(len(self.rules), -1)
        codes = np.zeros(len(numbers), dtype=np.uint64)
        for column in numbers.T:
            codes = mixed(codes ^ column.astype(np.uint64))
        return codes


@dataclass(frozen=True)
class CrossroadsTask(World):
    """Problems, reference answers, verdicts and the truth of steps in one world."""

    config: CrossroadsConfig

    @cached_property
    def is_sound(self) -> NDArray[np.bool_]:
        """Which rules are sound, [num_rules + num_known_rules]."""
        return named_generator(self.config.world_seed, "sound").random(len(self.rules)) < self.config.sound_share

    @cached_property
    def rules(self) -> list[str]:
        """The rules' words; those that the base alone is to know come last."""
        return [f"r{rule}" for rule in range(self.config.num_rules + self.config.num_known_rules)]

    @cached_property
    def index(self) -> dict[str, int]:
        """Each rule's place among `rules`."""
        return {word: i for i, word in enumerate(self.rules)}

    @cached_property
    def frequencies(self) -> NDArray[np.float64]:
        """How often each rule is drawn for a problem, by Zipf's law; the known ones never are."""
        drawn = zipf(self.config.num_rules, self.config.zipf_exponent)
        return np.concatenate([drawn, np.zeros(self.config.num_known_rules)])

    @cached_property
    def words(self) -> list[str]:
        """Every word that problems and solutions are written in, line breaks apart."""
        values = [str(value) for value in range(self.config.num_values)]
        return [*values, *self.rules, *(word for labels in self._labels for word in labels), ";", "|"]

    @cached_property
    def _labels(self) -> list[list[str]]:
        return [[f"{letter}{road}" for road in range(self.config.num_roads)] for letter in self._letters]

    @property
    def _letters(self) -> str:
        return LABELS[: self.config.num_crossings]

    def answer(self, solution: str) -> str | None:
        """What the last step keeps, where it is what a solution of all crossings keeps."""
        steps = split_steps(solution)
        kept = steps[-1].partition("|")[2].split() if steps else []
        wanted = self.config.num_crossings if self.config.answer is Kept.all else 1
        is_whole = len(steps) == self.config.num_crossings and len(kept) == wanted
        return " ".join(kept) if is_whole and all(value.isascii() and value.isdigit() for value in kept) else None

    def step_truths(self, problem: Problem, steps: list[str]) -> list[StepTruth]:
        """The truth of each step, judged against what the step before it kept, right or wrong."""
        crossings, kept, truths = self._roads(problem), list[str](), []
        for number, step in enumerate(steps):
            words = step.split()
            roads = crossings[number] if number < len(crossings) else {}
            truths.append(self._judge(roads, kept, words))
            kept = words[words.index("|") + 1 :] if "|" in words else []
        return truths

    def take(self, road: list[str], kept: list[str]) -> tuple[str, list[str]]:
        """The step that takes a road (label, rule, value), and what is kept after it."""
        value = road[2]
        if self.config.answer is Kept.all:
            kept = [*kept, value]
        else:
            kept = [str((int(value) + sum(map(int, kept))) % self.config.num_values)]
        return f"{' '.join(road)} | {' '.join(kept)}", kept

    def trace(self, problem: Problem, generator: np.random.Generator) -> str:
        """A right solution: of the sound roads of each crossing one at random."""
        return self._solve(problem, generator, sound=True)

    def aimless_trace(self, problem: Problem, generator: np.random.Generator) -> str:
        """A solution with exact steps that takes any roads."""
        return self._solve(problem, generator, sound=False)

    def pretraining_solutions(self, num_problems: int, generator: np.random.Generator) -> list[tuple[Problem, str]]:
        """Exact steps on any roads of uniform rules; of those to be known some, on sound roads."""
        num_known = num_problems // KNOWN_SHARE
        is_known = np.arange(len(self.rules)) >= self.config.num_rules
        drawn = self._written(self._draw(generator, num_problems - num_known, ~is_known / (~is_known).sum()))
        of_known = self._written(self._draw(generator, num_known, is_known / is_known.sum()))
        return [(problem, self.aimless_trace(problem, generator)) for problem in drawn] + [
            (problem, self.trace(problem, generator)) for problem in of_known
        ]

    def _solve(self, problem: Problem, generator: np.random.Generator, *, sound: bool) -> str:
        kept, steps = list[str](), []
        for roads in self._roads(problem):
            open_roads = [road for road in roads.values() if not sound or self.is_sound[self.index[road[1]]]]
            step, kept = self.take(open_roads[int(generator.integers(len(open_roads)))], kept)
            steps.append(step)
        return join_steps(steps)

    def _roads(self, problem: Problem) -> list[dict[str, list[str]]]:
        """Each crossing's roads by their labels."""
        crossings = []
        for text in problem.text.split(" ; "):
            words = text.split()
            roads = [words[i : i + WORDS_OF_ROAD] for i in range(0, len(words), WORDS_OF_ROAD)]
            crossings.append({road[0]: road for road in roads})
        return crossings

    def _judge(self, roads: dict[str, list[str]], kept: list[str], words: list[str]) -> StepTruth:
        road = roads.get(words[0]) if words else None
        values = {str(value) for value in range(self.config.num_values)}
        if road is None or not values.issuperset(kept) or words != self.take(road, kept)[0].split():
            return StepTruth.WRONG_EXECUTION
        return StepTruth.RIGHT if self.is_sound[self.index[road[1]]] else StepTruth.WRONG_DECISION

    def drawn(self, split: Split, seed: int, chunk: int) -> Iterator[tuple[int, Problem]]:
        """The problems of a chunk that are of the split, each with a code of its own."""
        generator = np.random.default_rng([self.config.world_seed, SPLIT_CODE[split], seed, chunk])
        drawn = self._draw(generator, CHUNK_SIZE, self.frequencies)
        codes = drawn.codes()
        mine = is_of(split, codes)
        yield from zip(codes[mine].tolist(), self._written(drawn.take(mine)), strict=True)

    def _draw(self, generator: np.random.Generator, num_problems: int, frequencies: NDArray[np.float64]) -> Drawn:
        """So many problems, each crossing with different rules, some of them sound and some not."""
        config = self.config
        wanted = num_problems * config.num_crossings
        rules = self._crossings(generator, wanted, frequencies).reshape(num_problems, config.num_crossings, -1)
        shape = rules.shape[:2]
        sound_value = generator.integers(config.num_values, size=shape)
        other_value = (sound_value + generator.integers(1, config.num_values, size=shape)) % config.num_values
        return Drawn(rules, np.where(self.is_sound[rules], sound_value[..., None], other_value[..., None]))

    def _crossings(self, generator: np.random.Generator, num: int, frequencies: NDArray[np.float64]) -> Array:
        """Rules of crossings, [num, num_roads]."""
        found, num_found = list[Array](), 0
        while num_found < num:
            drawn = self._mixed_crossings(generator, 2 * num, frequencies)
            found.append(drawn)
            num_found += len(drawn)
        return np.concatenate(found)[:num]

    def _mixed_crossings(self, generator: np.random.Generator, num: int, frequencies: NDArray[np.float64]) -> Array:
        """Of so many crossings drawn those with different rules, some sound and some not."""
        drawn = generator.choice(len(frequencies), size=(num, self.config.num_roads), p=frequencies)
        ordered = np.sort(drawn, axis=1)
        differ = (ordered[:, 1:] > ordered[:, :-1]).all(axis=1)
        num_sound = self.is_sound[drawn].sum(axis=1)
        return np.asarray(drawn[differ & (num_sound > 0) & (num_sound < self.config.num_roads)])

    def has_crossings(self) -> bool:
        """Whether a hundredth at least of the crossings drawn can be used, for problems and for pretraining."""
        is_known = np.arange(len(self.rules)) >= self.config.num_rules
        kinds = (self.frequencies, ~is_known / (~is_known).sum(), is_known / is_known.sum())
        generator = np.random.default_rng(0)
        return all(len(self._mixed_crossings(generator, NUM_TRIED, kind)) >= NUM_TRIED / 100 for kind in kinds)

    def _written(self, drawn: Drawn) -> list[Problem]:
        sound = np.where(self.is_sound[drawn.rules], drawn.values, -1).max(axis=2)
        if self.config.answer is Kept.sum:
            sound = sound.sum(axis=1, keepdims=True) % self.config.num_values
        problems = []
        for roads, answer in zip(np.stack([drawn.rules, drawn.values], axis=-1), sound, strict=True):
            crossings = [
                " ".join(
                    f"{label} {self.rules[rule]} {value}"
                    for label, (rule, value) in zip(labels, of_crossing, strict=True)
                )
                for labels, of_crossing in zip(self._labels, roads.tolist(), strict=True)
            ]
            problems.append(Problem(" ; ".join(crossings), " ".join(map(str, answer))))
        return problems
