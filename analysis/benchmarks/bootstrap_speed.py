"""4,000 bootstrap refits of the Chinchilla law: ours, all at once, beside a loop of scipy's L-BFGS-B over the draws.

    python analysis/benchmarks/bootstrap_speed.py [--draws 4000] [--peer-draws 4000] [--numeric-draws 200]
                                                  [--rounds 3] [--out FOLDER]

Both start every draw at the optimum of the whole table and have one thread. They take turns; a round's ratio is the
peer's CPU time a draw over ours, so that it may refit fewer. Prints a table, and writes bootstrap_speed.json.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.table import Table

from benchmarks.options import positive, writable_folder
from benchmarks.refits import Outcome, Sizes, compare
from synthscale.study.error import UserError
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.machine import processor
from synthscale_analysis.output import report_console, write_atomically

OUT = Path(__file__).resolve().parents[2] / "analysis/results/fits"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def compared(sizes: Sizes) -> list[Outcome]:
    """The peers' outcomes, from a process in which numpy has one thread from its start."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(compare, sizes).result()


def speed_table(outcomes: Sequence[Outcome]) -> Table:
    """One row a peer."""
    caption = "CPU time; ratio: theirs a draw over ours, median of the rounds, with the lowest and the highest"
    table = Table(title="bootstrap refits of the Chinchilla law, ours beside a loop over draws", caption=caption)
    table.add_column("peer")
    for name in ("draws: ours", "theirs", "ms a draw: ours", "theirs", "ratio", "of wall time", "ours no worse"):
        table.add_column(name, justify="right")
    for one in outcomes:
        table.add_row(
            one.peer,
            f"{one.ours[0].num_draws:,}",
            f"{one.theirs[0].num_draws:,}",
            f"{median(turn.milliseconds_a_draw for turn in one.ours):.3f}",
            f"{median(turn.milliseconds_a_draw for turn in one.theirs):.2f}",
            f"{median(one.ratios):.1f} [{min(one.ratios):.1f}, {max(one.ratios):.1f}]",
            f"{median(one.wall_ratios):.1f}",
            f"{one.share_no_worse:.2%}",
        )
    return table


def write(outcomes: Sequence[Outcome], folder: Path) -> None:
    """bootstrap_speed.json: the machine, every turn, how the objectives compare, and both sides' intervals."""
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("synthscale", "numpy", "scipy")},
    }
    rows = [{**asdict(one), "ratios": one.ratios, "wall_ratios": one.wall_ratios} for one in outcomes]
    content = {"machine": machine, "num_threads": 1, "peers": rows}
    write_atomically(folder / "bootstrap_speed.json", (json.dumps(content, indent=1) + "\n").encode())


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="bootstrap_speed.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draws", type=positive, default=4000, help="that ours refits each round")
    parser.add_argument("--peer-draws", type=positive, help="of these, what the loop refits each round; default: all")
    parser.add_argument("--numeric-draws", type=positive, default=200, help="the same with numerical gradients")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--out", type=writable_folder, default=OUT, help="folder for the JSON file")
    return parser.parse_args(argv)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run, print and write: `main([--draws N ...])`."""
    options = parsed(argv)
    num_peer = options.draws if options.peer_draws is None else options.peer_draws
    if options.draws < 2 or num_peer > options.draws:
        raise UserError("--draws must be at least 2, and --peer-draws at most --draws")
    sizes = Sizes(options.draws, num_peer, min(options.numeric_draws, options.draws), options.rounds)
    outcomes = compared(sizes)
    console = report_console()
    console.print(speed_table(outcomes))
    write(outcomes, options.out)
    console.print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
