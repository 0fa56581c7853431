"""What `synthscale fit` shows and writes: a table of fits, a verdict a group, JSON."""

import argparse
import math
from typing import Any

from rich.table import Table

from synthscale.scaling import best_of
from synthscale_analysis.fit.rows import left_out_text, noise_text
from synthscale_analysis.numbers.fitting import FittedCurve, own_notes, shared_notes, verdict_on

#: Fits in the order of groups and laws, each with the name of its group.
GroupFits = list[tuple[str, FittedCurve]]


def fit_table(fits: GroupFits, options: argparse.Namespace) -> Table:
    """A row for each group and law; a law that no group can be fitted has a line under the table instead."""
    fits, unfitted = _without_unfitted_laws(fits)
    names = list(dict.fromkeys(name for _, fitted in fits if fitted.fit for name in fitted.fit.parameters))
    shared = shared_notes([fitted for _, fitted in fits])
    captions = [*dict.fromkeys(f"{fitted.law.name}: {fitted.law.formula}" for _, fitted in fits), *unfitted]
    captions += [_how(fits[0][1], options), *([f"all fits: {'; '.join(shared)}"] if shared else [])]
    table = Table(title=f"{options.y} against {', '.join(options.x)}", caption="\n".join(captions))
    for heading in (options.group or "group", "law", *names):
        table.add_column(heading, overflow="fold")
    for heading in ("AICc", *(["held out"] if options.holdout else []), "rows", "sizes", "seeds"):
        table.add_column(heading, justify="right")
    table.add_column("notes")
    for group, fitted in fits:
        counts = (str(fitted.measurements.num_rows), str(fitted.measurements.num_sizes), fitted.seeds_per_size)
        cells = [parameter_text(fitted, name) for name in names]
        table.add_row(group, fitted.law.name, *cells, *_judgement(fitted, options), *counts, own_notes(fitted, shared))
    return table


def _without_unfitted_laws(fits: GroupFits) -> tuple[GroupFits, list[str]]:
    """Fits of the laws that some group could be fitted, and why the others could not, where all have one reason."""
    notes: dict[str, set[tuple[str, ...]]] = {}
    for _, fitted in fits:
        notes.setdefault(fitted.law.name, set()).add(() if fitted.fit else fitted.notes)
    reasons = {name: next(iter(found)) for name, found in notes.items() if len(found) == 1 and () not in found}
    if len(reasons) == len(notes):
        return fits, []
    return [one for one in fits if one[1].law.name not in reasons], ["; ".join(reason) for reason in reasons.values()]


def _how(fitted: FittedCurve, options: argparse.Namespace) -> str:
    """The intervals, what the letters of the formulas stand for, δ, and what was left out."""
    letters = zip((*fitted.law.input_names, "y"), (*options.x, options.y), strict=True)
    parts = [f"95 % {options.interval} intervals from {options.bootstrap} bootstrap draws"]
    parts.append(", ".join(f"{letter} is {column}" for letter, column in letters))
    if options.holdout:
        largest = "largest size" if options.holdout == 1 else f"{options.holdout} largest sizes"
        parts.append(f"held out: mean absolute error of ln y at the {largest}, by a fit without")
    return "; ".join([*parts, f"Huber δ {options.delta:g}"]) + noise_text(options) + left_out_text(options)


def _judgement(fitted: FittedCurve, options: argparse.Namespace) -> list[str]:
    judged = fitted.judged
    aicc = "" if judged is None or not math.isfinite(judged.aicc) else f"{judged.aicc:.1f}"
    held_out = "" if judged is None or judged.held_out is None else f"{judged.held_out:.1%}"
    return [aicc, held_out] if options.holdout else [aicc]


def best_fits(fits: GroupFits) -> GroupFits:
    """One fit a group: of the law that holds, as far as can be told."""
    best = []
    for group in dict.fromkeys(group for group, _ in fits):
        own = [fitted for name, fitted in fits if name == group]
        judged = [fitted.judged for fitted in own if fitted.judged is not None]
        law = best_of(judged).fit.law if judged else own[0].law
        best.append((group, next(fitted for fitted in own if fitted.law is law)))
    return best


def verdicts_of(fits: GroupFits) -> dict[str, str]:
    """By group."""
    groups = dict.fromkeys(group for group, _ in fits)
    return {group: verdict_on([fitted for name, fitted in fits if name == group]) for group in groups}


def parameter_text(fitted: FittedCurve, name: str) -> str:
    """A parameter with its interval, as "0.152 [0.11, 0.19]"; empty where the law has none of that name."""
    if fitted.fit is None or name not in fitted.fit.parameters:
        return ""
    interval = fitted.interval(name)
    bounds = "" if interval is None else f" [{interval.low:.3g}, {interval.high:.3g}]"
    return f"{fitted.fit.parameters[name]:.3g}{bounds}"


def as_json(fits: GroupFits, verdicts: dict[str, str], options: argparse.Namespace) -> dict[str, Any]:
    names = (
        "x",
        "y",
        "group",
        "seed_column",
        "num_test",
        "chance",
        "bootstrap",
        "interval",
        "seed",
        "delta",
        "holdout",
        "num_left_out",
    )
    settings = {name: getattr(options, name) for name in names} | {"x": ",".join(options.x)}
    written = [_fit_as_json(group, fitted) for group, fitted in fits]
    return {"table": str(options.table), **settings, "verdicts": verdicts, "fits": written}


def _fit_as_json(group: str, fitted: FittedCurve) -> dict[str, Any]:
    parameters = {}
    for name, estimate in (fitted.fit.parameters if fitted.fit else {}).items():
        interval = fitted.interval(name)
        low, high = (None, None) if interval is None else (interval.low, interval.high)
        parameters[name] = {"estimate": estimate, "low": low, "high": high}
    return {
        "group": group,
        "law": fitted.law.name,
        "formula": fitted.law.formula,
        "parameters": parameters,
        "objective": fitted.fit.objective if fitted.fit else None,
        "aicc": fitted.judged.aicc if fitted.judged and math.isfinite(fitted.judged.aicc) else None,
        "held_out_error": fitted.judged.held_out if fitted.judged else None,
        "num_rows": fitted.measurements.num_rows,
        "num_sizes": fitted.measurements.num_sizes,
        "num_seeds": fitted.measurements.num_seeds().tolist(),
        "resampled": fitted.bootstrap.resampled if fitted.bootstrap else None,
        "converged": fitted.fit.converged if fitted.fit else None,
        "notes": list(fitted.notes),
    }
