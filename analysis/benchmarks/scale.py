"""Memory and speed of the data's way from problems to batches, at as many problems as one asks for.

    python analysis/benchmarks/scale.py [--problems 1000000] [--phases PHASE ...] [--out FOLDER] [--scratch FOLDER]

The stages run as they are, one after the other, on the precedence world; only the policy is a stand-in that writes
scripted solutions, since what is measured is what becomes of them: graded, written, credited, composed into positives
and pairs, tokenised, dealt out in batches. A million problems need about 5 GB of scratch space.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.options import positive, writable_folder
from benchmarks.scale_output import scale_table, write_scale
from benchmarks.scale_phases import PHASES, Measured, measure
from synthscale.study.error import UserError
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.output import report_console, with_progress

OUT = Path(__file__).resolve().parents[2] / "analysis/results/scale"


def measure_all(num_problems: int, phases: Sequence[str], scratch: Path | None) -> list[Measured]:
    """The phases in their order, since each needs what those before it have made."""
    with TemporaryDirectory(dir=scratch) as root:
        ordered = [phase for phase in PHASES if phase in phases]
        return [measure(PHASES[name], name, num_problems, Path(root)) for name in with_progress(ordered, "phases")]


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="scale.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--problems", type=positive, default=1_000_000, help="problems of D_syn")
    parser.add_argument("--phases", nargs="+", choices=list(PHASES), default=list(PHASES), help="those to run")
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder for table and figure")
    parser.add_argument("--scratch", type=Path, help="folder for what the stages write; it is removed")
    return parser.parse_args(argv)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Measure, print and write: `main([--problems N ...])`."""
    options = parsed(argv)
    console = report_console()
    try:
        measured = measure_all(options.problems, options.phases, options.scratch)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    console.print(scale_table(measured))
    write_scale(measured, options.out)
    console.print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
