"""What further cores are worth: the wall time of a study on one core, on two and so on, from start to the last record.

    python analysis/benchmarks/cores.py [--cores 1 2] [--rounds 1] [--out FOLDER] [--scratch FOLDER] [OVERRIDE ...]

Each run is `synthscale run study=quick`, or with OVERRIDEs such as `-m algorithm=sft,rft data_size=16,32` whatever they
say (then --out must be given), in a new folder, bound to so many cores, with as many workers of one thread. The numbers
of cores take turns. `quick` takes about six minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.table import Table

from benchmarks.options import positive, writable_folder
from synthscale.study.error import UserError
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.machine import processor
from synthscale_analysis.output import report_console, with_progress, write_atomically

OUT = Path(__file__).resolve().parents[2] / "analysis/results/cores"
STUDY = ("study=quick",)


@dataclass(frozen=True, slots=True)
class Run:
    """One study from its start to its end."""

    num_cores: int
    wall_seconds: float
    cpu_seconds: float  # of all its processes
    num_points: int


def run_study(num_cores: int, overrides: Sequence[str], scratch: Path | None) -> tuple[Run, list[dict[str, str]]]:
    """Run it on so many of this process's cores; with its table, without the columns of seconds.

    Raises:
        UserError: if it fails.
    """
    cores = sorted(os.sched_getaffinity(0))[:num_cores]
    with TemporaryDirectory(dir=scratch) as folder:
        own = [f"runs_dir={folder}", "study_name=cores", "logger=none", f"hydra.launcher.num_workers={num_cores}"]
        command = [sys.executable, "-m", "synthscale.cli", "run", *overrides, *own]
        before, started = os.times(), time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cores)
        )
        wall, after = time.perf_counter() - started, os.times()
        if done.returncode != 0:
            raise UserError(f"the study failed: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
        with Path(folder, "cores", "results.csv").open(newline="") as file:
            rows = [{k: v for k, v in row.items() if not k.endswith("_seconds")} for row in csv.DictReader(file)]
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(num_cores, wall, cpu, len(rows)), rows


def cores_table(runs: Sequence[Run]) -> Table:
    """One row for each number of cores; speed-up against the smallest number, medians of the rounds."""
    table = Table(title=f"a study of {runs[0].num_points} points", caption="speed-up: of wall time, medians of rounds")
    for name in ("cores", "rounds", "wall s", "CPU s", "speed-up", "of what is possible"):
        table.add_column(name, justify="right")
    for row in summary(runs):
        cells = (f"{row['wall_seconds']:,.1f}", f"{row['cpu_seconds']:,.1f}", f"{row['speed_up']:.2f}")
        table.add_row(f"{row['num_cores']:.0f}", f"{row['num_rounds']:.0f}", *cells, f"{row['efficiency']:.0%}")
    return table


def summary(runs: Sequence[Run]) -> list[dict[str, float]]:
    """Medians for each number of cores, ascending."""
    fewest = min(run.num_cores for run in runs)
    walls = {n: [r.wall_seconds for r in runs if r.num_cores == n] for n in sorted({r.num_cores for r in runs})}
    return [
        {
            "num_cores": num_cores,
            "num_rounds": len(own),
            "wall_seconds": median(own),
            "cpu_seconds": median(run.cpu_seconds for run in runs if run.num_cores == num_cores),
            "speed_up": median(walls[fewest]) / median(own),
            "efficiency": median(walls[fewest]) / median(own) * fewest / num_cores,
        }
        for num_cores, own in walls.items()
    ]


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The command line's options; what they do not know is the study's."""
    parser = argparse.ArgumentParser(prog="cores.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cores", nargs="+", type=positive, default=[1, 2], help="numbers of cores")
    parser.add_argument("--rounds", type=positive, default=1, help="runs on each number of cores")
    parser.add_argument("--out", type=writable_folder, help="folder for the JSON file; to be given with OVERRIDEs")
    parser.add_argument("--scratch", type=writable_folder, help="folder for the studies; what they write is removed")
    options, overrides = parser.parse_known_args(argv)
    return argparse.Namespace(**vars(options), overrides=overrides)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run, print and write: `main([--cores N ...] [OVERRIDE ...])`."""
    options = parsed(argv)
    there = len(os.sched_getaffinity(0))
    if min(options.cores) < 1 or max(options.cores) > there:
        raise UserError(f"--cores must be between 1 and {there}, the cores of this machine")
    if options.overrides and options.out is None:
        raise UserError("--out is missing: the results of quick, the default, stay as they are")
    overrides, out = options.overrides or STUDY, options.out or OUT
    turns = [num_cores for _ in range(options.rounds) for num_cores in options.cores]
    done = [run_study(num_cores, overrides, options.scratch) for num_cores in with_progress(turns, "studies")]
    runs = [run for run, _ in done]
    if any(rows != done[0][1] for _, rows in done):
        raise UserError("the studies' results differ with the number of cores")
    console = report_console()
    console.print(cores_table(runs))
    machine = {"processor": processor(), "cores": there}
    content = {"command": ["synthscale", "run", *overrides], "machine": machine, "summary": summary(runs)}
    path = out / "cores.json"
    write_atomically(path, json.dumps({**content, "runs": [asdict(run) for run in runs]}, indent=1).encode())
    console.print(f"written to {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
