"""The files of a report: the page and the pieces, each made from the material, or left out where it cannot."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from synthscale_analysis.extract.extraction import extract_tables
from synthscale_analysis.material import Material
from synthscale_analysis.output import write_atomically
from synthscale_analysis.page.index import render_index
from synthscale_analysis.page.render import render_page
from synthscale_analysis.piece import write_piece
from synthscale_analysis.pieces import (
    COST,
    CREDIT,
    ERROR,
    FITS,
    HEAT_MAP,
    MULTIPLIER,
    PASS_AT_K,
    SATURATION,
    SECONDS,
    SPURIOUS,
    SUMMARY,
    TRAINING,
)
from synthscale_analysis.report.freshness import STAMP, digest_of, is_fresh, mark_fresh

PAGE = "index.html"
PIECES = (
    *(ERROR, FITS, MULTIPLIER, SECONDS, HEAT_MAP, SATURATION, PASS_AT_K, COST),
    *(CREDIT, SPURIOUS, TRAINING),
)


def write_report(material: Material) -> pd.DataFrame:
    """Write the report of one task and model into its folder, unless it is there and fresh; the summary table.

    UserError for records that cannot be reported on: the page, which needs all of them, is made before a piece is.
    """
    folder = material.study.folder
    digest = digest_of(material.records, material.num_draws, material.seed, material.surroundings)
    if not is_fresh(folder, digest):
        extract_tables(material)
        page = render_page(material)
        written = [path.name for piece in PIECES for made in write_piece(piece, material) for path in made.written]
        write_atomically(folder / PAGE, page.encode())
        mark_fresh(folder, digest, [PAGE, *written])
    return pd.read_csv(folder / f"{SUMMARY}.csv", dtype={"algorithm": str, "variant": str})


def write_index(materials: Sequence[Material], folder: Path) -> Path:
    """Write the page that leads to those of several parts of a study, which lie in the folder; the index's path.

    An earlier report of one part alone, whose page that was, is no longer whole and so not fresh.
    """
    (folder / STAMP).unlink(missing_ok=True)
    write_atomically(folder / PAGE, render_index(materials, PAGE).encode())
    return folder / PAGE
