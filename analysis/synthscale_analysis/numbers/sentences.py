"""What a study found, one sentence a method: how many times the data of the baseline it is worth, over which sizes.

"RFT is worth 1.46 [1.10, > 2.00] times the data of SFT with matched updates, over 64–128 problems (p = 0.012)": the
interval is at 95 %, "> 2.00" a bound beyond which the baseline was not measured, and p that of "greater than 1".
"""

from collections.abc import Sequence

import pandas as pd

from synthscale.scaling import CensoredValue, OverallMultiplier, Reach
from synthscale_analysis.curves import LABELS, Curve, baseline_rows
from synthscale_analysis.numbers.estimates import NUM_DRAWS, SEED, overall_multiplier_of

#: Algorithms whose label is not as they are called within a sentence.
WITHIN = {"sft_matched": "SFT with matched updates"}
_SIGNS = {Reach.IN_RANGE: "", Reach.MORE_THAN: "> ", Reach.LESS_THAN: "< "}
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
        return f"{method} has no multiplier over {baseline}: {overall.note}{_test(overall)}"
    worth = value_text(overall.multiplier)
    if overall.low is not None and overall.high is not None and not overall.low == overall.multiplier == overall.high:
        worth += f" [{value_text(overall.low)}, {value_text(overall.high)}]"
    where = sizes_text(overall.sizes, overall.tested_sizes)
    beyond = "" if overall.multiplier.reach is Reach.IN_RANGE else ", all beyond the baseline's range"
    note = f" ({overall.note})" if overall.low is None else ""
    return f"{method} is worth {worth} times the data of {baseline}, {where}{beyond}{note}{_test(overall)}"


def value_text(value: CensoredValue) -> str:
    """As "1.46" or "> 2.00"."""
    return f"{_SIGNS[value.reach]}{value.value:.2f}"


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
