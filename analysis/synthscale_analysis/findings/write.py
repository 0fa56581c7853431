"""The files of a study's findings, beside its records: each written, or an earlier one removed where it has nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from synthscale.study.error import UserError
from synthscale_analysis.findings.contents import STUDIES
from synthscale_analysis.findings.piece import Piece
from synthscale_analysis.material import Material
from synthscale_analysis.output import write_atomically
from synthscale_analysis.protocol import NUM_DRAWS
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import TaskModelRecords, studies_in
from synthscale_analysis.style import save_figure

Made = TypeVar("Made")


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
            for paths, why in _files(piece, material):
                written += paths
                left_out += [why] if why else []
    if not written:
        raise UserError(f"nothing of the study can be made of its records: {left_out[0]}")
    return written, list(dict.fromkeys(left_out))


def _files(piece: Piece, material: Material) -> Iterator[tuple[list[Path], str]]:
    """Of each figure, table and page: the paths written, and why there are none."""
    folder = material.study.folder
    where = "" if piece.is_of_all else f" ({material.study.task}, {material.study.model})"
    for name, table in piece.tables.items():
        made, why = _made(table, material)
        content = None if made is None else made.to_csv(index=False, lineterminator="\n")
        yield _written(folder / f"{name}.csv", content), why and f"no {name}.csv{where}: {why}"
    for name, page in piece.pages.items():
        text, why = _made(page, material)
        yield _written(folder / f"{name}.md", text), why and f"no {name}.md{where}: {why}"
    if piece.figure is not None:
        figure, why = _made(piece.figure, material)
        if figure is not None:
            yield save_figure(figure, folder, piece.name), ""
        else:
            for extension in ("png", "svg"):
                (folder / f"{piece.name}.{extension}").unlink(missing_ok=True)
            yield [], f"no {piece.name}.png{where}: {why}"


def _made(make: Callable[[Material], Made], material: Material) -> tuple[Made | None, str]:
    try:
        return make(material), ""
    except UserError as error:
        return None, str(error)


def _written(path: Path, content: str | None) -> list[Path]:
    if content is None:
        path.unlink(missing_ok=True)
        return []
    write_atomically(path, content.encode())
    return [path]
