"""The files of a report: tables, static figures and the page, each made from the material, or left out where it cannot.

A figure or table that the study has nothing for is None; an earlier report's file of that name is then removed, because
it would be of other records.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from synthscale_analysis.extract.extraction import extract_tables
from synthscale_analysis.figures.error import NAME as ERROR_NAME
from synthscale_analysis.figures.error import error_figure
from synthscale_analysis.figures.fits import NAME as FITS_NAME
from synthscale_analysis.figures.fits import fits_figure
from synthscale_analysis.figures.multiplier import NAME as MULTIPLIER_NAME
from synthscale_analysis.figures.multiplier import multiplier_figure
from synthscale_analysis.figures.seconds import NAME as SECONDS_NAME
from synthscale_analysis.figures.seconds import seconds_figure
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.estimates import STUDY_LAWS
from synthscale_analysis.numbers.summary import fits_table, multipliers_table, summary_table
from synthscale_analysis.output import write_atomically, write_csv
from synthscale_analysis.page.index import render_index
from synthscale_analysis.page.render import render_page
from synthscale_analysis.report.artifact_figures import ARTIFACT_FIGURES
from synthscale_analysis.report.freshness import STAMP, digest_of, is_fresh, mark_fresh
from synthscale_analysis.report.topic_files import TOPIC_FIGURES, TOPIC_TABLES
from synthscale_analysis.style import save_figure

PAGE = "index.html"
SUMMARY = "summary"


def write_report(material: Material) -> pd.DataFrame:
    """Write the report of one task and model into its folder, unless it is there and fresh; the summary table."""
    folder = material.study.folder
    digest = digest_of(material.records, material.num_draws, material.seed, material.surroundings)
    if is_fresh(folder, digest):
        return pd.read_csv(folder / f"{SUMMARY}.csv")
    extract_tables(material)
    tables = {name: make(material) for name, make in TABLES.items()}
    written = [_write_table(material, name, table) for name, table in tables.items()]
    written += [_write_figure(material, name, make(material)) for name, make in FIGURES.items()]
    write_atomically(folder / PAGE, render_page(material).encode())
    mark_fresh(folder, digest, [PAGE, *(name for names in written for name in names)])
    summary = tables[SUMMARY]
    assert summary is not None
    return summary


def write_index(materials: Sequence[Material], folder: Path) -> Path:
    """Write the page that leads to those of several parts of a study, which lie in the folder; the index's path.

    An earlier report of one part alone, whose page that was, is no longer whole and so not fresh.
    """
    (folder / STAMP).unlink(missing_ok=True)
    write_atomically(folder / PAGE, render_index(materials, PAGE).encode())
    return folder / PAGE


def _fits(material: Material) -> pd.DataFrame:
    jobs = [(curve, fit) for law in STUDY_LAWS for curve, fit in zip(material.curves, material.fits[law], strict=True)]
    return fits_table([curve for curve, _ in jobs], [fit for _, fit in jobs])


def _multipliers(material: Material) -> Figure | None:
    if not material.baselines:
        return None
    return multiplier_figure(material.records, material.num_draws, material.seed)


def _seconds(material: Material) -> Figure | None:
    return None if material.stage_seconds is None else seconds_figure(material.stage_seconds)


#: NAME.csv of each.
TABLES: dict[str, Callable[[Material], pd.DataFrame | None]] = {
    SUMMARY: lambda made: summary_table(made.records, made.curves, made.num_draws, made.seed),
    "multipliers": lambda made: multipliers_table(made.records, made.curves, made.num_draws, made.seed),
    "fits": _fits,
    SECONDS_NAME: lambda made: made.stage_seconds,
    **TOPIC_TABLES,
}
#: NAME.png and NAME.svg of each.
FIGURES: dict[str, Callable[[Material], Figure | None]] = {
    ERROR_NAME: lambda made: error_figure(made.records, made.power_fits),
    FITS_NAME: lambda made: fits_figure(made.records, made.power_fits),
    MULTIPLIER_NAME: _multipliers,
    SECONDS_NAME: _seconds,
    **TOPIC_FIGURES,
    **ARTIFACT_FIGURES,
}


def _write_table(material: Material, name: str, table: pd.DataFrame | None) -> list[str]:
    """Names of the files written."""
    path = material.study.folder / f"{name}.csv"
    if table is None:
        path.unlink(missing_ok=True)
        return []
    write_csv(path, table)
    return [path.name]


def _write_figure(material: Material, name: str, figure: Figure | None) -> list[str]:
    """Names of the files written."""
    if figure is not None:
        return [path.name for path in save_figure(figure, material.study.folder, name)]
    for extension in ("png", "svg"):
        (material.study.folder / f"{name}.{extension}").unlink(missing_ok=True)
    return []
