"""`synthscale fit --target-error e`: the size that each group needs for an error, beside a baseline's.

    synthscale fit results.csv --x data_size --y test_error --group algorithm --target-error 0.3 --baseline sft

Once read off the measured means, which say only "more than" or "less than" outside their range, and once off the law,
which is asked beyond it; what that is worth is marked. See `synthscale.scaling.target`.
"""

import argparse
import math
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from synthscale.scaling import FAR, CensoredValue, LawSize, Reach, Reached, law_size_for, ratio_for, size_for
from synthscale.scaling.measurements import LARGEST
from synthscale.scaling.target import BEYOND
from synthscale.study.error import UserError
from synthscale_analysis.fit.answer import Answer
from synthscale_analysis.fit.output import GroupFits, best_fits
from synthscale_analysis.numbers.bounds import SIGNS
from synthscale_analysis.numbers.fitting import FittedCurve

_WORDS = {Reach.IN_RANGE: "", Reach.MORE_THAN: "more than ", Reach.LESS_THAN: "less than "}
_CAPTION = f"95 % intervals; extrapolated: outside the sizes measured; far: beyond {FAR:g} times the largest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this question, and --baseline."""
    parser.add_argument("--target-error", type=float, metavar="E", help="say which size each group needs for this y")
    parser.add_argument(
        "--baseline", metavar="GROUP", help="group that others are compared with (--target-error, --power)"
    )


def check(options: argparse.Namespace) -> None:
    """UserError for options that make no sense by themselves."""
    error = options.target_error
    if error is not None and not (error > 0 and math.isfinite(error)):
        raise UserError(f"--target-error must be positive, not {error:g}")
    if error is not None and not 1 / LARGEST < error < LARGEST:
        raise UserError(f"--target-error must lie between {1 / LARGEST:g} and {LARGEST:g}, not be {error:g}")
    if error is not None and len(options.x) > 1:
        raise UserError("--target-error asks for a size, and so needs one --x column")
    if options.baseline is not None and options.group is None:
        raise UserError("--baseline names a group, and so needs --group")
    if options.baseline is not None and error is None and not options.power:
        raise UserError("--baseline is what --target-error and --power compare with, and so needs one of them")


def require_baseline(groups: Sequence[str], options: argparse.Namespace) -> None:
    """UserError where a baseline is named that is no group; before anything is fitted."""
    if options.baseline is not None and options.baseline not in groups:
        raise UserError(f"--baseline {options.baseline} is no group of the table; there are {', '.join(groups)}")


def baseline_of(fits: GroupFits, options: argparse.Namespace) -> FittedCurve | None:
    """The baseline's curve, None where none is named."""
    return None if options.baseline is None else dict(fits)[options.baseline]


def answer(fits: GroupFits, options: argparse.Namespace) -> Answer | None:
    """Sizes of every group for the target error; None where none was asked for."""
    baseline = baseline_of(fits, options)
    if options.target_error is None:
        return None
    if not fits[0][1].law.takes_logs:
        raise UserError(f"--target-error asks for a size, and law {fits[0][1].law.name} has none")
    rows = [_row(group, fitted, baseline, options) for group, fitted in best_fits(fits)]
    heading = f"{options.x[0]} for {options.y} = {options.target_error:g}"
    table = Table(title=heading, caption=_CAPTION)
    against = [] if baseline is None else [f"× data of {options.baseline}"]
    for name in (options.group or "group", "measured", "law", "by the law", *against, "notes"):
        table.add_column(name, overflow="fold")
    for group, size, by_law, ratio, law in rows:
        compared = [] if baseline is None else [_against(ratio)]
        table.add_row(group, reached_text(size), law, law_text(by_law), *compared, _notes(size, by_law, ratio))
    groups = [
        {
            "group": group,
            "measured": _reached_json(size),
            "by_law": _law_json(by_law, law),
            "ratio": _reached_json(ratio),
        }
        for group, size, by_law, ratio, law in rows
    ]
    content = {"error": options.target_error, "baseline": options.baseline, "groups": groups}
    return Answer("target", table, [], content)


def _row(
    group: str, fitted: FittedCurve, baseline: FittedCurve | None, options: argparse.Namespace
) -> tuple[str, Reached, LawSize | None, Reached | None, str]:
    """Group, its size as measured and by its law, the ratio with the baseline, and the law's formula."""
    table, draws = fitted.measurements, {"num_draws": options.bootstrap, "seed": options.seed}
    error = options.target_error / table.unit
    by_law = None if fitted.fit is None else law_size_for(fitted.fit, fitted.bootstrap, table.sizes(), error)
    is_compared = baseline is not None and group != options.baseline
    ratio = ratio_for(baseline.measurements, table, error, **draws) if baseline and is_compared else None
    return group, size_for(table, error, **draws), by_law, ratio, fitted.law.formula


def reached_text(found: Reached) -> str:
    """As "137 [110, > 256]" or "more than 256"."""
    if found.value is None:
        return "–"
    if found.low is None or found.high is None or found.low == found.value == found.high:
        return f"{_WORDS[found.value.reach]}{number_text(found.value.value)}"
    return f"{_bounded(found.value)} [{_bounded(found.low)}, {_bounded(found.high)}]"


def law_text(found: LawSize | None) -> str:
    """As "410 [300, never], extrapolated", "more than 1e+100, far" or "never: its floor 0.31 is not below"."""
    if found is None:
        return "–"
    if math.isinf(found.size):
        return (
            "never: it does not fall so far"
            if found.floor is None
            else f"never: its floor {found.floor:.3g} is not below"
        )
    size = f"more than {BEYOND:g}" if found.size >= BEYOND else number_text(found.size)
    ends = "" if found.low is None or found.high is None else f" [{number_text(found.low)}, {number_text(found.high)}]"
    return f"{size}{ends}{', ' + found.mark if found.mark else ''}"


def number_text(size: float) -> str:
    """Three digits or the whole number; "never" for one that is not reached, "any" where every size reaches it.

    As "> 1e+100" for one beyond what is computed.
    """
    if math.isinf(size) or size == 0:
        return "never" if size else "any"
    if size >= BEYOND:
        return f"> {BEYOND:g}"
    return f"{size:,.0f}" if 100 <= size < 1e9 else f"{size:.3g}"


def _bounded(value: CensoredValue) -> str:
    return f"{SIGNS[value.reach]}{number_text(value.value)}"


def _against(ratio: Reached | None) -> str:
    return "1 (baseline)" if ratio is None else reached_text(ratio)


def _notes(size: Reached, by_law: LawSize | None, ratio: Reached | None) -> str:
    notes = [size.note, "no law fits" if by_law is None else "", "" if ratio is None else ratio.note]
    return "; ".join(dict.fromkeys(note for note in notes if note))


def _reached_json(found: Reached | None) -> dict[str, Any] | None:
    if found is None:
        return None
    ends = {"estimate": found.value, "low": found.low, "high": found.high}
    numbers = {name: None if end is None else end.value for name, end in ends.items()}
    statuses = {f"{name}_status": None if end is None else end.reach.value for name, end in ends.items()}
    return {**numbers, **statuses, "note": found.note or None}


def _law_json(found: LawSize | None, formula: str) -> dict[str, Any] | None:
    """Infinite sizes are null, with `never` or `high_never` beside them; `more_than` names those that are bounds."""
    if found is None:
        return None
    sizes = {"estimate": found.size, "low": found.low, "high": found.high}
    numbers = {name: None if size is None or math.isinf(size) else size for name, size in sizes.items()}
    never = {"never": math.isinf(found.size), "high_never": found.high is not None and math.isinf(found.high)}
    beyond = {"more_than": [name for name, size in numbers.items() if size is not None and size >= BEYOND]}
    return {"law": formula, **numbers, **never, **beyond, "floor_not_below": found.floor, "mark": found.mark or None}
