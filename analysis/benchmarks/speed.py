"""Speed beside what a user would take instead: sampling, rollouts, preference pairs, fine-tuning and grading.

    python analysis/benchmarks/speed.py [--only NAME ...] [--rounds 5] [--threads 1] [--out FOLDER]

`make bench` runs all of it. Each duel gives our rate, the peer's, and the median ratio with its range, as a table, as
JSON and as a figure. The peers come with the extra `bench`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.duel import Outcome, fight
from benchmarks.options import positive, writable_folder
from benchmarks.speed_output import speed_table, write_speed
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.output import report_console, with_progress

OUT = Path(__file__).resolve().parents[2] / "analysis/results/speed"
DUELS: dict[str, str] = {
    "samples-tiny": "sampling_duels:tiny_samples",
    "samples-llama": "sampling_duels:llama_samples",
    "rollouts": "sampling_duels:rollouts",
    "rollouts-one-by-one": "sampling_duels:rollouts_one_by_one",
    "step-pairs": "training_duels:step_pairs",
    "fine-tuning": "training_duels:solutions",
    "grading-gsm8k": "grading_duel:gsm8k",
    "grading-math": "grading_duel:math",
}
"""Where each duel is: `module:function` of this package."""


def run_duels(names: Sequence[str], num_rounds: int, num_threads: int) -> list[Outcome]:
    """The duels' outcomes in the order of the table."""
    chosen = [name for name in DUELS if name in names]
    return [fight(DUELS[name], num_rounds, num_threads) for name in with_progress(chosen, "duels")]


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="speed.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(DUELS), default=list(DUELS), metavar="NAME", help="duels")
    parser.add_argument("--rounds", type=positive, default=5, help="of each duel; slow ones have fewer")
    parser.add_argument("--threads", type=positive, default=1, help="of torch")
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder for the JSON file and the figure")
    return parser.parse_args(argv)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run, print and write: `main([--only NAME ...])`."""
    options = parsed(argv)
    outcomes = run_duels(options.only, options.rounds, options.threads)
    console = report_console()
    console.print(speed_table(outcomes))
    write_speed(outcomes, options.out)
    console.print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
