"""The ceiling in `precedence`: what an ideal learner gets out of the teacher's traces.

    python analysis/benchmarks/ideal_learner.py [--seeds 5] [--test 1000] [--out FOLDER]

It executes every step exactly and knows how the world is made, but no operator's level. A right step says that its
operator binds more tightly than its left neighbour and no less tightly than its right one; of all levels that agree
with every step of N traces it takes draws, uniformly: all orders of six operators, or Gibbs sweeps over thousands. It
then solves test problems by the step that is right in most draws. A right trace tells its problem's whole parse tree,
so that more solutions of the same problems, right or wrong, hold nothing that these draws do not know: no method on N
problems can be expected to do better, and what a method gains over SFT is what SFT leaves in its traces.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.table import Table

from benchmarks.options import positive, writable_folder
from synthscale.problem import PrecedenceConfig, PrecedenceTask, Problem, Split
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.output import report_console, write_csv

NAME = "ideal_learner"
OUT = Path(__file__).resolve().parents[2] / "analysis/results" / NAME
SIZES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
TAILS = (1.0, 1.2, 1.5, 2.0)
WORLDS = [PrecedenceConfig()] + [
    PrecedenceConfig(  # conf/task/precedence_many
        name="precedence_many",
        num_operators=2048,
        num_tables=6,
        num_levels=4,
        num_known_operators=64,
        zipf_exponent=tail,
    )
    for tail in TAILS
]
NUM_DRAWS, NUM_SWEEPS = 64, 60
MAX_ENUMERATED = 7  # operators, whose orders are all looked at

Levels = NDArray[np.int64]
"""Draws of all operators' levels, [S, num_operators]."""
Known = set[tuple[int, int, int]]
"""(above, below, least difference of their levels)."""


def told_by(task: PrecedenceTask, problems: Sequence[Problem], generator: np.random.Generator) -> Known:
    """What one right trace of each problem says of levels."""
    known: Known = set()
    for problem in problems:
        tokens = problem.text.split()
        while len(tokens) > 1:
            operators = [task.index[word] for word in tokens[1::2]]
            position = int(generator.choice(task.right_positions(tokens)))
            if position > 0:
                known.add((operators[position], operators[position - 1], 1))
            if position + 1 < len(operators):
                known.add((operators[position], operators[position + 1], 0))
            _, tokens = task.reduce(tokens, position)
    return known


def draw_levels(task: PrecedenceTask, known: Known, generator: np.random.Generator) -> Levels:
    """Levels that agree with what is known, uniformly among all that do."""
    if task.config.num_levels is None:
        return enumerated(task, known)
    return swept(task, known, generator)


def enumerated(task: PrecedenceTask, known: Known) -> Levels:
    """All orders of few operators that agree."""
    num = len(task.operators)
    if num > MAX_ENUMERATED:
        raise ValueError(f"orders of {num} operators are too many to look at; at most {MAX_ENUMERATED} are.")
    orders = np.array(list(permutations(range(num))))
    for above, below, least in known:
        orders = orders[orders[:, above] - orders[:, below] >= least]
    return orders


def swept(task: PrecedenceTask, known: Known, generator: np.random.Generator) -> Levels:
    """Gibbs sweeps over the operators that traces name, from the true levels on; the others are drawn at once."""
    num_levels = task.config.num_levels
    assert num_levels is not None
    floors: dict[int, list[tuple[int, int]]] = {}
    ceilings: dict[int, list[tuple[int, int]]] = {}
    for above, below, least in known:
        floors.setdefault(above, []).append((below, least))
        ceilings.setdefault(below, []).append((above, least))
    levels = generator.integers(0, num_levels, size=(NUM_DRAWS, len(task.operators)))
    named = sorted({*floors, *ceilings})
    levels[:, named] = task.levels[named]
    limits = [(i, *columns(floors.get(i, [])), *columns(ceilings.get(i, []))) for i in named]
    for _ in range(NUM_SWEEPS):
        for i, lower, over_by, higher, under_by in limits:
            low = (levels[:, lower] + over_by).max(axis=1, initial=0)
            high = (levels[:, higher] - under_by).min(axis=1, initial=num_levels - 1)
            levels[:, i] = generator.integers(low, high + 1)
    return levels


def columns(pairs: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Operators and differences, as arrays."""
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def solves(task: PrecedenceTask, problem: Problem, levels: Levels) -> bool:
    """Whether the steps that are right in most draws are all right."""
    tokens = problem.text.split()
    while len(tokens) > 1:
        here = levels[:, [task.index[word] for word in tokens[1::2]]]
        right = np.ones(here.shape, dtype=bool)
        right[:, 1:] &= here[:, :-1] < here[:, 1:]
        right[:, :-1] &= here[:, 1:] <= here[:, :-1]
        position = int(right.mean(axis=0).argmax())
        if position not in task.right_positions(tokens):
            return False
        _, tokens = task.reduce(tokens, position)
    return True


def measure(config: PrecedenceConfig, num_seeds: int, num_test: int) -> pd.DataFrame:
    """A record for each size and seed, and the share of problems all of whose operators some trace named."""
    task, rows = PrecedenceTask(config), []
    test = task.problems(Split.TEST, num_test)
    for data_size in [size for size in SIZES if size <= config.max_data_size]:
        for seed in range(1, num_seeds + 1):
            generator = np.random.default_rng([data_size, seed])
            train = task.problems(Split.TRAIN, data_size, seed)
            levels = draw_levels(task, told_by(task, train, generator), generator)
            named = {word for problem in train for word in problem.text.split()[1::2]}
            right = sum(solves(task, problem, levels) for problem in test) / num_test
            met = sum(named.issuperset(problem.text.split()[1::2]) for problem in test) / num_test
            row = {"data_size": data_size, "seed": seed, "num_test": num_test, "test_accuracy": right}
            rows.append(row | {"test_error": 1 - right, "all_operators_met": met})
    variant = f"task.zipf_exponent={config.zipf_exponent}" if config.num_levels is not None else ""
    table = pd.DataFrame(rows).assign(study=NAME, task=config.name, model="none", algorithm="ideal")
    return table.assign(negative_fraction=0.0, variant=variant).round(6)


def ceiling_table(table: pd.DataFrame) -> Table:
    """Error in % by world and size, over seeds."""
    shown = Table(title="ideal learner of one trace a problem: test error in %, mean over seeds")
    shown.add_column("world")
    for data_size in SIZES:
        shown.add_column(f"N = {data_size}", justify="right")
    for (task, variant), rows in table.groupby(["task", "variant"], sort=False):
        means = 100 * rows.groupby("data_size")["test_error"].mean()
        errors = (f"{means[size]:.1f}" if size in means else "" for size in SIZES)
        shown.add_row(f"{task} {variant}".strip(), *errors)
    return shown


@one_sentence_errors
def main(argv: Sequence[str]) -> int:
    """Measure, print and write: `main([--seeds N ...])`."""
    parser = argparse.ArgumentParser(prog="ideal_learner.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=positive, default=5, help="data sets of each size")
    parser.add_argument("--test", type=positive, default=1000, help="test problems")
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder for the table")
    options = parser.parse_args(argv)
    table = pd.concat([measure(config, options.seeds, options.test) for config in WORLDS], ignore_index=True)
    report_console().print(ceiling_table(table))
    write_csv(options.out / "results.csv", table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
