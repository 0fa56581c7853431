"""The best mean accuracy of a study in a sentence, which does not call best what others reach as well."""

from collections.abc import Mapping, Sequence

import numpy as np

from synthscale_analysis.curves import Curve
from synthscale_analysis.numbers.wording import listed

_EQUAL = 1e-9  # accuracies that differ by less are the same answers counted in another order


def best_sentence(curves: Sequence[Curve]) -> str:
    """As "The best mean accuracy is 67.2 %, by RFT at 256 problems."; ties, and a study without a best, are said."""
    means = {(curve.label, size): mean for curve in curves for size, mean in mean_accuracies(curve).items()}
    highest = max(means.values())
    percent = f"{100 * highest:.1f} %" + (", a perfect score" if highest > 1 - _EQUAL else "")
    sizes: dict[str, list[int]] = {}
    for label, size in (cell for cell, mean in means.items() if np.isclose(mean, highest, rtol=0, atol=_EQUAL)):
        sizes.setdefault(label, []).append(size)
    if len(means) > 1 and sum(map(len, sizes.values())) == len(means):
        return f"All mean accuracies are equal, {percent}: no method and no size is better than another."
    if len(sizes) == 1:
        return f"The best mean accuracy is {percent}, by {_reached(sizes)[0]}."
    if len({tuple(own) for own in sizes.values()}) == 1:
        where = _at(next(iter(sizes.values())))
        return f"{listed(list(sizes))} tie at the best mean accuracy, {percent}, {where}."
    return f"{listed(_reached(sizes))} tie at the best mean accuracy, {percent}."


def mean_accuracies(curve: Curve) -> dict[int, float]:
    """Over seeds, by data size."""
    means = curve.rows.groupby("data_size")["test_accuracy"].mean()
    return {int(float(str(size))): float(mean) for size, mean in means.items()}


def _reached(sizes: Mapping[str, Sequence[int]]) -> list[str]:
    """As "RFT at 256 problems", by method."""
    return [f"{label} {_at(own)}" for label, own in sizes.items()]


def _at(sizes: Sequence[int]) -> str:
    return f"at {listed([f'{size:,}' for size in sizes])} problem{'s' * (list(sizes) != [1])}"
