"""What each method is worth, a sentence each, and the accuracies behind it."""

from collections.abc import Sequence
from math import log
from statistics import fmean

import pandas as pd

from synthscale.scaling import DataMultiplier, OverallMultiplier, Reach
from synthscale.scaling.censored import ROUNDING
from synthscale_analysis.material import Material
from synthscale_analysis.numbers.best import best_sentence
from synthscale_analysis.numbers.sentences import headline
from synthscale_analysis.numbers.wording import accuracy_text, listed
from synthscale_analysis.page.forest import forest
from synthscale_analysis.page.section import Block, Chart, DataTable, Points, Prose, Section

ANCHOR, TITLE = "headline", "What each method is worth"
#: What precedes a baseline's sentences; the control for longer training comes first.
_AGAINST = {
    "sft_matched": "Against SFT with as many updates, the control for longer training:",
    "sft": "Against SFT alone, where longer training counts as gain:",
}
_SURE = 0.05
_HOW_TO_READ = (
    "Worth 2 times the data says: the baseline needs twice the problems for the same test error. A line, or brackets, "
    "is the 95 % interval over seeds; < and >, drawn as arrow heads, are bounds, beyond which the baseline was not "
    "measured. A triangle without a line, in a mark's place, is such a bound alone: at least where it points right, at "
    "most where left; a method without a mark cannot be told. p is that of a lower error than the baseline's on the "
    "same data, one-sided, on average over all sizes that both have; the multiplier is the mean over sizes inside the "
    "baseline's range alone, so the two can differ."
)
_ENOUGH_SEEDS = 5  # for a claim: with fewer, what the seeds' spread is itself is known badly


def section(material: Material) -> Section:
    """Never absent: the accuracies are there even without a baseline."""
    blocks: list[Block] = []
    against = [name for name in _AGAINST if name in material.baselines]
    chart = forest(material.curves, {name: material.overall_multipliers[name] for name in against})
    if chart is not None:
        blocks.append(Chart(chart, _HOW_TO_READ))
    for baseline in against:
        points = _sentences(material, baseline)
        blocks += [Prose(_AGAINST[baseline]), Points(points)] if points else []
    return Section(ANCHOR, TITLE, lead(material), [*blocks, _accuracies(material)])


def _sentences(material: Material, baseline: str) -> list[str]:
    """One a method: what it is worth against the baseline, and which sizes that leaves out."""
    draws = (material.num_draws, material.seed)
    found = zip(material.curves, material.overall_multipliers[baseline], material.multipliers[baseline], strict=True)
    sentences = [
        (headline(material.records, curve, baseline, *draws), left_out(overall, points))
        for curve, overall, points in found
    ]
    return [f"{sentence}{clause}." for sentence, clause in sentences if sentence is not None]


def left_out(overall: OverallMultiplier | None, points: Sequence[DataMultiplier]) -> str:
    """A clause on the sizes that an estimate leaves out because the method is beyond the baseline there; or nothing.

    The number surely understates the method only where the left-out bounds alone, on average, reach it.
    """
    if overall is None or overall.multiplier is None or overall.multiplier.reach is not Reach.IN_RANGE:
        return ""
    others = [point for point in points if point.size not in overall.sizes]
    better = [point for point in others if _is_better_beyond(point)]
    if not better:
        return ""
    clause = f"; {_sizes(better)} problems are left out, where it lies beyond the baseline's range"
    worse = [point for point in others if point.multiplier.reach is Reach.LESS_THAN]
    if worse:
        return f"{clause}, and {_sizes(worse)}, where it lies below"
    is_sure = fmean(log(point.multiplier.value) for point in better) >= log(overall.multiplier.value)
    return f"{clause}, so that the number {'understates' if is_sure else 'may understate'} it"


def _is_better_beyond(point: DataMultiplier) -> bool:
    """Whether its errors lie below all of the baseline's, which was measured at that size or a larger one."""
    return point.multiplier.reach is Reach.MORE_THAN and point.multiplier.value >= 1 - ROUNDING


def _sizes(points: Sequence[DataMultiplier]) -> str:
    """As "128 and 256"."""
    return listed([f"{point.size:,.0f}" for point in points])


def lead(material: Material) -> str:
    """Which methods beat the stricter baseline at equal sizes, corrected for their number, and the best accuracy."""
    best = best_sentence(material.curves)
    baseline = next((name for name in _AGAINST if name in material.baselines), None)
    if baseline is None:
        return f"{best} The study has no runs of SFT to compare with, so no method has a multiplier."
    against = {"sft": "SFT", "sft_matched": "SFT with as many updates"}[baseline]
    overall = [found for found in material.overall_multipliers[baseline] if found is not None]
    if not overall:
        return f"{_without_comparison(material, baseline, against)} {best}"
    compared = zip(material.curves, material.overall_multipliers[baseline], strict=True)
    tested = {curve.label: found.p_value for curve, found in compared if found and found.p_value is not None}
    better = [f"{label} (p = {p_value:.2g})" for label, p_value in holm(tested).items() if p_value < _SURE]
    if not tested:
        return f"{best} Too few seeds to say whether a method does better than {against} on the same data."
    if not better:
        return f"No method is shown to err less than {against} on the same data, on average over sizes. {best}"
    counted = f"{len(better)} of {len(tested)} methods" if len(tested) > 1 else "the one method compared"
    methods = f"{counted} err{'s' * (len(better) == 1)} less than {against}"
    corrected = (
        f"The p-values are corrected for the {len(tested)} methods compared (Holm 1979). " if len(tested) > 1 else ""
    )
    found = f"On the same data, on average over sizes, {methods}: {listed(better)}."
    return f"{found} {corrected}{_caution(material)}{best}"


def _without_comparison(material: Material, baseline: str, against: str) -> str:
    if all(curve.algorithm == baseline for curve in material.curves):
        return f"There is no method beside {against}."
    return f"{against} makes no errors, so no method can do better."


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """The p-values of several tests, adjusted for their number (Holm 1979, Scandinavian Journal of Statistics 6)."""
    adjusted, largest = {}, 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def _caution(material: Material) -> str:
    usual = usual_num_seeds(material.records)
    return f"With {usual} seeds a size this is a hint, no claim. " if usual < _ENOUGH_SEEDS else ""


def _accuracies(material: Material) -> DataTable:
    """Mean ± standard deviation over seeds, by method and size."""
    records = material.records
    sizes = sorted(int(size) for size in records["data_size"].unique())
    usual = usual_num_seeds(records)
    rows = []
    for curve in material.curves:
        cells = {int(float(str(size))): cell["test_accuracy"] for size, cell in curve.rows.groupby("data_size")}
        rows.append([curve.label, *(_accuracy(cells.get(size), usual) for size in sizes)])
    columns = ["method", *(f"{size:,}" for size in sizes)]
    seeds = f"{usual} seed{'s' * (usual != 1)}"
    caption = f"Test accuracy in %, mean ± standard deviation over {seeds} unless said, by data size in problems."
    return DataTable(columns, rows, caption, frozenset(columns[1:]))


def usual_num_seeds(records: pd.DataFrame) -> int:
    """The commonest number of seeds of a method at a size."""
    counts = records.groupby(["algorithm", "variant", "negative_fraction", "data_size"], dropna=False).size()
    return int(counts.mode().iloc[0])


def _accuracy(accuracies: "pd.Series[float] | None", usual: int) -> str:
    """As "57.6 ± 8.6", in %, with the number of seeds where it is not the usual one; a dash where there is none."""
    if accuracies is None:
        return "–"
    seeds = "" if len(accuracies) == usual else f" ({len(accuracies)})"
    return accuracy_text(accuracies.mean(), accuracies.std(ddof=1)) + seeds
