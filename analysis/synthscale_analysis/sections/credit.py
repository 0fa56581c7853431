"""What credit assignment found: values around the pit and along the steps, where pits fall, and how many are right."""

from collections.abc import Sequence

import pandas as pd
from plotly.graph_objects import Bar, Figure, Scatter

from synthscale_analysis.curves import Curve
from synthscale_analysis.extract.credit_values import AFTER_WRONG, FIRST_WRONG, RIGHT_SO_FAR
from synthscale_analysis.extract.credited import MAX_PROBLEMS
from synthscale_analysis.figures.credit import MAX_LINES, NAME, absent, precision_curves
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.credit import SHOWN_OFFSETS, CreditCell, credit_cells, largest_cells, telling_cell
from synthscale_analysis.page.chart import (
    HEIGHT_PIXELS,
    INK,
    add_curve,
    add_runs,
    house_figure,
    of_curve,
    percent_axis,
    size_axis,
)
from synthscale_analysis.page.section import Block, Chart, DataTable, Section
from synthscale_analysis.page.switch import Choice, Line, add_buttons, add_line
from synthscale_analysis.style import shade

LEGEND_PIXELS, MARGINS_PIXELS = 74, 116
ANCHOR, TITLE = "credit", "Where solutions go wrong"
_AROUND = (
    "Mean chance Q of a right end before and after the pit, the step that credit assignment blames. 0 is just "
    "after it, −1 just before. The pit was chosen by the same rollouts, so part of its drop is luck, and the "
    "less the more rollouts; after the whole wrong solution Q is 0.{adaptive}"
)
_ADAPTIVE = (
    " The adaptive search draws few rollouts, where they tell most: its means are over the prefixes it asked about."
)
_ALONG = (
    "Mean Q along the steps of wrong solutions at a method's largest size, a line for each step that the pit "
    "falls on. A good pit is a cliff: level before it, level after it. First points differ because harder "
    "problems lose their way earlier."
)
_WHERE = (
    "Which step the pit is. Were it always the first, credit assignment would say no more than that the solution "
    "is wrong."
)
_SPENT = (
    "Rollouts for each wrong solution by the number of steps before them, at each method's largest size; one "
    "from steps that several solutions share counts once. An exhaustive search draws as many from everywhere."
)
_ADVANTAGES = (
    "Mean advantage of a step by what it truly is, in the wrong solutions that credit was assigned to. Were Q known "
    "exactly, a right step would cost nothing and a step after the first wrong one could lose nothing more."
)
_SPREAD = (
    "How the advantages of single steps are spread, at each method's largest size. Bins are a tenth wide; few "
    "rollouts give few values."
)
_PRECISION = "Of the pits that were chosen, those that are truly wrong steps. Dots are runs, marks their mean."
_TABLE = (
    "Of the first {most} problems of each run. Rollouts count those that each wrong solution cost, shared ones "
    "in part. Before the pit: mean Q there. Wrong step: pits that are a wrong step, over all problems; first: "
    "those that are the first wrong one, in solutions that hold one."
)


def section(material: Material) -> Section | str:
    """A sentence where no credit was assigned or nothing is left of it."""
    cells = credit_cells(material)
    if not cells:
        return f"{TITLE}: {absent(material)}."
    adaptive = _ADAPTIVE if any(cell.is_adaptive for cell in cells) else ""
    blocks: list[Block] = [Chart(_around(cells), _AROUND.format(adaptive=adaptive), NAME)]
    blocks += [Chart(_along(cells), _ALONG), Chart(_where(cells), _WHERE)]
    blocks.append(Chart(_spent(largest_cells(cells)), _SPENT))
    if any(len(cell.of("by_truth")) for cell in cells):
        blocks.append(Chart(_by_truth(largest_cells(cells)), _ADVANTAGES))
    blocks.append(Chart(_spread(largest_cells(cells)), _SPREAD))
    precise = precision_curves(material)
    if precise:
        blocks.append(Chart(_precision(precise), _PRECISION))
    blocks.append(_table(cells, material))
    return Section(ANCHOR, TITLE, _finding(cells, material), blocks)


def _finding(cells: Sequence[CreditCell], material: Material) -> str:
    """How deep the pits are, whether they are right, and what they cost."""
    one = telling_cell(cells)
    where = one.of("pit_step").sort_values("value").iloc[-1]
    parts = [
        f"At {one.data_size:,} problems, {one.curve.label} blames step {where['place']:.0f} most often "
        f"({_percent(where['value'], 0)})"
    ]
    if one.value_before is not None:
        parts.append(
            f"just before its pit a wrong solution could still be saved with a chance of {one.value_before:.2f}"
        )
    text = f"{'; '.join(parts)}."
    judged = [_judged(cell) for cell in largest_cells(cells) if cell.share_at_first_wrong is not None]
    return f"{text} Pits that are the first wrong step: {'; '.join(judged)}." if judged else text


def _judged(cell: CreditCell) -> str:
    share, cost = _percent(cell.share_at_first_wrong, 0), f"{cell.rollouts_per_negative:.1f} rollouts a wrong solution"
    return f"{cell.curve.label} {share}, for {cost}"


def _around(cells: Sequence[CreditCell]) -> Figure:
    curves, choices = _by_size(cells, _around_line)
    figure = _house()
    for curve, line in zip(curves, choices[-1].lines, strict=True):
        add_line(figure, curve, line)
    figure.add_vline(x=-0.5, line={"color": INK, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="steps after the pit", dtick=1, range=[SHOWN_OFFSETS[0] - 0.3, SHOWN_OFFSETS[1] + 0.3])
    figure.update_yaxes(title="mean Q", range=[-0.03, 1])
    add_buttons(figure, choices, len(choices) - 1, menu=True)
    return figure


def _where(cells: Sequence[CreditCell]) -> Figure:
    curves, choices = _by_size(cells, _where_line)
    figure = _house(360)
    for curve, line in zip(curves, choices[-1].lines, strict=True):
        add_line(figure, curve, line)
    figure.update_xaxes(title="step that the pit falls on", dtick=1)
    percent_axis(figure, "share of pits")
    figure.update_yaxes(rangemode="tozero")
    add_buttons(figure, choices, len(choices) - 1, menu=True)
    return figure


def _house(height: int = HEIGHT_PIXELS) -> Figure:
    """The house's figure, with the legend below the axis's title at any height."""
    figure = house_figure(height=height)
    return figure.update_layout(legend={"y": -LEGEND_PIXELS / (height - MARGINS_PIXELS)})


def _by_size(cells: Sequence[CreditCell], line_of_cell) -> tuple[list[Curve], list[Choice]]:  # type: ignore[no-untyped-def]
    """The curves, and a choice for each size with a line for every curve: an empty one where it has no such size."""
    curves = list({cell.curve.label: cell.curve for cell in cells}.values())
    by_place = {(cell.curve.label, cell.data_size): cell for cell in cells}
    choices = [
        Choice(f"{size:,} problems", [line_of_cell(by_place.get((curve.label, size))) for curve in curves], {})
        for size in sorted({cell.data_size for cell in cells})
    ]
    return curves, choices


def _around_line(cell: CreditCell | None) -> Line:
    if cell is None:
        return _line(None, "")
    rows = cell.of("from_pit")
    return _line(
        rows[rows["place"].between(*SHOWN_OFFSETS)], f"{cell.curve.label}<br>Q {{value:.2f}}, {{count:,}} solutions"
    )


def _where_line(cell: CreditCell | None) -> Line:
    if cell is None:
        return _line(None, "")
    return _line(cell.of("pit_step"), f"{cell.curve.label}<br>step {{place:.0f}}: {{count:,}} pits, {{value:.1%}}")


def _line(rows: pd.DataFrame | None, hover: str) -> Line:
    if rows is None:
        return Line([], [], [], [], [])
    columns = (rows[name].tolist() for name in ("place", "value", "count"))
    places = list(zip(*columns, strict=True))
    texts = [hover.format(place=place, value=value, count=count) for place, value, count in places]
    nothing: list[float | None] = [None] * len(places)
    return Line([place for place, _, _ in places], [value for _, value, _ in places], nothing, nothing, texts)


def _along(cells: Sequence[CreditCell]) -> Figure:
    """Lines by the pit's step; a button a method, at its largest size."""
    largest = largest_cells(cells)
    first = telling_cell(cells)
    largest = [first, *(cell for cell in largest if cell is not first)]
    steps = sorted({step for cell in largest for step in cell.pit_steps()})[:MAX_LINES]
    choices = [
        Choice(
            cell.curve.label,
            [
                _line(cell.of("by_step", str(step)), "after {place:.0f} steps: Q {value:.2f}, {count:,} solutions")
                for step in steps
            ],
            {},
        )
        for cell in largest
    ]
    figure = _house()
    for rank, (step, line) in enumerate(zip(steps, choices[0].lines, strict=True)):
        colour = shade(rank, len(steps))
        figure.add_trace(
            Scatter(
                x=list(line.x),
                y=list(line.y),
                mode="lines+markers",
                name=f"pit at step {step}",
                line={"color": colour, "width": 1.8},
                marker={"color": colour, "size": 8},
                hovertext=list(line.hover),
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    figure.update_xaxes(title="steps taken", dtick=1)
    figure.update_yaxes(title="mean Q", range=[-0.03, 1])
    add_buttons(figure, choices, 0, menu=True)
    return figure


def _spent(cells: Sequence[CreditCell]) -> Figure:
    figure = _house(320)
    for cell in cells:
        rows = cell.of("rollouts_at_step")
        texts = [f"{value:.2f} rollouts a wrong solution" for value in rows["value"]]
        look = {
            "marker": {"color": cell.curve.colour},
            "hovertext": texts,
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
        figure.add_trace(Bar(x=rows["place"].tolist(), y=rows["value"].tolist(), **of_curve(cell.curve), **look))
    figure.update_xaxes(title="steps before the rollouts", dtick=1)
    figure.update_yaxes(title="rollouts a wrong solution")
    return figure


def _by_truth(cells: Sequence[CreditCell]) -> Figure:
    figure = _house(320)
    kinds = (RIGHT_SO_FAR, FIRST_WRONG, AFTER_WRONG)
    for cell in cells:
        rows = cell.of("by_truth").set_index("group")
        there = [kind for kind in kinds if kind in rows.index]
        values = [float(rows.loc[kind, "value"]) for kind in there]  # type: ignore[arg-type]
        texts = [_signed(value) for value in values]
        look = {"marker": {"color": cell.curve.colour}, "text": texts, "textposition": "outside", "cliponaxis": False}
        figure.add_trace(Bar(x=there, y=values, **of_curve(cell.curve), **look))
    shown = [kind for kind in kinds if any(kind in trace.x for trace in figure.data)]
    narrow = ["<br>".join(kind.rsplit(" ", 1)) for kind in shown]  # side by side on a phone
    figure.update_xaxes(type="category", tickvals=shown, ticktext=narrow, tickangle=0)
    figure.update_yaxes(title="mean advantage A", range=[-1, 0.5])
    figure.add_hline(y=0, line={"color": INK, "width": 1})
    return figure


def _spread(cells: Sequence[CreditCell]) -> Figure:
    figure = _house(360)
    for cell in cells:
        rows = cell.of("advantage")
        add_curve(
            figure,
            cell.curve,
            rows["place"].tolist(),
            rows["value"].tolist(),
            hover=_line(rows, "A {place:.1f}: {count:,} steps, {value:.1%}").hover,
        )
    figure.update_xaxes(title="advantage A of a step", range=[-1.05, 1.05])
    percent_axis(figure, "share of steps")
    return figure


def _precision(curves: Sequence[tuple[Curve, pd.DataFrame]]) -> Figure:
    figure = _house(360)
    for curve, rows in curves:
        add_runs(figure, curve, rows["data_size"].tolist(), rows["pit_precision"].tolist())
        means = rows.groupby("data_size")["pit_precision"].mean()
        hover = [f"{curve.label}<br>{size:,.0f} problems: {value:.1%}" for size, value in means.items()]
        add_curve(figure, curve, [float(str(size)) for size in means.index], means.tolist(), hover=hover)
    size_axis(figure, sorted({float(size) for _, rows in curves for size in rows["data_size"]}))
    percent_axis(figure, "pits that are wrong steps")
    lowest = min(float(rows["pit_precision"].min()) for _, rows in curves)
    figure.update_yaxes(range=[max(0.0, lowest - 0.05), 1.005])
    return figure


def _table(cells: Sequence[CreditCell], material: Material) -> DataTable:
    columns = (
        "method",
        "problems",
        "pits",
        "rollouts a wrong solution",
        "Q before the pit",
        "wrong step",
        "first wrong step",
    )
    precise = {
        curve.label: rows.groupby("data_size")["pit_precision"].mean() for curve, rows in precision_curves(material)
    }
    rows = [
        (
            cell.curve.label,
            f"{cell.data_size:,}",
            f"{cell.num_pits:,}",
            f"{cell.rollouts_per_negative:.1f}",
            _number(cell.value_before),
            _percent(precise[cell.curve.label].get(cell.data_size) if cell.curve.label in precise else None),
            _percent(cell.share_at_first_wrong),
        )
        for cell in cells
    ]
    return DataTable(columns, rows, _TABLE.format(most=MAX_PROBLEMS), frozenset(columns[1:]))


def _signed(value: float) -> str:
    """With a sign, but for what rounds to 0."""
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text[1:] == "0.00" else text


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None or pd.isna(value) else f"{100 * value:.{digits}f} %"
