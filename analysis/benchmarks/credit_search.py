"""Rollouts spent on the pits of wrong solutions, and how many of those pits are right, search by search.

    python analysis/benchmarks/credit_search.py [--seeds 1 2 3] [--data-size 128] [--runs-dir FOLDER] [--out FOLDER]

The policies are those of `synthscale run algorithm=step_dpo`, their samples and negatives too. Every search draws its
rollouts from a bank of thousands from every prefix; the world knows which steps are wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.credit_cases import Case, make_cases
from benchmarks.credit_search_output import curve_table, write_curve
from benchmarks.credit_searchers import BEST_OF, Draws, Found, Searcher, searchers, true_pits
from benchmarks.options import positive, writable_folder
from synthscale.credit.pit import PitRule
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.output import report_console, with_progress

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "analysis/results/credit_search"
NUM_RESAMPLES = 1000
COLUMNS = ("negatives", "rollouts", "found", "wrong_steps", "first_wrong", "agreed")


@dataclass(frozen=True, slots=True)
class Score:
    """One search by one rule: a row of counts for each problem and repeat, columns as COLUMNS."""

    rule: PitRule
    family: str
    setting: str
    seeds: NDArray[np.int64]  # of each row
    counts: NDArray[np.float64]

    def shares(self, rows: NDArray[np.float64]) -> dict[str, float]:
        """The figures of some rows."""
        total = dict(zip(COLUMNS, rows.sum(axis=0).tolist(), strict=True))
        return {
            "rollouts_per_negative": total["rollouts"] / total["negatives"],
            "coverage": total["found"] / total["negatives"],
            "precision": total["wrong_steps"] / max(1.0, total["found"]),
            "recall_first": total["first_wrong"] / total["negatives"],
            "agreement": total["agreed"] / total["negatives"],
        }

    def interval(self, name: str) -> tuple[float, float]:
        """Of one figure, 95 %: the bootstrap over problems."""
        generator = np.random.default_rng(0)
        picks = generator.integers(len(self.counts), size=(NUM_RESAMPLES, len(self.counts)))
        drawn = [self.shares(self.counts[rows])[name] for rows in picks]
        low, high = np.quantile(drawn, [0.025, 0.975])
        return float(low), float(high)

    def of_seed(self, seed: int) -> dict[str, float]:
        """The figures of one seed."""
        return self.shares(self.counts[self.seeds == seed])


def score(
    rule: PitRule, family: str, setting: str, searcher: Searcher, cases: Sequence[Case], num_repeats: int
) -> Score:
    """Try one search on all cases, several times with other draws; the repeats of a problem are one row."""
    shares = {
        seed: float(np.mean([case.share_right for case in cases if case.seed == seed]))
        for seed in {case.seed for case in cases}
    }
    rows = []
    for place, case in enumerate(cases):
        of_case = np.zeros(len(COLUMNS))
        truth = true_pits(case, rule)
        for repeat in range(num_repeats):
            draws = Draws(case, np.random.default_rng([place, repeat]))
            of_case += tally(case, truth, searcher(case, draws, rule, shares[case.seed]))
        rows.append(of_case)
    return Score(rule, family, setting, np.array([case.seed for case in cases]), np.array(rows))


def tally(case: Case, truth: Sequence[int | None], found: Found) -> NDArray[np.float64]:
    """The counts of one case, in the order of COLUMNS."""
    is_wrong = [step in wrong for step, wrong in zip(found.steps, case.wrong_steps, strict=True)]
    is_first = [bool(wrong) and step == min(wrong) for step, wrong in zip(found.steps, case.wrong_steps, strict=True)]
    agreed = [step == true for step, true in zip(found.steps, truth, strict=True)]
    num_found = sum(step is not None for step in found.steps)
    return np.array([len(found.steps), found.num_rollouts, num_found, sum(is_wrong), sum(is_first), sum(agreed)], float)


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="credit_search.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the runs")
    parser.add_argument("--data-size", type=positive, default=128, help="problems of D_syn")
    parser.add_argument("--rollouts", type=positive, default=2000, help="in the bank, from each prefix")
    parser.add_argument("--repeats", type=positive, default=2, help="of every search, with other draws")
    parser.add_argument("--quick", action="store_true", help="two searches alone")
    parser.add_argument(
        "--runs-dir", type=writable_folder, default=ROOT / "runs/credit_search", help="where the runs are kept"
    )
    parser.add_argument("--name", default="curve", help="of the files that are written")
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder for table and figure")
    parser.add_argument("overrides", nargs="*", help="KEY=VALUE for the runs")
    return parser.parse_args(argv)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Make the policies, try the searches, print and write: `main([--seeds N ...])`."""
    options = parsed(argv)
    options.runs_dir.mkdir(parents=True, exist_ok=True)
    console = report_console()
    cases: list[Case] = []
    for seed in with_progress(options.seeds, "policies and banks"):
        cases += make_cases(seed, options.data_size, options.rollouts, options.runs_dir, options.overrides)
    tried = [(rule, *one) for rule in BEST_OF for one in searchers(quick=options.quick)]
    scores = [score(*one, cases, options.repeats) for one in with_progress(tried, "searches")]
    for rule in BEST_OF:
        console.print(curve_table([one for one in scores if one.rule is rule], options.seeds))
    write_curve(scores, options.seeds, options.out, options.name)
    console.print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
