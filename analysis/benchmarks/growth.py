"""How seconds and peak memory grow with the data, stage by stage, and with a study's points: fitted exponents.

    python analysis/benchmarks/growth.py [--sizes N ...] [--points N ...] [--repeats 2] [--out FOLDER] [--scratch DIR]

The stages are those of `scale.py`, on the precedence world with a stand-in for the policy, each in a process of its
own; `study` is a study of so many points whose stages do nothing. About a quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.growth_output import growth_table, write_growth
from benchmarks.growth_study import STUDY_PHASES
from benchmarks.options import positive, writable_folder
from benchmarks.scale_phases import PHASES, Measured, Phase, measure
from synthscale.study.error import UserError
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.output import report_console, with_progress

OUT = Path(__file__).resolve().parents[2] / "analysis/results/growth"
SIZES = (128, 512, 2_048, 8_192, 32_768, 65_536)
POINTS = (10, 30, 100, 300, 1_000)


def measure_growth(
    phases: Mapping[str, Phase], sizes: Sequence[int], repeats: int, scratch: Path | None
) -> list[Measured]:
    """Every phase at every size, so many times; within a size in order, since each needs what those before it made."""
    measured = []
    for size in with_progress([size for size in sizes for _ in range(repeats)], "sizes"):
        with TemporaryDirectory(dir=scratch) as root:
            measured += [measure(phase, name, size, Path(root)) for name, phase in phases.items()]
    return measured


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="growth.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="*", type=positive, default=SIZES, metavar="N", help="problems of D_syn")
    parser.add_argument("--points", nargs="*", type=positive, default=POINTS, metavar="N", help="points of a study")
    parser.add_argument("--repeats", type=positive, default=2, help="of each measurement")
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder for tables and figure")
    parser.add_argument("--scratch", type=writable_folder, help="folder for what the stages write; it is removed")
    options = parser.parse_args(argv)
    if not options.sizes and not options.points:
        parser.error("--sizes and --points are both empty: there is nothing to measure")
    return options


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Measure, print and write: `main([--sizes N ...])`."""
    options = parsed(argv)
    console = report_console()
    try:
        groups = {
            "problems": measure_growth(PHASES, options.sizes, options.repeats, options.scratch),
            "points": measure_growth(STUDY_PHASES, options.points, options.repeats, options.scratch),
        }
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(str(error)) from error
    for unit, measured in groups.items():
        if measured:
            console.print(growth_table(unit, measured))
    write_growth(groups, options.out)
    console.print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
