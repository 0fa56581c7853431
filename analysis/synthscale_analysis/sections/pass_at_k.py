"""pass@k and maj@k by method: what more samples bring, and whether a method's lead outlasts them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure

from synthscale_analysis.curves import LABELS, Curve, baseline_rows
from synthscale_analysis.extract.lineage import Artifacts
from synthscale_analysis.figures.pass_at_k import ABSENT, METRICS
from synthscale_analysis.figures.pass_at_k import NAME as STATIC
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.estimates import main_baseline
from synthscale_analysis.numbers.paired import Difference, difference, log_odds, pooled_noise
from synthscale_analysis.numbers.pass_at_k import largest_common_size, pass_at_k_table, sampled_columns
from synthscale_analysis.numbers.wording import listed, share_text, times_text
from synthscale_analysis.page.chart import house_figure
from synthscale_analysis.page.section import Block, Chart, DataTable, Section
from synthscale_analysis.page.switch import Choice, Line, add_buttons, add_line, line_of
from synthscale_analysis.style import dodges

ANCHOR, TITLE = "pass-at-k", "One sample and many"
_CAPTION = (
    "Left, the share of test problems of which one of k samples is right (pass@k); right, those of which the majority "
    "of k is right (maj@k). Marks are means over seeds with 95 % intervals, with a spread pooled over a method's "
    "sizes. Samples are drawn at a temperature, so pass@1 is not the greedy accuracy of the other figures; nor is it "
    "maj@1, which is of a problem's first sample alone, where pass@1 is the mean over all of its samples.{subset}"
)
_ODDS = (
    "Odds of pass@k over those of {baseline} at the same size, paired over seeds, with 95 % intervals; the last column "
    "is their quotient: above 1 a method gains on the baseline with more samples, below 1 it falls back."
)


@dataclass(frozen=True, slots=True)
class _Lead:
    """Log odds of a method's pass@k less the baseline's, with one sample, with the most, and how that changes."""

    label: str
    one: Difference | None
    many: Difference | None
    change: Difference | None


def section(material: Material) -> Section | str:
    """A sentence where nothing was sampled."""
    table = pass_at_k_table(material.records)
    if table.empty:
        return f"{TITLE}: {ABSENT}."
    size, baseline = largest_common_size(table), main_baseline(material.records)
    chart = Chart(_figure(table, material, size), _CAPTION.format(subset=_subset(material)), STATIC)
    blocks: list[Block] = [chart]
    leads = [] if baseline is None else _leads(material, baseline, size)
    lead = _finding(table, size)
    if leads and baseline is not None:
        name = LABELS[baseline]
        blocks.append(_odds_table(leads, _numbers(material.records), size, name))
        lead += f" {_change(leads, name)}"
    return Section(ANCHOR, TITLE, lead, blocks)


def _finding(table: pd.DataFrame, size: int) -> str:
    """The best method with one sample, and with the most."""
    own = table[(table["data_size"] == size) & (table["metric"] == "pass")]
    if own.empty:
        return f"There is maj@k at {size:,} problems, and no pass@k."
    parts = []
    for number in sorted({own["k"].min(), own["k"].max()}):
        best = own[own["k"] == number].sort_values("mean", kind="stable").iloc[-1]
        of = "one sample" if number == 1 else f"at least one of {number} samples"
        share = share_text(best["mean"], best["low"], best["high"])
        parts.append(f"{of} is right most often by {best['curve']}, on {share} of the test problems")
    return f"At {size:,} problems, {'; '.join(parts)}."


def _change(leads: list[_Lead], baseline: str) -> str:
    told = [lead for lead in leads if lead.change is not None and lead.change.tells]
    gaining = [lead.label for lead in told if lead.change and lead.change.value > 0]
    falling = [lead.label for lead in told if lead.change and lead.change.value < 0]
    parts = [f"{listed(gaining)} {'gains' if len(gaining) == 1 else 'gain'} on {baseline}"] if gaining else []
    parts += (
        [f"{listed(falling)} {'falls' if len(falling) == 1 else 'fall'} back against {baseline}"] if falling else []
    )
    if not parts:
        return f"No method is shown to gain on {baseline} or to fall back against it with more samples."
    return f"With more samples, {'; '.join(parts)}."


def _numbers(records: pd.DataFrame) -> list[int]:
    """The k of pass@k, ascending."""
    return [int(name.split("_")[-1]) for name in sampled_columns(records) if name.startswith("pass")]


def _leads(material: Material, baseline: str, size: int) -> list[_Lead]:
    numbers = _numbers(material.records)
    if not numbers:
        return []
    theirs = _by_seed(baseline_rows(material.records, baseline), numbers)
    leads = []
    for curve in material.curves:
        if curve.algorithm != baseline:
            one, many, change = _compare(_by_seed(curve.rows, numbers), theirs, size)
            leads.append(_Lead(curve.label, one, many, change))
    return leads


def _by_seed(rows: pd.DataFrame, numbers: list[int]) -> pd.DataFrame:
    """Log odds of pass@k by size and seed, with one sample, with the most, and the one less the other."""
    odds = {
        name: log_odds(pd.to_numeric(rows[f"pass_at_{number}"], errors="coerce").where(lambda rate: rate.between(0, 1)))
        for name, number in (("one", numbers[0]), ("many", numbers[-1]))
    }
    odds["change"] = odds["many"] - odds["one"]
    keyed = pd.DataFrame(odds).assign(data_size=rows["data_size"], seed=rows["seed"].astype(str))
    return keyed.groupby(["data_size", "seed"]).mean()


def _compare(ours: pd.DataFrame, theirs: pd.DataFrame, size: int) -> list[Difference | None]:
    """The method less the baseline at the size, in each of the three, with the noise pooled over sizes."""
    found = []
    for name in ("one", "many", "change"):
        both = pd.concat({"method": ours[name], "baseline": theirs[name]}, axis=1)
        blocks = {float(str(at)): block.droplevel("data_size") for at, block in both.groupby(level="data_size")}
        noise = pooled_noise([block.dropna() for block in blocks.values()])
        here = blocks.get(float(size))
        found.append(None if here is None else difference([(here, {"method": 1.0, "baseline": -1.0})], noise))
    return found


def _odds_table(leads: list[_Lead], numbers: list[int], size: int, baseline: str) -> DataTable:
    columns = ("method", f"odds at k = {numbers[0]}", f"odds at k = {numbers[-1]}", "quotient")
    rows = [(lead.label, *(_odds(found) for found in (lead.one, lead.many, lead.change))) for lead in leads]
    caption = f"At {size:,} problems. {_ODDS.format(baseline=baseline)}"
    return DataTable(columns, rows, caption, frozenset(columns[1:]))


def _odds(found: Difference | None) -> str:
    if found is None:
        return "–"
    ends = (None if end is None else float(np.exp(end)) for end in (found.low, found.high))
    return times_text(float(np.exp(found.value)), *ends)


def _subset(material: Material) -> str:
    """How many test problems were sampled, where the artifacts that say so are here."""
    if "artifact" not in material.records:
        return ""
    artifacts = Artifacts(material.artifacts)
    found = [artifacts.find(key) for key in material.records["artifact"].dropna().astype(str)]
    measures = [{} if one is None else one.measures for one in found]
    told = {(of_one.get("num_sampled_problems"), of_one.get("num_test")) for of_one in measures}
    count, test = told.pop() if len(told) == 1 else (None, None)
    if count is None or test is None or count >= test:
        return ""
    return f" They are of the first {count:,} of {test:,} test problems."


def _figure(table: pd.DataFrame, material: Material, size: int) -> Figure:
    """Both panels at one size, with a menu of the others."""
    figure = house_figure(height=440)
    figure.set_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06)
    curves = [curve for curve in material.curves if curve.label in set(table["curve"])]
    drawn = [(curve, metric) for metric in METRICS for curve in curves]
    sizes = sorted(int(one) for one in table["data_size"].unique())
    numbers = sorted(int(number) for number in table["k"].unique())
    shifts = dodges(len(curves), numbers, share=0.25) * len(METRICS)
    choices = [
        Choice(f"{one:,} problems", [_line(table, *each, one, by) for each, by in zip(drawn, shifts, strict=True)], {})
        for one in sizes
    ]
    shown = sizes.index(size)
    for (curve, metric), line in zip(drawn, choices[shown].lines, strict=True):
        second = {} if metric == "pass" else {"xaxis": "x2", "yaxis": "y2", "showlegend": False}
        add_line(figure, curve, line, **second)
    figure.update_xaxes(type="log", tickvals=numbers, ticktext=[str(number) for number in numbers])
    for column, metric in enumerate(METRICS, start=1):
        figure.update_xaxes(title=f"k of {metric}@k", row=1, col=column)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    figure.update_yaxes(title="share of test problems", row=1, col=1)
    add_buttons(figure, choices, shown, menu=True)
    return figure


def _line(table: pd.DataFrame, curve: Curve, metric: str, size: int, shift: float) -> Line:
    """shift: factor that moves the curve's marks off those of others."""
    chosen = (table["curve"] == curve.label) & (table["metric"] == metric) & (table["data_size"] == size)
    own = table[chosen].sort_values("k").assign(at=lambda rows: rows["k"] * shift)
    hover = [
        f"{curve.label}, mean of {row['num_seeds']}<br>{size:,} problems, {metric}@{row['k']}: "
        f"{share_text(row['mean'], row['low'], row['high'])}"
        for row in own.to_dict("records")
    ]
    return line_of(own, "at", "mean", hover)
