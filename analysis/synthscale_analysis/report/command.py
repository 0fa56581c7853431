"""`synthscale report`: a page, figures and tables of a study.

    synthscale report runs/eightfold
    synthscale report runs/eightfold report.bootstrap=5000 report.wandb=true    # or --bootstrap 5000 --wandb

Reads DIR/results.csv (or .parquet) and writes into DIR/report/: index.html, one page that needs no file beside it; of
the pieces in `report.files`, those that the study has something for, each figure as PNG and SVG and its tables as CSV;
where the points' artifacts are there too, the tables that `extract` makes of them. Laws are fitted at
`protocol.STUDY_DELTA`, not at the δ published for training losses. A table of several tasks or models gives a folder
for each pair, and an index.html that leads to them. A half-finished study gets its report too, with what is missing
said under the table.
"""

import argparse
import sys
import textwrap
from pathlib import Path

from synthscale.command_line import CommandLine
from synthscale.study.error import UserError
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.options import as_options
from synthscale_analysis.protocol import NUM_DRAWS, SEED, STUDY_DELTA

_DESCRIPTION = (
    "A page (DIR/report/index.html), figures and tables of a study. Laws are fitted with Huber's δ = "
    f"{STUDY_DELTA:g} on log errors, the scale of the seeds' spread (synthscale fit --delta takes another); bars are "
    "95 % intervals of the mean over seeds, with a spread pooled over the sizes of a curve."
)


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Run the command; argv is without the program's name. 0, or 2 for a study that cannot be reported on."""
    parser = _parser()
    options = parser.parse_args(as_options(argv, "report", parser))
    if options.bootstrap < 2:
        raise UserError(f"--bootstrap needs at least 2 draws, not {options.bootstrap}")
    if options.seed < 0:
        raise UserError(f"--seed must be at least 0, not {options.seed}")
    from synthscale_analysis.report.make import make_report  # imports the figures

    make_report(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine("report", textwrap.fill(_DESCRIPTION, 80))
    parser.add_argument("folder", metavar="DIR", type=Path, help="the study's folder, e.g. runs/eightfold")
    parser.add_argument("--task", help="only this task")
    parser.add_argument("--model", help="only this model")
    parser.add_argument("--bootstrap", type=int, default=NUM_DRAWS, help=f"draws (default: {NUM_DRAWS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed of the bootstrap (default: {SEED})")
    parser.add_argument(
        "--wandb", action="store_true", help="log it to wandb, offline unless WANDB_MODE says otherwise"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
