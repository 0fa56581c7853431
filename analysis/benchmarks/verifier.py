"""Our answer verifier against math-verify 0.9: errors on labelled pairs, answers per second, and scaling with jobs.

    python analysis/benchmarks/verifier.py [--pairs FILE ...] [--gsm8k FOLDER] [--out FOLDER]

Accuracy is counted on two tables: the verifier's own tests, which it was written to pass and which are therefore no
evidence against anyone, and a held-out table that was written from the conventions alone and tuned to no verifier. The
labels follow our default conventions. Where math-verify's authors chose others (a percentage is only its value, units
are dropped, letters have no case), an error of it says that its conventions differ, not that its mathematics is wrong;
the categories show where that is. It is called in two ways, as its README shows and at its best (see `contenders`).
Pairs under other conventions than the defaults are left out, because math-verify has no such switches.

Speed is fair in what is timed: the same list of texts for both, in one process each, on the same machine in the same
run, imports and warm-up outside the clock, no text twice, our cache of results off. Both get whole solutions with a
`####` line or a box on either side, so that neither reads bare LaTeX that it does not support. Our limit is five
seconds an answer, math-verify's default five seconds for each parse and each comparison. MATH-style texts are
generated, because the data set is not part of the repository.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.accuracy import ErrorCounts, Scored, count_errors, score
from benchmarks.accuracy_output import accuracy_table, write_accuracy
from benchmarks.contenders import Contender, has_math_verify
from benchmarks.made_pairs import Recipe, Style
from benchmarks.options import natural, writable_folder
from benchmarks.pairs import Pair, read_pairs
from benchmarks.throughput import Measurement, measure, measure_command, same_texts
from benchmarks.throughput_output import throughput_table, write_throughput
from synthscale.study.error import UserError
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.machine import processor
from synthscale_analysis.output import report_console

REPOSITORY = Path(__file__).resolve().parents[2]
TABLES = (REPOSITORY / "tests/problem/answer/pairs.tsv", REPOSITORY / "analysis/benchmarks/held_out.tsv")
OUT = REPOSITORY / "analysis/results/verifier"
NUM_GSM8K, NUM_MATH, NUM_SCALING = 20_000, 10_000, 200_000  # the first two: math-verify needs ten seconds or more


@dataclass(frozen=True, slots=True)
class Sizes:
    """Pairs in each measurement of speed; 0 leaves it out."""

    gsm8k: int = NUM_GSM8K
    math: int = NUM_MATH
    scaling: int = NUM_SCALING


def compare_accuracy(paths: Sequence[Path], console: Console, out: Path) -> None:
    """Grade every table with all three contenders, print the counts and write them."""
    contenders = list(Contender)
    all_counts: list[ErrorCounts] = []
    all_scored: list[Scored] = []
    for path in paths:
        pairs = _pairs_to_compare(path, all_scored, console)
        scored = score(path.stem, pairs, contenders)
        counts = list(count_errors(scored, contenders))
        console.print(accuracy_table(counts))
        all_counts += counts
        all_scored += scored
    write_accuracy(all_counts, all_scored, out)


def _pairs_to_compare(path: Path, before: Sequence[Scored], console: Console) -> list[Pair]:
    """The table's pairs under the default conventions; says how many are not, and how many an earlier table has too."""
    pairs = read_pairs(path)
    default = [pair for pair in pairs if not pair.policy]
    console.print(f"{path.stem}: {len(pairs) - len(default)} of {len(pairs)} pairs have other conventions, left out")
    known = {(one.pair.prediction, one.pair.reference) for one in before}
    if known:
        num_known = sum((pair.prediction, pair.reference) in known for pair in default)
        console.print(f"{path.stem}: {num_known} of its pairs stand in an earlier table as well")
    return default


def compare_speed(sizes: Sizes, gsm8k: Path | None, console: Console, out: Path) -> None:
    """Time both verifiers on both styles, then ours with more jobs; print the tables and write them."""
    console.print(f"{processor()}, {num_cores()} cores, Python {platform.python_version()}")
    recipes = [Recipe(Style.GSM8K, sizes.gsm8k, gsm8k=gsm8k), Recipe(Style.MATH, sizes.math)]
    both = (Contender.README, Contender.OURS)  # the first is the baseline
    single = [measure(recipe, contender) for recipe in recipes if recipe.num_pairs for contender in both]
    many = Recipe(Style.GSM8K, sizes.scaling, gsm8k=gsm8k)
    scaling = [measure_command(many, jobs) for jobs in job_counts()] if sizes.scaling else []
    groups: list[tuple[str, list[Measurement]]] = [("one process", single), ("synthscale grade --jobs", scaling)]
    assert all(same_texts(measurements) for _, measurements in groups), "contenders were timed on different texts"
    for title, measurements in groups:
        if measurements:
            console.print(throughput_table(title, measurements))
    write_throughput(groups, out)


def job_counts() -> list[int]:
    """1, 2 and 4 jobs, as far as there are cores."""
    return [jobs for jobs in (1, 2, 4) if jobs <= num_cores()]


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="verifier.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", nargs="+", type=Path, default=list(TABLES), help="tables of labelled pairs")
    parser.add_argument("--gsm8k", type=Path, help="folder with GSM8K's train.jsonl and test.jsonl")
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder for tables and figures")
    parser.add_argument("--num-gsm8k", type=natural, default=NUM_GSM8K, help="GSM8K-style pairs to time")
    parser.add_argument("--num-math", type=natural, default=NUM_MATH, help="MATH-style pairs to time")
    parser.add_argument("--num-scaling", type=natural, default=NUM_SCALING, help="pairs to time with more jobs")
    return parser.parse_args(argv)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run all comparisons: `main([--pairs FILE ...])`."""
    options = parsed(argv)
    if not has_math_verify():
        raise UserError("math-verify is needed for the comparison: install the dev extra")
    console = report_console()
    console.print(f"math-verify {importlib.metadata.version('math-verify')}")
    try:
        compare_accuracy(options.pairs, console, options.out)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    sizes = Sizes(options.num_gsm8k, options.num_math, options.num_scaling)
    compare_speed(sizes, options.gsm8k, console, options.out)
    console.print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
