"""`synthscale report`: a page, figures and tables of a study.

    synthscale report runs/eightfold
    synthscale report runs/eightfold report.bootstrap=5000 report.wandb=true    # or --bootstrap 5000 --wandb

Reads DIR/results.csv (or .parquet) and writes into DIR/report/: index.html, one page that needs no file beside it;
error_vs_size, fits and data_multiplier as PNG and SVG; summary.csv, fits.csv and multipliers.csv; where the points'
artifacts are there too, stage_seconds as figure and table. Laws are fitted at `estimates.STUDY_DELTA`, not at the δ
published for training losses. A table of several tasks or models gives a folder for each pair, and an index.html that
leads to them. A half-finished study gets its report too, with what is missing said under the table.
"""

import argparse
import sys
import textwrap
from pathlib import Path

from synthscale.command_line import CommandLine
from synthscale_analysis.errors import UserError, one_sentence_errors
from synthscale_analysis.extract.tables import PROVENANCE, read_json
from synthscale_analysis.figures.seconds import LEFT_OUT
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.estimates import NUM_DRAWS, SEED, STUDY_DELTA
from synthscale_analysis.options import as_options
from synthscale_analysis.output import report_console
from synthscale_analysis.records import read_records
from synthscale_analysis.report.files import PAGE, write_index, write_report
from synthscale_analysis.report.printed_table import printed_table
from synthscale_analysis.report.wandb_run import log_report
from synthscale_analysis.studies import TaskModelRecords, studies_in

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
    records = read_records(options.folder)
    console = report_console()
    folder = options.folder / "report"
    studies = studies_in(records, folder, options.task, options.model)
    for study in studies:
        material = Material(study, options.folder, options.bootstrap, options.seed)
        console.print(printed_table(material, write_report(material)))
        for note in material.gaps if material.stage_seconds is not None else [*material.gaps, LEFT_OUT]:
            console.print(note, highlight=False)
        for note in (read_json(material, PROVENANCE) or {}).get("notes", []):
            console.print(note, highlight=False, soft_wrap=True)
        console.print(f"Figures and tables: {study.folder}", highlight=False, soft_wrap=True)
        if len(studies) == 1:
            console.print(f"Open {study.folder / PAGE}", highlight=False, soft_wrap=True)
    index = _index(options, studies_in(records, folder))
    if len(studies) > 1:
        console.print(f"Open {index}", highlight=False, soft_wrap=True)
    if options.wandb:
        log_report(options.folder, studies)
    return 0


def _index(options: argparse.Namespace, studies: list[TaskModelRecords]) -> Path | None:
    """Write the index of all parts of the study that have a page, where the study has several parts; its path."""
    if len(studies) == 1:
        return None
    made = [study for study in studies if (study.folder / PAGE).is_file()]
    materials = [Material(study, options.folder, options.bootstrap, options.seed) for study in made]
    return write_index(materials, options.folder / "report")


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
