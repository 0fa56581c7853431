"""Test error against tokens and seconds: which method is the cheapest way to an error."""

import pandas as pd
from plotly.graph_objects import Figure

from synthscale.scaling import Reach
from synthscale_analysis.curves import LABELS, Curve
from synthscale_analysis.figures.cost import ABSENT
from synthscale_analysis.figures.cost import NAME as STATIC
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.bounds import bound_text, estimate_text, is_bound
from synthscale_analysis.numbers.costs import COSTS, CostMultiplier, cost_multipliers, cost_table
from synthscale_analysis.numbers.estimates import main_baseline
from synthscale_analysis.numbers.limits import error_limits
from synthscale_analysis.numbers.sentences import WITHIN
from synthscale_analysis.numbers.wording import listed, rate_text
from synthscale_analysis.page.chart import house_figure, rate_axis
from synthscale_analysis.page.section import Block, Chart, DataTable, Points, Section
from synthscale_analysis.page.switch import Choice, Line, add_buttons, add_line, line_of

ANCHOR, TITLE = "cost", "What the error cost"
_BUTTONS = {"train_tokens": "trained on", "all_tokens": "and sampled", "seconds": "seconds"}
_CAPTION = (
    "Each mark is a size: its mean cost over seeds, and its mean error with a 95 % interval; both axes are "
    "logarithmic. Of two lines, the one further left reaches the same error at less cost. What several methods share, "
    "as the samples of one SFT policy, counts for each of them. Tokens of the teacher, of evaluation and of the "
    "reference policy's passes are not counted; seconds are those of the machines that the study ran on, with whatever "
    "else they did."
)
SIGNIFICANCE = 0.05
_MULTIPLIERS = (
    "How many times a method's cost the baseline needs for the same error, over the sizes where its line reaches that "
    "error; above 1 the method is the cheaper one. 95 % intervals by a bootstrap over seeds, < and > where the line "
    "ends."
)


def section(material: Material) -> Section | str:
    """A sentence where neither tokens nor seconds are known."""
    table = cost_table(material.records)
    table = table[table["mean_test_error"] > 0]
    if table.empty:
        return f"{TITLE}: {ABSENT}."
    found = cost_multipliers(material.records, material.num_draws, material.seed)
    chart = Chart(_figure(table, material), _CAPTION, STATIC)
    lead, *others = _findings(found, main_baseline(material.records))
    blocks: list[Block] = [*([Points(others)] if others else []), chart, *([_multipliers(found)] if found else [])]
    return Section(ANCHOR, TITLE, lead, blocks)


def _findings(found: list[CostMultiplier], baseline: str | None) -> list[str]:
    """Who is ahead of the baseline and who behind, a sentence a cost, as far as the seeds tell."""
    against = [one for one in found if one.baseline == baseline]
    if baseline is None or not against:
        return ["Costs are known, but there is no baseline whose costs are known to compare them with."]
    parts = [
        f"in {name}, {_standing(own)}."
        for cost, name in COSTS.items()
        if (own := [o for o in against if o.cost == cost])
    ]
    name = WITHIN.get(baseline, LABELS.get(baseline, baseline))
    first = f"{parts[0]} In brackets, how many times the method's cost {name} needs for the same error."
    return [f"Against {name}: {first}", *(f"{part[0].upper()}{part[1:]}" for part in parts[1:])]


def _standing(own: list[CostMultiplier]) -> str:
    ahead = [f"{one.curve.label} ({_interval(one)})" for one in own if _side(one) > 0]
    behind = [f"{one.curve.label} ({_interval(one)})" for one in own if _side(one) < 0]
    parts = [f"cheaper {'is' if len(ahead) == 1 else 'are'} {listed(ahead)}"] if ahead else []
    parts += [f"dearer {'is' if len(behind) == 1 else 'are'} {listed(behind)}"] if behind else []
    return ", ".join(parts) or "no method is shown to be cheaper or dearer"


def _side(one: CostMultiplier) -> int:
    """1 where the method is cheaper than the baseline, −1 where dearer, 0 where it is not told (5 %).

    Told is what both say: the error at equal cost, wherever the lines overlap, and the multiplier's whole interval.
    """
    p_value, low, high = one.overall.p_value, one.overall.low, one.overall.high
    if p_value is None or low is None or high is None:
        return 0
    if p_value < SIGNIFICANCE / 2:
        return int(low.value >= 1 and low.reach is not Reach.LESS_THAN)
    is_below = high.value <= 1 and high.reach is not Reach.MORE_THAN
    return -int(is_below) if p_value > 1 - SIGNIFICANCE / 2 else 0


def _interval(one: CostMultiplier) -> str:
    """As "1.46 [1.10, > 2.00]" or "at least 2.00"; "no one number" where sizes lie beyond both ends."""
    overall = one.overall
    if overall.multiplier is None:
        return "no one number"
    ends = (overall.multiplier, overall.low, overall.high)
    return bound_text(overall.multiplier) if is_bound(*ends) else estimate_text(*ends)


def _multipliers(found: list[CostMultiplier]) -> DataTable:
    costs = [cost for cost in COSTS if any(one.cost == cost for one in found)]
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for one in found:
        cells.setdefault((one.baseline, one.curve.label), {})[one.cost] = _interval(one)
    columns = ("baseline", "method", *(COSTS[cost] for cost in costs))
    rows = [
        (LABELS.get(baseline, baseline), label, *(row.get(cost, "–") for cost in costs))
        for (baseline, label), row in cells.items()
    ]
    return DataTable(columns, rows, _MULTIPLIERS, frozenset(columns[2:]))


def _figure(table: pd.DataFrame, material: Material) -> Figure:
    """One cost along the axis, with buttons for the others."""
    figure = house_figure(height=440)
    curves = [curve for curve in material.curves if curve.label in set(table["curve"])]
    choices = [
        Choice(
            _BUTTONS[cost],
            [_line(table, curve, cost) for curve in curves],
            {"xaxis.title.text": COSTS[cost], "xaxis.autorange": True},
        )
        for cost in COSTS
        if cost in set(table["cost"])
    ]
    for curve, line in zip(curves, choices[0].lines, strict=True):
        add_line(figure, curve, line)
    figure.update_xaxes(type="log", title=choices[0].layout["xaxis.title.text"], tickformat="~s", dtick="D2")
    rate_axis(figure, limits=error_limits(curves))
    add_buttons(figure, choices)
    return figure


def _line(table: pd.DataFrame, curve: Curve, cost: str) -> Line:
    own = table[(table["curve"] == curve.label) & (table["cost"] == cost)].sort_values("mean_cost")
    unit = "s" if cost == "seconds" else "tokens"
    hover = [
        f"{curve.label}, {row['data_size']:,} problems, mean of {row['num_seeds']}<br>{row['mean_cost']:,.0f} {unit}: "
        f"error {rate_text(row['mean_test_error'], row['low'], row['high'])}"
        for row in own.to_dict("records")
    ]
    return line_of(own, "mean_cost", "mean_test_error", hover)
