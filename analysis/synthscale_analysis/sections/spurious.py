"""Spurious steps: right answers with wrong or useless steps, and what learning from them does."""

from typing import Any

import pandas as pd
from plotly.graph_objects import Figure, Scatter

from synthscale_analysis.extract.spurious import POSITIVES, SAMPLES
from synthscale_analysis.figures.spurious import ABSENT, NAME
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.spurious import (
    LEAST_CONTRAST,
    SOURCES,
    TEST,
    Effect,
    effect_of,
    relative_to_size,
    spurious_table,
    valued_table,
)
from synthscale_analysis.numbers.wording import listed
from synthscale_analysis.page.chart import (
    INK,
    as_text,
    house_figure,
    marker,
    of_curve,
    percent_axis,
    size_axis,
)
from synthscale_analysis.page.section import Block, Chart, DataTable, Section
from synthscale_analysis.page.switch import Choice, Line, add_buttons, add_line

MAX_UNFOLDED = 8
ANCHOR, TITLE = "spurious", "Right answers for wrong reasons"
_SHARES = (
    "Share of accepted solutions that hold a truly wrong step, mean over seeds; the menu goes from what the "
    "policy wrote to what was learnt from and what came of it. Positives are distinct solutions, so that rare "
    "ones, which more often hold a wrong step, weigh as much as common ones, and they count the teacher's."
)
_EFFECT = (
    "Each mark is a run: positives with a wrong step, and test accuracy, both less the mean of all runs of its "
    "size. Methods differ in more than their positives, so only marks of one method in several variants tell "
    "what wrong steps do."
)
_VALUED = (
    "Steps of accepted solutions with a known advantage: those that begin like a wrong solution that rollouts "
    "were drawn for. Few rollouts put many steps at exactly 0, above all where nearly every continuation is "
    "right anyway; below 0 is the stricter count, and chance alone makes some."
)


def section(material: Material) -> Section | str:
    """A sentence where nobody knows which steps are wrong, and no values are known."""
    table, valued = spurious_table(material), valued_table(material)
    if table.empty and valued.empty:
        return f"{TITLE}: {ABSENT}."
    blocks: list[Block] = []
    if not table.empty:
        blocks.append(Chart(_shares(table, material), _SHARES, NAME))
        relative = relative_to_size(table)
        if relative["label"].nunique() > 1:
            blocks.append(Chart(_effect(relative, material), _EFFECT))
    if not valued.empty:
        blocks.append(_valued(valued, material))
    return Section(ANCHOR, TITLE, f"{_finding(table)} {_verdict(table)}".strip(), blocks)


def _finding(table: pd.DataFrame) -> str:
    """The shares at the largest size, pooled over methods."""
    if table.empty:
        return "Nobody knows which steps of this task are wrong; advantages alone tell which did not help."
    size = int(table["data_size"].max())
    own = table[table["data_size"] == size]
    names = {SAMPLES: "the right samples", POSITIVES: "the positives trained on", TEST: "the right test answers"}
    parts = []
    for source, name in names.items():
        shares = own.loc[own["source"] == source].groupby("label")["share"].mean()
        if len(shares):
            parts.append(f"{_span(shares.min(), shares.max())} of {name}")
    return f"At {size:,} problems a wrong step is in {listed(parts)}, by method."


def _span(low: float, high: float) -> str:
    texts = [f"{100 * value:.1f}" for value in (low, high)]
    return f"{texts[0]} %" if texts[0] == texts[1] else f"{texts[0]} to {texts[1]} %"


def _verdict(table: pd.DataFrame) -> str:
    """What wrong steps in the positives do, or why the study cannot tell."""
    if table.empty or not (table["source"] == POSITIVES).any():
        return ""
    effect = effect_of(table)
    if not effect.num_points:
        return (
            "What they do cannot be told here: no method was run in variants that differ in their positives (such as "
            "mixture.positives_per_problem, or a task in which wrong steps reach the answer)."
        )
    if not effect.has_contrast:
        return (
            f"What they do cannot be told here: variants of a method differ by at most {100 * effect.contrast:.1f} "
            f"percentage points in their positives, and {100 * LEAST_CONTRAST:.0f} would be little."
        )
    return _slope(effect)


def _slope(effect: Effect) -> str:
    contrast = f"variants of a method differ by up to {100 * effect.contrast:.1f} percentage points in their positives"
    if effect.slope is None or effect.low is None or effect.high is None:
        return f"What they do cannot be told here: {contrast}, but the runs are too few."
    change = f"{effect.slope:+.2f} [{effect.low:+.2f}, {effect.high:+.2f}]".replace("-", "−")
    told = (
        "they cost accuracy" if effect.high < 0 else "they help, if anything" if effect.low > 0 else "no effect is told"
    )
    return (
        f"Within methods and sizes {told}: {contrast}, and one point more goes with {change} points of accuracy "
        f"({effect.num_points} runs; other things that vary with the setting are in it)."
    )


def _shares(table: pd.DataFrame, material: Material) -> Figure:
    curves = [curve for curve in material.curves if (table["label"] == curve.label).any()]
    choices = []
    for source, name in SOURCES.items():
        own = table[table["source"] == source]
        if len(own):
            choices.append(Choice(name, [_line(own[own["label"] == curve.label]) for curve in curves], {}))
    figure = house_figure()
    shown = next((i for i, choice in enumerate(choices) if choice.label == SOURCES[POSITIVES]), 0)
    for curve, line in zip(curves, choices[shown].lines, strict=True):
        add_line(figure, curve, line)
    size_axis(figure, sorted({float(size) for size in table["data_size"]}))
    percent_axis(figure, "with a wrong step")
    figure.update_yaxes(rangemode="tozero", tickformat=".1%")
    figure.update_layout(legend={"y": -0.24})
    add_buttons(figure, choices, shown, menu=True)
    return figure


def _line(rows: pd.DataFrame) -> Line:
    by_size = rows.groupby("data_size").agg(share=("share", "mean"), num=("num", "sum"))
    rows_of: Any = by_size.itertuples()
    texts = [
        f"{size:,.0f} problems: {100 * row.share:.2f} % of {row.num:,.0f}"
        for size, row in zip(by_size.index, rows_of, strict=True)
    ]
    nothing: list[float | None] = [None] * len(by_size)
    return Line([float(size) for size in by_size.index], by_size["share"].tolist(), nothing, nothing, texts)


def _effect(relative: pd.DataFrame, material: Material) -> Figure:
    figure = house_figure()
    for curve in material.curves:
        own = relative[relative["label"] == curve.label]
        if own.empty:
            continue
        runs: Any = own.itertuples()
        texts = [
            f"{as_text(curve.label)}<br>{row.data_size:,} problems, seed {row.seed}: {100 * row.share:.1f} % "
            f"with a wrong step, accuracy {100 * row.test_accuracy:.1f} %"
            for row in runs
        ]
        look = {"mode": "markers", "marker": marker(curve, 8), "hovertext": texts}
        x, y = (100 * own["share_less"]).tolist(), (100 * own["accuracy_less"]).tolist()
        figure.add_trace(Scatter(x=x, y=y, hovertemplate="%{hovertext}<extra></extra>", **of_curve(curve), **look))
    figure.add_hline(y=0, line={"color": INK, "width": 1})
    figure.add_vline(x=0, line={"color": INK, "width": 1})
    figure.update_xaxes(title="positives with a wrong step (% points)")
    figure.update_yaxes(title="test accuracy (percentage points)")
    return figure


def _valued(valued: pd.DataFrame, material: Material) -> DataTable:
    columns = ("method", "problems", "accepted solutions", "steps with a value", "A ≤ 0", "A < 0")
    order = {curve.label: place for place, curve in enumerate(material.curves)}
    ranked = valued.assign(order=valued["label"].map(order)).sort_values(["order", "data_size", "source"])
    ranked_rows: Any = ranked.itertuples()
    rows = [
        (
            str(row.label),
            f"{row.data_size:,}",
            SOURCES[str(row.source)],
            f"{row.num_valued_steps:,}",
            f"{100 * row.useless:.1f} %",
            f"{100 * row.harmful:.1f} %",
        )
        for row in ranked_rows
    ]
    folded = "Steps of accepted solutions that did not help, by their advantage" if len(rows) > MAX_UNFOLDED else ""
    return DataTable(columns, rows, _VALUED, frozenset({*columns} - {"method", "accepted solutions"}), folded)
