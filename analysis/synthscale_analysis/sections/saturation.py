"""Self-generated solutions per problem: whether gains go on, flatten, or turn."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from plotly.graph_objects import Figure, Scatter

from synthscale_analysis.curves import LABELS, LINE_STYLES, MARKERS, label_of
from synthscale_analysis.figures.saturation import ABSENT, NO_BASELINE, places, x_label, y_label
from synthscale_analysis.figures.saturation import NAME as STATIC
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.saturation import (
    Ending,
    LastDoublings,
    Lines,
    last_doublings,
    saturation_lines,
    saturation_table,
)
from synthscale_analysis.numbers.wording import change_text, listed, times_text
from synthscale_analysis.page.chart import INK, SYMBOLS, as_text, dash, house_figure
from synthscale_analysis.page.section import Block, Chart, DataTable, Section
from synthscale_analysis.style import dodges, shade

ANCHOR, TITLE = "saturation", "More solutions per problem"
PANEL_PIXELS = 340
_CAPTION = (
    "Error over that of {baseline} at the same size, paired over seeds, mean with a 95 % interval; down is better, and "
    "both axes are logarithmic. A line that runs level gains nothing from more solutions, one that rises loses by them "
    "(inverse scaling). The sentence above tests the last doublings within the method, where the seeds' luck and the "
    "baseline's noise cancel, so it can tell more than the bars of two points do.{measured}{exhausted}"
)
_MEASURED = " The numbers are those that were trained on; nothing says what was asked for."
_EXHAUSTED = (
    " From {number:g} solutions a problem on, the samples had hardly any more to give: the training sets are alike."
)
_ALIKE = 0.01  # share by which two training sets may differ in size and be called alike


def section(material: Material) -> Section | str:
    """A sentence where no method was run with several numbers of solutions."""
    lines, table = saturation_lines(material.records), saturation_table(material.records)
    if not lines:
        return f"{TITLE}: {ABSENT}."
    lead = " ".join(_finding(one) for one in lines)
    drawn = table.dropna(subset=["error_ratio"])
    if drawn.empty:
        return Section(ANCHOR, TITLE, f"{lead} There are {NO_BASELINE}.", [_ratios(table)])
    blocks: list[Block] = [Chart(_figure(drawn), _caption(drawn), STATIC), _ratios(table)]
    return Section(ANCHOR, TITLE, lead, blocks)


def _finding(lines: Lines) -> str:
    """One sentence on the last doublings of a method."""
    method, found = label_of(lines.algorithm, lines.setting), last_doublings(lines)
    unused = _not_reached(lines)
    if found is None:
        why = f"no two numbers of solutions{' that were reached' * bool(unused)} lie a factor 2 apart"
        return f"{method}: whether gains flatten cannot be told, for {why}.{unused}"
    return f"{method}: {_verdict(found)}.{unused}"


def _not_reached(lines: Lines) -> str:
    """As " Limits 16 and 32 were not reached, …"; empty where all were."""
    by_number: dict[float, list[int]] = {}
    for size, numbers in lines.not_reached().items():
        for number in numbers:
            by_number.setdefault(number, []).append(size)
    if not by_number:
        return ""
    sizes = sorted(int(size) for size in lines.rows["data_size"].unique())
    told = [f"{number:g}{_where(by_number[number], sizes)}" for number in sorted(by_number)]
    why = "the samples gave no more, and the training sets are those of the limit before"
    if len(told) == 1:
        return f" Limit {told[0]} was not reached: {why}, so nothing is read from it."
    return f" Limits {listed(told)} were not reached: {why}, so nothing is read from them."


def _where(own: list[int], sizes: list[int]) -> str:
    """Empty where it is all sizes."""
    return "" if own == sizes else f" (at {listed([f'{size:,}' for size in own])} problems)"


def _verdict(found: LastDoublings) -> str:
    change = found.change
    text = f"error changes by {change_text(change.value, change.low, change.high)} over all sizes"
    span = f"from {found.before:g} to {found.last:g} solutions per problem"
    match found.ending:
        case Ending.TURNED:
            return f"gains turn into losses (inverse scaling): {span}, {text}"
        case Ending.GAINING:
            return f"still gaining at the largest number: {span}, {text}"
        case Ending.SLOWED:
            return f"gains slow down: {span}, {text}, and a doubling brings less there than before"
    why = "" if change.low is not None else "; one seed a point gives no interval"
    return f"whether gains flatten or turn cannot be told: {span}, {text}{why}"


def _caption(table: pd.DataFrame) -> str:
    baseline = str(table["baseline"].iloc[0])
    exhausted = _exhausted(table)
    return _CAPTION.format(
        baseline=LABELS.get(baseline, baseline),
        measured=_MEASURED if table["is_measured"].any() else "",
        exhausted="" if exhausted is None else _EXHAUSTED.format(number=exhausted),
    )


def _exhausted(table: pd.DataFrame) -> float | None:
    """The smallest number from which on, at every size, training sets stop growing; None where they grow to the end."""
    if table["is_measured"].any() or table["mean_num_train_positives"].isna().any():
        return None
    numbers = []
    for _, rows in table.groupby(["algorithm", "setting", "data_size"]):
        full = rows["mean_num_train_positives"].max() * (1 - _ALIKE)
        numbers.append(float(rows.loc[rows["mean_num_train_positives"] >= full, "solutions_per_problem"].min()))
    return max(numbers) if max(numbers) < table["solutions_per_problem"].max() else None


def _figure(table: pd.DataFrame) -> Figure:
    panels = list(table.groupby(["algorithm", "setting"], sort=False))
    sizes, at = sorted(table["data_size"].unique()), places(table)
    figure = house_figure(height=PANEL_PIXELS * len(panels) + 40)
    titles = [as_text(label_of(str(algorithm), str(setting))) for (algorithm, setting), _ in panels]
    figure.set_subplots(rows=len(panels), cols=1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=0.12)
    shifts = dodges(len(sizes), sorted(at.values()), share=0.3)
    for row, (_, rows) in enumerate(panels, start=1):
        for rank, (size, shift) in enumerate(zip(sizes, shifts, strict=True)):
            own = rows[rows["data_size"] == size]
            trace = _trace(own, [at[number] * shift for number in own["solutions_per_problem"]], rank, len(sizes))
            figure.add_trace(trace.update(showlegend=row == 1), row=row, col=1)
        figure.add_hline(y=1, line={"color": INK, "width": 1}, row=row, col=1)
    for title in figure.layout.annotations:
        title.update(x=0, xanchor="left", font={"size": 14}, yshift=4)
    figure.update_xaxes(type="log", tickvals=list(at.values()), ticktext=[f"{number:g}" for number in at])
    figure.update_xaxes(title=x_label(table), row=len(panels), col=1)
    ticks = [*(tenth / 10 for tenth in range(1, 16)), 2, 3, 5]
    figure.update_yaxes(type="log", tickvals=ticks, ticktext=[f"{tick:g}×" for tick in ticks], title=y_label(table))
    figure.update_layout(margin={"t": 32}, legend={"y": -80 / (PANEL_PIXELS * len(panels))})
    return figure


def _trace(own: pd.DataFrame, x: list[float], rank: int, num_sizes: int) -> Scatter:
    size, colour = int(own["data_size"].iloc[0]) if len(own) else 0, shade(rank, num_sizes)
    ratios, low, high = (own[f"error_ratio{end}"].astype(float) for end in ("", "_low", "_high"))
    ends = {"array": (high - ratios).tolist(), "arrayminus": (ratios - low).tolist(), "thickness": 1.2, "width": 0}
    texts = [
        f"{size:,} problems, {number:g} solutions each<br>error × {times_text(*ratio)}, mean of {num_seeds}"
        for number, num_seeds, *ratio in zip(
            own["solutions_per_problem"], own["num_seeds"], ratios, low, high, strict=True
        )
    ]
    return Scatter(
        x=x,
        y=ratios.tolist(),
        error_y={"type": "data"} | ends,
        mode="lines+markers",
        name=f"{size:,} problems",
        legendgroup=str(size),
        legendrank=rank + 1,
        line={"color": colour, "width": 1.8, "dash": dash(LINE_STYLES[rank % len(LINE_STYLES)])},
        marker={"color": colour, "size": 9, "symbol": SYMBOLS[MARKERS[rank % len(MARKERS)]]},
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _ratios(table: pd.DataFrame) -> DataTable:
    """A row a method and size, a column a number of solutions."""
    numbers = sorted(table["solutions_per_problem"].unique())
    columns = ("method", "problems", *(f"{number:g}" for number in numbers))
    rows = []
    for (algorithm, setting, size), own in table.groupby(["algorithm", "setting", "data_size"], sort=False):
        cells = {row["solutions_per_problem"]: _ratio(row) for row in own.to_dict("records")}
        title = label_of(str(algorithm), str(setting))
        rows.append((title, f"{size:,}", *(cells.get(number, "–") for number in numbers)))
    return DataTable(columns, rows, f"Error ratio with its 95 % interval, by {x_label(table)}.", frozenset(columns[1:]))


def _ratio(row: Mapping[Hashable, Any]) -> str:
    ratio, *ends = (row[f"error_ratio{end}"] for end in ("", "_low", "_high"))
    return "–" if pd.isna(ratio) else times_text(ratio, *ends)
