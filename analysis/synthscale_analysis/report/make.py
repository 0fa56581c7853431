"""A study's report from its records: files, the table in the terminal, and where to look."""

import argparse
from pathlib import Path

from synthscale_analysis.extract.tables import PROVENANCE, read_json
from synthscale_analysis.figures.seconds import LEFT_OUT
from synthscale_analysis.material import Material
from synthscale_analysis.output import report_console
from synthscale_analysis.records import read_records
from synthscale_analysis.report.files import PAGE, write_index, write_report
from synthscale_analysis.report.printed_table import printed_table
from synthscale_analysis.report.wandb_run import log_report
from synthscale_analysis.studies import TaskModelRecords, studies_in


def make_report(options: argparse.Namespace) -> None:
    """Write and show all that the options of `synthscale report` ask for; UserError where there is nothing to tell."""
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


def _index(options: argparse.Namespace, studies: list[TaskModelRecords]) -> Path | None:
    """Write the index of all parts of the study that have a page, where the study has several parts; its path."""
    if len(studies) == 1:
        return None
    made = [study for study in studies if (study.folder / PAGE).is_file()]
    materials = [Material(study, options.folder, options.bootstrap, options.seed) for study in made]
    return write_index(materials, options.folder / "report")
