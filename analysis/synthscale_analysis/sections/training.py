"""Training curves: losses, margins and validation by update, for each phase, size and seed."""

from collections.abc import Sequence

import pandas as pd
from plotly.graph_objects import Figure

from synthscale_analysis.extract.training import NUM_ROWS
from synthscale_analysis.figures.training import ABSENT, NAME
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.training import QUANTITIES, Phase, phases_of
from synthscale_analysis.page.chart import GRID, INK, as_text, house_figure
from synthscale_analysis.page.section import Chart, Section
from synthscale_analysis.page.switch import Choice, Line, add_buttons, add_line

ANCHOR, TITLE = "training", "Training curves"
PANEL_PIXELS, MARGIN_PIXELS = 210, 130
MAX_CHOICES = 24
_CAPTION = (
    "Curves by update; the menu picks data size and seed. Each mark is the mean over a stretch of updates, at "
    "most {most} of them, and validations stand where they were made. Losses of different methods are of "
    "different things (imitating, preferring, or both), so compare their course and the validation, which is the "
    "same for all: loss and greedy accuracy on held-out problems.{left_out}"
)
_LEFT_OUT = " Further seeds are in training.csv beside the page."


def section(material: Material) -> Section | str:
    """A sentence where no curves are known."""
    phases = phases_of(material)
    if not phases:
        return f"{TITLE}: {ABSENT}."
    charts = [_chart(phase, NAME if phase is phases[-1] else None) for phase in phases]
    return Section(ANCHOR, TITLE, _finding(phases), charts)


def _finding(phases: Sequence[Phase]) -> str:
    """Where the last phase leaves validation accuracy against where it began to be measured."""
    last = phases[-1]
    largest = max(size for size, _ in last.cells)
    cells = [cell for cell in last.cells if cell[0] == largest]
    parts = []
    for curve in last.curves:
        lines = [last.line(curve, cell, "validation_accuracy") for cell in cells]
        ends = [
            (line["validation_accuracy"].iloc[0], line["validation_accuracy"].iloc[-1]) for line in lines if len(line)
        ]
        if ends:
            first, end = (sum(column) / len(ends) for column in zip(*ends, strict=True))
            parts.append(f"{curve.label} {100 * first:.0f} to {100 * end:.0f} %")
    if not parts:
        return "Losses by update; nothing was validated while training."
    return (
        f"Validation accuracy at {largest:,} problems from the first to the last time that it was measured in "
        f"the last phase: {'; '.join(parts)}."
    )


def _chart(phase: Phase, static: str | None) -> Chart:
    cells = _shown(phase.cells)
    left_out = _LEFT_OUT if len(cells) < len(phase.cells) else ""
    caption = f"{phase.title}. {_CAPTION.format(most=NUM_ROWS, left_out=left_out)}"
    return Chart(_figure(phase, cells), caption, static)


def _shown(cells: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """All sizes with as many seeds as the menu has room for."""
    sizes = {size for size, _ in cells}
    most = max(1, MAX_CHOICES // len(sizes))
    kept: list[tuple[int, str]] = []
    for size in sorted(sizes)[-MAX_CHOICES:]:
        kept += [cell for cell in cells if cell[0] == size][:most]
    return kept


def _figure(phase: Phase, cells: Sequence[tuple[int, str]]) -> Figure:
    names = phase.quantities
    figure = house_figure(height=PANEL_PIXELS * len(names) + MARGIN_PIXELS)
    figure.set_subplots(rows=len(names), cols=1, shared_xaxes=True, vertical_spacing=0.28 / (len(names) + 1))
    figure.update_xaxes(zeroline=False, gridcolor=GRID, linecolor=INK, showline=True)
    figure.update_yaxes(zeroline=False, gridcolor=GRID)
    choices = [
        Choice(
            f"{size:,} problems, seed {seed}",
            [_line(phase.line(curve, (size, seed), name), name) for name in names for curve in phase.curves],
            {},
        )
        for size, seed in cells
    ]
    largest = max(size for size, _ in cells)
    shown = next(place for place, (size, _) in enumerate(cells) if size == largest)
    places = [(number, name, curve) for number, name in enumerate(names, 1) for curve in phase.curves]
    for (number, name, curve), line in zip(places, choices[shown].lines, strict=True):
        axis = "" if number == 1 else str(number)
        look = {"xaxis": f"x{axis}", "yaxis": f"y{axis}", "showlegend": number == 1}
        template = f"{as_text(curve.label)}<br>update %{{x}}: %{{y}}<extra></extra>"
        mode = "lines+markers" if name.startswith("validation") else "lines"
        add_line(figure, curve, line, mode=mode, hovertemplate=template, **look)
    for number, name in enumerate(names, 1):
        tick = ".0%" if name == "validation_accuracy" else ""
        figure.update_yaxes(title=QUANTITIES[name], tickformat=tick, row=number, col=1)
    figure.update_xaxes(title="update", row=len(names), col=1)
    figure.update_layout(legend={"y": -62 / (PANEL_PIXELS * len(names))})
    add_buttons(figure, choices, shown, menu=True)
    return figure


def _line(rows: pd.DataFrame, name: str) -> Line:
    nothing: list[float | None] = [None] * len(rows)
    return Line(
        [int(update) for update in rows["update"]], [float(value) for value in rows[name]], nothing, nothing, []
    )
