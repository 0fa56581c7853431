"""`python -m synthscale_analysis.findings.keep`: a finished study's records into analysis/results, to be committed.

    python -m synthscale_analysis.findings.keep runs/mixture
    python -m synthscale_analysis.findings.keep runs/mixture --unfinished --left-out "seeds 4 and 5, for lack of time"

Copies runs/STUDY/results.csv as it is to analysis/results/STUDY/results.csv, and writes into README.md beside it how it
was made: commands, commit, machine, seconds, versions, points, what is left out. Run it on the machine that ran the
study: the processor and its cores are those that it finds. An unfinished study is refused, unless it is asked for.
"""

import argparse
import re
import sys
from pathlib import Path

from synthscale.command_line import CommandLine
from synthscale.durable import write_durably
from synthscale.study.error import UserError
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.findings.card import readme_with
from synthscale_analysis.findings.origin import Origin, origin_of
from synthscale_analysis.findings.results import RECORDS, RESULTS
from synthscale_analysis.records import read_records


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run the command; argv is without the program's name. 0, or 2 for a study that is not kept."""
    options = _parser().parse_args(argv)
    if options.name is not None and not re.fullmatch(r"\w[\w.-]*", options.name):
        raise UserError(f"--name is a folder's name of letters, digits, dots, _ and -, not {options.name!r}")
    source: Path = options.folder
    if not (source / RECORDS).is_file():
        raise UserError(f"{source} holds no {RECORDS}; give a study's folder, such as runs/quick")
    records = read_records(source)  # without the rows of points that are not measured
    origin = origin_of(source, records)
    if origin.missing and not options.unfinished:
        raise UserError(f"{source} is not finished: {_told(origin)}; run it to its end, or keep it with --unfinished")
    folder = options.results / (options.name or origin.name)
    readme = folder / "README.md"
    try:
        earlier = readme.read_text(encoding="utf-8") if readme.exists() else None
        text = readme_with(earlier, origin, options.left_out)
        write_durably(folder / RECORDS, (source / RECORDS).read_bytes())
        write_durably(readme, text.encode())
    except UnicodeDecodeError as error:
        raise UserError(f"{readme} is not UTF-8; mend it, or move it away") from error
    except OSError as error:
        raise UserError(f"cannot keep the records in {folder}: {error.strerror or error}") from error
    unfinished = f"; {_told(origin)}" if origin.missing else ""
    print(f"{origin.name}: {len(records):,} records in {folder / RECORDS}{unfinished}")
    return 0


def _told(origin: Origin) -> str:
    missing = len(origin.missing)
    verb = "is" if missing == 1 else "are"
    return f"{missing:,} of {origin.num_points:,} points {verb} missing, the first {origin.missing[0]}"


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine("findings.keep", "Copy a finished study's records to analysis/results, with how it was made.")
    parser.prog = "python -m synthscale_analysis.findings.keep"
    parser.add_argument("folder", metavar="DIR", type=Path, help="the study's folder, e.g. runs/mixture")
    parser.add_argument("--unfinished", action="store_true", help="keep it though points are missing, and say how many")
    parser.add_argument("--left-out", default="", metavar="TEXT", help="what else the README says was left out")
    parser.add_argument("--name", help="folder in the results (default: the study's own)")
    parser.add_argument("--results", metavar="DIR", type=Path, default=RESULTS, help="folder of all studies' records")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
