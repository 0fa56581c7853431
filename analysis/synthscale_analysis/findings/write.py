"""The files of a study's findings, beside its records: each written, or an earlier one removed where it has nothing."""

from pathlib import Path

from synthscale.study.error import UserError
from synthscale_analysis.findings.contents import STUDIES
from synthscale_analysis.material import Material
from synthscale_analysis.piece import write_piece
from synthscale_analysis.protocol import NUM_DRAWS
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import TaskModelRecords, studies_in


def write_study(name: str, folder: Path, num_draws: int = NUM_DRAWS) -> tuple[list[Path], list[str]]:
    """Write all pieces of the study whose records lie in the folder.

    Returns:
        The paths written, and a sentence for each file that the records have nothing for.

    Raises:
        UserError: if the records cannot be read, or nothing of the study can be made of them.
    """
    records = read_records(folder)
    whole = Material(TaskModelRecords("all", "all", records, folder), folder, num_draws)
    parts = [Material(part, folder, num_draws) for part in studies_in(records, folder)]
    written: list[Path] = []
    left_out: list[str] = []
    for piece in STUDIES[name]:
        for material in [whole] if piece.is_of_all else parts:
            where = "" if piece.is_of_all else f" ({material.study.task}, {material.study.model})"
            for outcome in write_piece(piece, material):
                written += outcome.written
                left_out += [f"no {outcome.name}{where}: {outcome.why}"] if outcome.why else []
    if not written:
        raise UserError(f"nothing of the study can be made of its records: {left_out[0]}")
    return written, list(dict.fromkeys(left_out))
