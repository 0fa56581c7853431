"""A piece of a report or of the findings: a figure and the tables of its numbers, each a function of the material."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from synthscale.study.error import UserError
from synthscale_analysis.material import Material
from synthscale_analysis.output import write_atomically, write_csv
from synthscale_analysis.style import figure_paths, save_figure

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What NAME.png and NAME.svg show, and the tables with its numbers.

    figure: None for a piece of tables alone. tables: NAME.csv by their names. pages: NAME.md. is_of_all: made of all
    tasks and models together; others are made of each. A function that has nothing to show raises UserError.
    """

    name: str
    figure: Callable[[Material], Figure] | None = None
    tables: Mapping[str, Callable[[Material], pd.DataFrame]] = field(default_factory=dict)
    pages: Mapping[str, Callable[[Material], str]] = field(default_factory=dict)
    is_of_all: bool = False


class Outcome(NamedTuple):
    """Of one figure, table or page: its name as "cost.csv", the paths written, and why there are none, or empty."""

    name: str
    written: list[Path]
    why: str


def write_piece(piece: Piece, material: Material) -> Iterator[Outcome]:
    """Write the piece into the material's folder.

    An earlier file of what there is nothing for now is removed, because it would be of other records.
    """
    folder = material.study.folder
    for name, make_table in piece.tables.items():
        table, why = _made(make_table, material)
        path = folder / f"{name}.csv"
        if table is not None:
            write_csv(path, table)
        yield _outcome(path.name, [path], why)
    for name, make_page in piece.pages.items():
        text, why = _made(make_page, material)
        path = folder / f"{name}.md"
        if text is not None:
            write_atomically(path, text.encode())
        yield _outcome(path.name, [path], why)
    if piece.figure is not None:
        figure, why = _made(piece.figure, material)
        if figure is not None:
            save_figure(figure, folder, piece.name)
        yield _outcome(f"{piece.name}.png", figure_paths(folder, piece.name), why)


def _made(make: Callable[[Material], Made], material: Material) -> tuple[Made | None, str]:
    try:
        return make(material), ""
    except UserError as error:
        return None, str(error)


def _outcome(name: str, paths: list[Path], why: str) -> Outcome:
    """Of these files, which are removed where they could not be made."""
    if not why:
        return Outcome(name, paths, "")
    for path in paths:
        path.unlink(missing_ok=True)
    return Outcome(name, [], why)
