"""Path finding in a star: from the centre several arms go out, and one of them ends in the goal.

A problem lists the edges in any order, then the centre and the goal; a step follows one edge::

    17 4 | 9 31 | 31 2 | 9 17 / 9 4
    9 17
    17 4

The first step is the one decision: which arm. All others follow the only edge there is. Whoever is taught by solutions
alone can predict every node but the first from the one before it, and so learns to follow edges and guesses the first
node (Bachmann and Nagarajan 2024, arXiv 2403.06963; the didactic problem of Setlur et al. 2024, arXiv 2406.14532).

The answer is the path, so that a solution is right where each of its steps is. The base policy follows edges along any
arm, whatever the goal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from synthscale.problem.problem import Problem, Split, StepTruth, check_between
from synthscale.problem.steps import join_steps, split_steps
from synthscale.problem.world import (
    CHUNK_SIZE,
    SPLIT_CODE,
    Array,
    Codes,
    World,
    WorldConfig,
    is_of,
    mixed,
)


@dataclass(kw_only=True, slots=True)
class StarGraphConfig(WorldConfig):
    """The stars' shape. There is one world of a shape: its rule is the same everywhere."""

    name: str = "star_graph"
    num_arms: int = 5
    arm_length: int = 4  # edges from the centre to an arm's end: the steps of a solution
    num_nodes: int = 50  # names that nodes are drawn from

    def __post_init__(self) -> None:
        if not re.fullmatch(r"star_graph(_\w+)?", self.name):
            raise ValueError(f"task.name must be star_graph, or star_graph_ and a label, but is {self.name}.")
        check_between("task.num_arms", self.num_arms, 2, 20)
        check_between("task.arm_length", self.arm_length, 1, 20)
        check_between("task.num_nodes", self.num_nodes, 1 + self.num_arms * self.arm_length, 1000)

    @property
    def num_distinct(self) -> int:
        """Stars with a goal, whatever the order of arms."""
        num_drawn = 1 + self.num_arms * self.arm_length
        return self.num_arms * math.perm(self.num_nodes, num_drawn) // math.factorial(self.num_arms)

    @property
    def num_prompt_tokens(self) -> int:
        """Edges with what stands between, centre and goal, and a line break."""
        return 3 * self.num_arms * self.arm_length + 3

    @property
    def max_solution_tokens(self) -> int:
        """A step has two nodes and its end."""
        return 3 * self.arm_length

    @property
    def tokens_left(self) -> list[int]:
        """Tokens of the steps after 1 … L − 1 of them."""
        return [3 * (self.arm_length - done) for done in range(1, self.arm_length)]

    @property
    def num_pretraining_updates(self) -> int:
        """For following edges, sampled steps too."""
        return 8000

    def pretraining_world(self) -> StarGraphConfig:
        """The same shape."""
        return StarGraphConfig(num_arms=self.num_arms, arm_length=self.arm_length, num_nodes=self.num_nodes)


@dataclass(frozen=True)
class StarGraphTask(World):
    """Problems, reference paths, verdicts and the truth of steps."""

    config: StarGraphConfig

    @property
    def words(self) -> list[str]:
        """Every word that problems and solutions are written in, line breaks apart."""
        return [*map(str, range(self.config.num_nodes)), "|", "/"]

    def answer(self, solution: str) -> str | None:
        """The nodes that the steps come through, where each step begins at the end of the one before."""
        edges = [step.split() for step in split_steps(solution)]
        if not edges or any(len(edge) != 2 for edge in edges):
            return None
        if any(before[1] != after[0] for before, after in pairwise(edges)):
            return None
        return " ".join([edges[0][0], *(edge[1] for edge in edges)])

    def step_truths(self, problem: Problem, steps: list[str]) -> list[StepTruth]:
        """The truth of each step, judged from where the step before it came to, on the right arm or a wrong one."""
        edges, centre, _ = self._read(problem)
        path, at, truths = problem.answer.split(), centre, []
        for step in steps:
            words = step.split()
            if len(words) != 2 or words[0] != at or (words[0], words[1]) not in edges:
                truths.append(StepTruth.WRONG_EXECUTION)
            else:
                is_wrong_arm = at == centre and words[1] != path[1]
                truths.append(StepTruth.WRONG_DECISION if is_wrong_arm else StepTruth.RIGHT)
            at = words[1] if len(words) == 2 else ""
        return truths

    def trace(self, problem: Problem, generator: np.random.Generator) -> str:
        """The path to the goal."""
        return path_steps(problem.answer.split())

    def aimless_trace(self, problem: Problem, generator: np.random.Generator) -> str:
        """The path along any arm."""
        edges, centre, _ = self._read(problem)
        first = [to for start, to in edges if start == centre]
        path, following = [centre, first[int(generator.integers(len(first)))]], dict(edges)
        while path[-1] in following:
            path.append(following[path[-1]])
        return path_steps(path)

    def pretraining_solutions(self, num_problems: int, generator: np.random.Generator) -> list[tuple[Problem, str]]:
        """Paths along any arm of training stars, which tell how edges are followed and nothing of the goal."""
        # held-out stars are a fifth of all, so twice the number and some are enough
        drawn = islice(self._draw(generator, 2 * num_problems + 100, Split.TRAIN), num_problems)
        return [(problem, self.aimless_trace(problem, generator)) for _, problem in drawn]

    def _read(self, problem: Problem) -> tuple[list[tuple[str, str]], str, str]:
        """Edges, centre and goal."""
        listed, _, ends = problem.text.partition(" / ")
        edges = [(edge.split()[0], edge.split()[1]) for edge in listed.split(" | ")]
        centre, goal = ends.split()
        return edges, centre, goal

    def drawn(self, split: Split, seed: int, chunk: int) -> Iterator[tuple[int, Problem]]:
        """The problems of a chunk that are of the split, each with a code of its own."""
        return self._draw(np.random.default_rng([SPLIT_CODE[split], seed, chunk]), CHUNK_SIZE, split)

    def _draw(self, generator: np.random.Generator, num_problems: int, split: Split) -> Iterator[tuple[int, Problem]]:
        """Problems with their codes; of so many drawn those of the split."""
        num_arms, length = self.config.num_arms, self.config.arm_length
        names = generator.permuted(np.tile(np.arange(self.config.num_nodes), (num_problems, 1)), axis=1)
        arms = names[:, 1 : 1 + num_arms * length].reshape(num_problems, num_arms, length)
        goal_arm = generator.integers(num_arms, size=num_problems)
        order = generator.permuted(np.tile(np.arange(num_arms * length), (num_problems, 1)), axis=1)
        codes = star_codes(names[:, 0], arms, goal_arm)
        for i in np.flatnonzero(is_of(split, codes)):
            yield int(codes[i]), written(int(names[i, 0]), arms[i], int(goal_arm[i]), order[i])


def star_codes(centres: Array, arms: Array, goal_arm: Array) -> Codes:
    """A hash [B] of each star and its goal that does not hang on the order of the arms, nor on that of the edges.

    arms: [B, num_arms, arm_length].
    """
    of_arm = np.zeros(arms.shape[:2], dtype=np.uint64)
    for column in range(arms.shape[2]):
        of_arm = mixed(of_arm ^ arms[:, :, column].astype(np.uint64))
    goals = arms[np.arange(len(arms)), goal_arm, -1].astype(np.uint64)
    with np.errstate(over="ignore"):
        return mixed(mixed(of_arm.sum(axis=1, dtype=np.uint64) ^ centres.astype(np.uint64)) ^ goals)


def written(centre: int, arms: Array, goal_arm: int, order: NDArray[np.int64]) -> Problem:
    """The problem of a star [num_arms, arm_length] whose edges are listed in this order."""
    starts = np.concatenate([np.full((len(arms), 1), centre), arms[:, :-1]], axis=1).ravel()[order]
    edges = [f"{start} {end}" for start, end in zip(starts.tolist(), arms.ravel()[order].tolist(), strict=True)]
    path = [centre, *arms[goal_arm].tolist()]
    return Problem(f"{' | '.join(edges)} / {centre} {path[-1]}", " ".join(map(str, path)))


def path_steps(path: list[str]) -> str:
    """A path's edges, one a line."""
    return join_steps([f"{start} {end}" for start, end in pairwise(path)])
