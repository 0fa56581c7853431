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
        The paths written, and what the records have nothing for: a sentence a reason.

    Raises:
        UserError: if the records cannot be read, or nothing of the study can be made of them.
    """
    records = read_records(folder)
    whole = Material(TaskModelRecords("all", "all", records, folder), folder, num_draws)
    parts = [Material(part, folder, num_draws) for part in studies_in(records, folder)]
    written: list[Path] = []
    left_out: dict[str, tuple[list[str], list[str]]] = {}  # by reason: the files, and of what
    for piece in STUDIES[name]:
        for material in [whole] if piece.is_of_all else parts:
            for outcome in write_piece(piece, material):
                written += outcome.written
                if outcome.why:
                    names, of = left_out.setdefault(outcome.why, ([], []))
                    names.append(outcome.name)
                    of += [] if piece.is_of_all else [f"{material.study.task}, {material.study.model}"]
    sentences = [_sentence(names, of, why) for why, (names, of) in left_out.items()]
    if not written:
        raise UserError(f"nothing of the study can be made of its records: {sentences[0]}")
    return written, sentences


def _sentence(names: list[str], of: list[str], why: str) -> str:
    where = f" ({'; '.join(dict.fromkeys(of))})" if of else ""
    return f"no {', '.join(dict.fromkeys(names))}{where}: {why}"
