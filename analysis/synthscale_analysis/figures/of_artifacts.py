"""The command of a figure that is drawn from artifacts: what records alone do not tell is read from them first."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from synthscale.study.error import UserError
from synthscale_analysis.extract.extraction import extract_tables
from synthscale_analysis.material import Material
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import save_figure


def draw_of_artifacts(
    argv: Sequence[str], make_figure: Callable[[Material], Figure | None], name: str, absent: str
) -> int:
    """Draw the figure of every task and model in a study's folder, argv's first or this one, and print its paths.

    Returns:
        0, a command's exit status.

    Raises:
        UserError: with the words of `absent` where there is nothing to draw.
    """
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        material = Material(study, folder)
        extract_tables(material)
        figure = make_figure(material)
        if figure is None:
            raise UserError(f"no figure {name} of {folder}: {absent}")
        print(*save_figure(figure, study.folder, name), sep="\n")
    return 0
