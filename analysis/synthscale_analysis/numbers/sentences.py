"""What a study found, one sentence a method: how many times the data of the baseline it is worth, over which sizes.

"RFT is worth 1.46 [1.10, > 2.00] times the data of SFT with matched updates, over 64–128 problems (p = 0.012)": the
interval is at 95 %, "> 2.00" a bound beyond which the baseline was not measured, and p that of "greater than 1". Where
nothing but a bound is known, the sentence says so (`bounds`), and gives no p where 1 lies beyond the bound.
"""

from collections.abc import Sequence

import pandas as pd

from synthscale.scaling import OverallMultiplier, Reach
from synthscale_analysis.curves import LABELS, Curve, baseline_rows
from synthscale_analysis.numbers.bounds import beyond_text, bound_text, is_bound, is_untold, leaves_one_open, value_text
from synthscale_analysis.numbers.estimates import overall_multiplier_of
from synthscale_analysis.protocol import NUM_DRAWS, SEED

#: Algorithms whose label is not as they are called within a sentence.
WITHIN = {"sft_matched": "SFT with matched updates"}
_SURE = 0.99  # p-values beyond this say no more


def headline(
    records: pd.DataFrame, curve: Curve, baseline: str, num_draws: int = NUM_DRAWS, seed: int = SEED
) -> str | None:
    """The sentence on a curve against a baseline; None for the baseline itself."""
    if curve.algorithm == baseline:
        return None
    method = WITHIN.get(curve.algorithm, curve.label)
    name, rows = WITHIN.get(baseline, LABELS.get(baseline, baseline)), baseline_rows(records, baseline)
    if rows.empty:
        return f"{method} has no multiplier: there are no runs of {name}"
    overall = overall_multiplier_of(records, curve, baseline, num_draws, seed)
    if overall is None:
        return f"{method} has no multiplier: {name} makes no errors"
    return multiplier_sentence(method, name, overall)


def multiplier_sentence(method: str, baseline: str, overall: OverallMultiplier) -> str:
    """One sentence, without a full stop; method and baseline as they are called within it."""
    if overall.multiplier is None:
        why = overall.note.replace(": no overall multiplier", "")
        return f"{method} has no overall multiplier over {baseline}: {why}{_test(overall)}"
    where, ends = sizes_text(overall.sizes, overall.tested_sizes), (overall.multiplier, overall.low, overall.high)
    if is_untold(*ends):
        why = f"{where} its errors may lie beyond the baseline's range on either side"
        return f"{method} has no multiplier over {baseline} that can be told: {why}{_test(overall)}"
    if is_bound(*ends):
        return f"{method} is worth {_bound(overall, baseline, where)}"
    worth = value_text(overall.multiplier)
    if overall.low is not None and overall.high is not None:
        worth += f" [{value_text(overall.low)}, {value_text(overall.high)}]"
    beyond = "" if overall.multiplier.reach is Reach.IN_RANGE else ", all beyond the baseline's range"
    note = f" ({overall.note})" if overall.low is None else ""
    return f"{method} is worth {worth} times the data of {baseline}, {where}{beyond}{note}{_test(overall)}"


def _bound(overall: OverallMultiplier, baseline: str, where: str) -> str:
    """As "at least 0.25 times the data of SFT, at 256 problems; beyond that the baseline was not measured"."""
    assert overall.multiplier is not None
    note = f" ({overall.note})" if overall.low is None else ""
    known = f"{bound_text(overall.multiplier)} times the data of {baseline}, {where}; {beyond_text(overall.multiplier)}"
    if overall.p_value is None and leaves_one_open(overall.multiplier, overall.low, overall.high):
        return f"{known}, so whether it is worth more than its own data is not known{note}"
    return f"{known}{note}{_test(overall)}"


def sizes_text(sizes: Sequence[float], others: Sequence[float] = ()) -> str:
    """As "over 64–128 problems", or listed where one of the others lies between and is not among them."""
    if len(sizes) == 1:
        return f"at {sizes[0]:,.0f} problem{'s' * (sizes[0] != 1)}"
    has_gap = any(sizes[0] < other < sizes[-1] and other not in sizes for other in others)
    listed = ", ".join(f"{size:,.0f}" for size in sizes) if has_gap else f"{sizes[0]:,.0f}–{sizes[-1]:,.0f}"
    return f"over {listed} problems"


def _test(overall: OverallMultiplier) -> str:
    """As " (p = 0.012)", with the sizes of the test where they are others."""
    if overall.p_value is None:
        return ""
    others = "" if overall.tested_sizes == overall.sizes else f" {sizes_text(overall.tested_sizes)}"
    if overall.p_value > _SURE:
        return f" (p > {_SURE:g}{others})"
    decimals = f"{overall.p_value:.2g}" if overall.p_value < 0.1 else f"{overall.p_value:.2f}"
    return f" (p = {decimals}{others})"
