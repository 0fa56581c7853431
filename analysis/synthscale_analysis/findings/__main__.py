"""`python -m synthscale_analysis.findings`: figures and tables of the studies whose records are committed.

    python -m synthscale_analysis.findings
    python -m synthscale_analysis.findings --study mixture

Reads analysis/results/STUDY/results.csv and nothing else, and writes beside it, by task and model where there are
several, each figure as PNG and SVG and its numbers as CSV. The same records give the same bytes. A study without
records is named and left out; one whose records cannot be read is told in a sentence, after all others were made.
"""

import argparse
import sys
from pathlib import Path

from synthscale.command_line import CommandLine
from synthscale.study.error import UserError
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.findings.results import RECORDS, RESULTS
from synthscale_analysis.protocol import NUM_DRAWS

MAX_DRAWS = 100_000


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run the command; argv is without the program's name. 0, or 2 where a study cannot be made."""
    options = _parser().parse_args(argv)
    if not 2 <= options.bootstrap <= MAX_DRAWS:
        raise UserError(f"--bootstrap needs 2 to {MAX_DRAWS:,} draws, not {options.bootstrap:,}")
    if not options.results.is_dir():
        raise UserError(f"{options.results} is no folder; give the one that has a folder for each study")
    from synthscale_analysis.findings.contents import STUDIES  # imports the figures

    if options.study is not None and options.study not in STUDIES:
        raise UserError(f"there is no study {options.study}; there are {', '.join(STUDIES)}")
    names = [options.study] if options.study is not None else list(STUDIES)
    return _make(names, options, is_asked_for=options.study is not None)


def _make(names: list[str], options: argparse.Namespace, *, is_asked_for: bool) -> int:
    from synthscale_analysis.findings.write import write_study

    refused = []
    for name in names:
        folder = options.results / name
        if not (folder / RECORDS).is_file():
            absent = f"there are no records of {name} yet: {folder / RECORDS} is missing"
            if is_asked_for:
                raise UserError(absent)
            print(f"{name}: left out, {absent}")
            continue
        try:
            written, left_out = write_study(name, folder, options.bootstrap)
        except UserError as error:
            refused.append(f"{name}: {error}")
            continue
        print(f"{name}: {len(written)} files in {folder}", *(f"  {sentence}" for sentence in left_out), sep="\n")
    if refused:
        raise UserError("; ".join(refused))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine("findings", "Figures and tables of the findings, from the records in analysis/results.")
    parser.prog = "python -m synthscale_analysis.findings"
    parser.add_argument("--study", help="only this study (default: all that have records)")
    parser.add_argument("--results", metavar="DIR", type=Path, default=RESULTS, help="folder of all studies' records")
    parser.add_argument("--bootstrap", type=int, default=NUM_DRAWS, help=f"draws (default: {NUM_DRAWS})")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
