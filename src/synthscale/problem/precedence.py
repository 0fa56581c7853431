"""The embedded world: expressions over invented operators with fixed tables and a hidden order of precedence.

A problem is an expression such as ``4 / 3 / 3 + 3 * 4``. A step reduces one operator and rewrites the rest::

    p0 4 / 3 = 3 | 3 / 3 + 3 * 4

``p0`` is the decision (which operator, counted from the left), then come its operands, its value by the operator's
table, and the rewritten expression. The final value is the answer. A step is right when the arithmetic and the copy are
exact and the operator binds at least as tightly as its right neighbour and more tightly than its left one, which is
ordinary precedence with association to the left; where several operators qualify, several orders are right.

The reward sees the final value alone; the world knows the truth of every step, so credit assignment can be scored.

Six operators make few rules. In a world of many rules thousands of operators share a few tables, which the base policy
learns, and each has a level of its own, which does not follow from the others' (`num_tables`, `num_levels`). Their
frequencies fall as i^-a (`zipf_exponent`), so that each doubling of the data meets fewer new ones: the tail sets how
slowly the error of SFT falls. Further operators occur in pretraining alone, in the right order (`num_known_operators`):
the base then knows what a level is, and no level of the problems' operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthscale.problem.problem import (
    IF_SET,
    Problem,
    Split,
    StepTruth,
    check_between,
)
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
    named_generator,
    zipf,
)

OPERATOR_SYMBOLS = "+-*/%^&~!@$?<>:;"
MAX_OPERATORS = 100_000


@dataclass(kw_only=True, slots=True)
class PrecedenceConfig(WorldConfig):
    """The world's size and shape; every world seed is another world, with its own tables and levels."""

    name: str = "precedence"
    num_operators: int = 6
    num_values: int = 7
    operators_per_problem: int = 4
    zipf_exponent: float = 1.0  # frequency of the i-th operator ~ i^-a; 0 is uniform
    unambiguous: bool = True  # keep only problems in which no order with a wrong step reaches the answer
    world_seed: int = 0
    # Worlds of many rules; see the module's docstring.
    num_tables: int | None = field(default=None, metadata=IF_SET)  # shared by the operators; null: one each
    num_levels: int | None = field(default=None, metadata=IF_SET)  # drawn for each operator; null: all distinct
    num_known_operators: int | None = field(default=None, metadata=IF_SET)  # beside the others, for the base alone

    def __post_init__(self) -> None:
        if not re.fullmatch(r"precedence(_\w+)?", self.name):
            raise ValueError(f"task.name must be precedence, or precedence_ and a label, but is {self.name}.")
        most = len(OPERATOR_SYMBOLS) if self.num_tables is None else MAX_OPERATORS
        check_between("task.num_operators", self.num_operators, 2, most)
        if self.num_tables is not None:
            check_between("task.num_tables", self.num_tables, 1, len(OPERATOR_SYMBOLS))
        if self.num_levels is not None:
            check_between("task.num_levels", self.num_levels, 2, 1000)
        if self.num_known_operators is not None:
            check_between("task.num_known_operators", self.num_known_operators, 2, MAX_OPERATORS)
            if self.num_tables is None or self.num_levels is None:
                raise ValueError("task.num_known_operators needs task.num_tables and task.num_levels.")
        check_between("task.num_values", self.num_values, 2, 10)
        check_between("task.operators_per_problem", self.operators_per_problem, 1, 6)
        check_between("task.zipf_exponent", self.zipf_exponent, 0.0, 5.0)
        if self.num_distinct >= 2**63:
            raise ValueError(
                f"the world has {self.num_distinct:.2g} expressions and can tell {2.0**63:.2g} apart: choose a "
                "smaller task.num_operators, task.num_values or task.operators_per_problem."
            )

    @property
    def num_distinct(self) -> int:
        """Expressions of the problems' length."""
        return int(self.num_values ** (self.operators_per_problem + 1) * self.num_operators**self.operators_per_problem)

    @property
    def max_solution_tokens(self) -> int:
        """Step i of n has 8 words beside the expression of 2(n−i)+1 that it leaves: n² + 8n, the last break an end."""
        return self.operators_per_problem * (self.operators_per_problem + 8)

    @property
    def num_pretraining_updates(self) -> int:
        """More where thousands of operators' tables are to be learnt."""
        return 2600 if self.num_tables is None else 6000

    def pretraining_world(self) -> PrecedenceConfig:
        """The same tables and words, with the keys that a base policy does not depend on at their defaults."""
        return PrecedenceConfig(
            num_operators=self.num_operators,
            num_values=self.num_values,
            operators_per_problem=self.operators_per_problem,
            world_seed=self.world_seed,
            num_tables=self.num_tables,
            num_levels=self.num_levels,
            num_known_operators=self.num_known_operators,
        )

    @property
    def num_prompt_tokens(self) -> int:
        """Values, operators and a line break."""
        return 2 * self.operators_per_problem + 2

    @property
    def tokens_left(self) -> list[int]:
        """What is left of a solution after a step is the solution of a shorter problem."""
        return [number * (number + 8) for number in range(1, self.operators_per_problem)]


@dataclass(frozen=True)
class PrecedenceTask(World):
    """Problems, reference answers, verdicts and the truth of steps in one world."""

    config: PrecedenceConfig

    @cached_property
    def tables(self) -> Array:
        """Tables of operators, shape (num_tables, num_values, num_values), values in [0, num_values)."""
        shape = (self.config.num_tables or self.config.num_operators, self.config.num_values, self.config.num_values)
        return named_generator(self.config.world_seed, "tables").integers(0, self.config.num_values, size=shape)

    @cached_property
    def levels(self) -> Array:
        """The operators' levels, shape (len(operators),); a higher level binds more tightly."""
        generator = named_generator(self.config.world_seed, "levels")
        if self.config.num_levels is None:
            return generator.permutation(len(self.operators))
        return generator.integers(0, self.config.num_levels, size=len(self.operators))

    @cached_property
    def operator_frequencies(self) -> NDArray[np.float64]:
        """How often each operator is drawn, shape (num_operators,), by Zipf's law."""
        return zipf(self.config.num_operators, self.config.zipf_exponent)

    @cached_property
    def operators(self) -> list[str]:
        """The operators' words: a symbol each, or where they share tables, the table's symbol and a number.

        Those that the base alone is to know come last.
        """
        config = self.config
        if config.num_tables is None:
            return list(OPERATOR_SYMBOLS[: config.num_operators])
        return operator_words(config.num_operators + (config.num_known_operators or 0), config.num_tables)

    @cached_property
    def index(self) -> dict[str, int]:
        """Each operator's place among `operators`."""
        return {word: i for i, word in enumerate(self.operators)}

    @cached_property
    def words(self) -> list[str]:
        """Every word that problems and solutions are written in, line breaks apart."""
        values = [str(value) for value in range(self.config.num_values)]
        decisions = [f"p{position}" for position in range(self.config.operators_per_problem)]
        return [*values, *self.operators, *decisions, "=", "|"]

    def answer(self, solution: str) -> str | None:
        """The single value after the last step's bar."""
        steps = split_steps(solution)
        left = steps[-1].partition("|")[2].split() if steps else []
        return left[0] if len(left) == 1 and left[0].isascii() and left[0].isdigit() else None

    def step_truths(self, problem: Problem, steps: list[str]) -> list[StepTruth]:
        """The truth of each step, judged against the expression that the step before it left, right or wrong."""
        truths = []
        tokens = problem.text.split()
        for step in steps:
            truth, tokens = self._judge(tokens, step.split())
            truths.append(truth)
        return truths

    def right_positions(self, tokens: list[str]) -> list[int]:
        """The operators, counted from the left, that a right step may reduce next in this expression."""
        levels = [int(self.levels[self.index[op]]) for op in tokens[1::2]]
        return [
            i
            for i, level in enumerate(levels)
            if (i == 0 or levels[i - 1] < level) and (i == len(levels) - 1 or levels[i + 1] <= level)
        ]

    def reduce(self, tokens: list[str], position: int) -> tuple[str, list[str]]:
        """The step that reduces the operator at `position`, and the expression it leaves."""
        left, operator, right = tokens[2 * position : 2 * position + 3]
        value = str(self.tables[self.index[operator] % len(self.tables), int(left), int(right)])
        rest = [*tokens[: 2 * position], value, *tokens[2 * position + 3 :]]
        return f"p{position} {left} {operator} {right} = {value} | {' '.join(rest)}", rest

    def trace(self, problem: Problem, generator: np.random.Generator) -> str:
        """A right solution; where several orders are right, one of them at random."""
        return self._solve(problem, generator, right=True)

    def unordered_trace(self, problem: Problem, generator: np.random.Generator) -> str:
        """A solution with exact steps in an order that ignores precedence; its answer is right by luck alone."""
        return self._solve(problem, generator, right=False)

    def draw_problems(
        self, generator: np.random.Generator, num_problems: int, num_operators: int, *, known: bool = False
    ) -> list[Problem]:
        """Problems of any length with uniform operators, none held out: what the base policy is pretrained on.

        known: with those operators alone whose levels it is to know.
        """
        values = generator.integers(0, self.config.num_values, size=(2 * num_problems, num_operators + 1))
        low, high = (self.config.num_operators, len(self.operators)) if known else (0, self.config.num_operators)
        operators = generator.integers(low, high, size=(2 * num_problems, num_operators))
        answers, _ = self._answers(values, operators)
        # held-out expressions are a fifth of all, so twice the number is enough for any but tiny draws
        train = np.flatnonzero(is_of(Split.TRAIN, self._codes(values, operators)))
        return [self._problem(values[i], operators[i], int(answers[i])) for i in train[:num_problems]]

    def pretraining_solutions(self, num_problems: int, generator: np.random.Generator) -> list[tuple[Problem, str]]:
        """Problems of all lengths with exact steps in a random order; of known operators some, in a right one."""
        num_known = num_problems // KNOWN_SHARE if self.config.num_known_operators else 0
        solutions = self._pretraining_solutions(num_problems - num_known, generator, known=False)
        return solutions + (self._pretraining_solutions(num_known, generator, known=True) if num_known else [])

    def _pretraining_solutions(
        self, num_problems: int, generator: np.random.Generator, *, known: bool
    ) -> list[tuple[Problem, str]]:
        lengths = range(1, self.config.operators_per_problem + 1)
        problems = [
            problem
            for length in lengths
            for problem in self.draw_problems(generator, num_problems // len(lengths), length, known=known)
        ]
        write = self.trace if known else self.unordered_trace
        return [(problem, write(problem, generator)) for problem in problems]

    def _solve(self, problem: Problem, generator: np.random.Generator, *, right: bool) -> str:
        tokens, steps = problem.text.split(), []
        while len(tokens) > 1:
            positions = self.right_positions(tokens) if right else range(len(tokens) // 2)
            step, tokens = self.reduce(tokens, int(generator.choice(positions)))
            steps.append(step)
        return join_steps(steps)

    def _judge(self, tokens: list[str], step: list[str]) -> tuple[StepTruth, list[str]]:
        left = step[step.index("|") + 1 :] if "|" in step else []
        positions = {f"p{position}": position for position in range(len(tokens) // 2)}
        position = positions.get(step[0]) if step else None
        if position is None or not self._well_formed(tokens):
            return StepTruth.WRONG_EXECUTION, left
        expected, _ = self.reduce(tokens, position)
        if step != expected.split():
            return StepTruth.WRONG_EXECUTION, left
        right = position in self.right_positions(tokens)
        return StepTruth.RIGHT if right else StepTruth.WRONG_DECISION, left

    def _well_formed(self, tokens: list[str]) -> bool:
        values = {str(value) for value in range(self.config.num_values)}
        return len(tokens) % 2 == 1 and all(
            token in (self.index if i % 2 else values) for i, token in enumerate(tokens)
        )

    def drawn(self, split: Split, seed: int, chunk: int) -> Iterator[tuple[int, Problem]]:
        """The problems of a chunk that are of the split, each with a code of its own."""
        values, operators = self._draw_chunk(split, seed, chunk)
        answers, unambiguous = self._answers(values, operators)
        codes = self._codes(values, operators)
        for i in np.flatnonzero(unambiguous) if self.config.unambiguous else range(len(answers)):
            yield int(codes[i]), self._problem(values[i], operators[i], int(answers[i]))

    def _draw_chunk(self, split: Split, seed: int, chunk: int) -> tuple[Array, Array]:
        config = self.config
        generator = np.random.default_rng([config.world_seed, SPLIT_CODE[split], seed, chunk])
        values = generator.integers(0, config.num_values, size=(CHUNK_SIZE, config.operators_per_problem + 1))
        operators = generator.choice(
            config.num_operators, size=(CHUNK_SIZE, config.operators_per_problem), p=self.operator_frequencies
        )
        mine = is_of(split, self._codes(values, operators))
        return values[mine], operators[mine]

    def _codes(self, values: Array, operators: Array) -> Codes:
        """One integer an expression, shape (B,): mixed radix over its values and operators."""
        codes = values[:, 0]
        for i in range(operators.shape[1]):
            codes = codes * self.config.num_operators + operators[:, i]
            codes = codes * self.config.num_values + values[:, i + 1]
        return codes.astype(np.uint64)

    def _answers(self, values: Array, operators: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Reference answers, shape (B,), and whether no order with a wrong step reaches them, shape (B,).

        Walks the tree of all n! orders of reduction once, each node for all expressions together.
        """
        num = len(values)
        answers = np.full(num, -1, dtype=np.int64)
        reached_wrongly = np.zeros((num, self.config.num_values), dtype=bool)
        rows = np.arange(num)

        def walk(values: Array, operators: Array, right: NDArray[np.bool_]) -> None:
            if operators.shape[1] == 0:
                answers[right] = values[right, 0]
                reached_wrongly[rows[~right], values[~right, 0]] = True
                return
            levels = self.levels[operators]
            for i in range(operators.shape[1]):
                legal = right.copy()
                if i > 0:
                    legal &= levels[:, i - 1] < levels[:, i]
                if i + 1 < operators.shape[1]:
                    legal &= levels[:, i + 1] <= levels[:, i]
                value = self.tables[operators[:, i] % len(self.tables), values[:, i], values[:, i + 1]]
                rest = np.concatenate([values[:, :i], value[:, None], values[:, i + 2 :]], axis=1)
                walk(rest, np.delete(operators, i, axis=1), legal)

        walk(values, operators, np.ones(num, dtype=bool))
        return answers, ~reached_wrongly[rows, answers]

    def _problem(self, values: Array, operators: Array, answer: int) -> Problem:
        tokens = [str(values[0])]
        for operator, value in zip(operators, values[1:], strict=True):
            tokens += [self.operators[operator], str(value)]
        return Problem(text=" ".join(tokens), answer=str(answer))


def operator_words(num_operators: int, num_tables: int) -> list[str]:
    """Words of operators that share tables, the i-th table i modulo their number: its symbol, and a number."""
    return [f"{OPERATOR_SYMBOLS[i % num_tables]}{i // num_tables}" for i in range(num_operators)]
