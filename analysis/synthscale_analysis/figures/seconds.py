"""Figure: the seconds of a study's stages, a bar for each, split by the method that needed them.

Hatched is what several methods share, each artifact counted once. Seconds of all processes are added up, so two workers
take about half as long.

    python -m synthscale_analysis.figures.seconds runs/quick
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from synthscale.study.error import UserError
from synthscale_analysis.curves import COLOURS, FURTHER_COLOURS, LABELS
from synthscale_analysis.errors import one_sentence_errors
from synthscale_analysis.extract.stage_seconds import SHARED, STAGES, stage_seconds
from synthscale_analysis.records import read_records
from synthscale_analysis.studies import studies_in
from synthscale_analysis.style import WIDTH_INCHES, house_style, save_figure

NAME = "stage_seconds"
LEFT_OUT = "Not all artifacts of these points are here, so there is no figure of the seconds by stage."
_SHARED: dict[str, Any] = {"facecolor": "#f0f0f0", "edgecolor": "#7f7f7f", "hatch": "////", "linewidth": 0}


def seconds_figure(table: pd.DataFrame) -> Figure:
    """Figure of what `stage_seconds` returns."""
    stages = [stage for stage in STAGES if stage in set(table["stage"])]
    there = set(table["algorithm"])
    own = [name for name in LABELS if name in there] + sorted(there - {*LABELS, SHARED})
    methods = [*([SHARED] if SHARED in there else []), *own]
    further = dict(zip([name for name in own if name not in COLOURS], FURTHER_COLOURS * len(own), strict=False))
    looks = {SHARED: _SHARED} | {name: {"color": colour} for name, colour in (COLOURS | further).items()}
    seconds = table.pivot(index="stage", columns="algorithm", values="seconds").reindex(stages).fillna(0.0)
    totals = seconds.sum(axis=1)
    with house_style():
        figure = Figure(figsize=(WIDTH_INCHES, 1.5 + 0.3 * len(stages)), layout="constrained")
        axes = figure.subplots()
        start = totals * 0
        for method in methods:
            label = "shared by several methods" if method == SHARED else LABELS.get(method, method)
            axes.barh(stages, seconds[method], left=start, label=label, **looks[method])
            start = start + seconds[method]
        whole = float(totals.sum())
        for place, total in enumerate(totals):
            share = f"{total:,.0f} s, {total / whole:.0%}" if whole else "0 s"
            axes.annotate(share, (total, place), xytext=(4, 0), textcoords="offset points", va="center")
        axes.margins(x=0.18)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"seconds over all processes ({whole:,.0f} in all)")
        figure.legend(loc="outside lower center", ncols=3)
    return figure


@one_sentence_errors
def main(argv: list[str]) -> int:
    """Draw the figure of every task and model in a study's folder: `main([DIR])`."""
    folder = Path(argv[0] if argv else ".")
    for study in studies_in(read_records(folder), folder / "report"):
        table = stage_seconds(study.records, artifacts_of(folder))
        if table is None:
            raise UserError(LEFT_OUT)
        print(*save_figure(seconds_figure(table), study.folder, NAME), sep="\n")
    return 0


def artifacts_of(folder: Path) -> Path:
    """Where the artifacts of the study in this folder are."""
    return folder.resolve().parent / "artifacts"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
