"""What each method is worth, a sentence each, and the accuracies behind it."""

import pandas as pd

from synthscale_analysis.material import Material
from synthscale_analysis.numbers.best import best_sentence
from synthscale_analysis.numbers.sentences import headline
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
        draws = (material.num_draws, material.seed)
        sentences = [headline(material.records, curve, baseline, *draws) for curve in material.curves]
        points = [f"{sentence}." for sentence in sentences if sentence is not None]
        blocks += [Prose(_AGAINST[baseline]), Points(points)] if points else []
    return Section(ANCHOR, TITLE, lead(material), [*blocks, _accuracies(material)])


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
        f"p-values are corrected for the {len(tested)} methods compared (Holm 1979). " if len(tested) > 1 else ""
    )
    return f"On the same data, on average over sizes, {methods}: {_and(better)}. {corrected}{_caution(material)}{best}"


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
        rows.append([curve.label, *(accuracy_text(cells.get(size), usual) for size in sizes)])
    columns = ["method", *(f"{size:,}" for size in sizes)]
    seeds = f"{usual} seed{'s' * (usual != 1)}"
    caption = f"Test accuracy in %, mean ± standard deviation over {seeds} unless said, by data size in problems."
    return DataTable(columns, rows, caption, frozenset(columns[1:]))


def usual_num_seeds(records: pd.DataFrame) -> int:
    """The commonest number of seeds of a method at a size."""
    counts = records.groupby(["algorithm", "variant", "negative_fraction", "data_size"], dropna=False).size()
    return int(counts.mode().iloc[0])


def accuracy_text(accuracies: "pd.Series[float] | None", usual: int) -> str:
    """As "57.6 ± 8.6", in %, with the number of seeds where it is not the usual one; a dash where there is none."""
    if accuracies is None:
        return "–"
    spread = f" ± {100 * accuracies.std(ddof=1):.1f}" if len(accuracies) > 1 else ""
    seeds = "" if len(accuracies) == usual else f" ({len(accuracies)})"
    return f"{100 * accuracies.mean():.1f}{spread}{seeds}"


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
