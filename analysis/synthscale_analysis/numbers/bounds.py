"""Multipliers of which only a bound is known: "at least 0.25 (beyond: not measured)", not "> 0.25 [> 0.25, > 0.25]".

Where a method's errors lie beyond all that the baseline was measured at (one size, a half-finished study), estimate and
both ends of the interval are the same bound. A p-value of "greater than 1" is none where 1 itself lies beyond it: draws
there count as not greater whatever the truth, so that it would be 1.
"""

from synthscale.scaling import CensoredValue, Reach
from synthscale.scaling.censored import ROUNDING

End = CensoredValue | None
BOUND_NOTE = "beyond this bound the baseline was not measured"
UNTOLD_NOTE = "beyond the baseline's range on either side, by the draw: nothing can be said"
#: What a value beyond the range is written behind.
SIGNS = {Reach.IN_RANGE: "", Reach.MORE_THAN: "> ", Reach.LESS_THAN: "< "}
_AT = {Reach.MORE_THAN: "at least", Reach.LESS_THAN: "at most"}
_BEYOND = {Reach.MORE_THAN: "beyond", Reach.LESS_THAN: "below"}


def is_bound(value: End, low: End, high: End) -> bool:
    """Whether nothing more than one bound is known: there is no interval, or both its ends are that bound."""
    if value is None or value.reach is Reach.IN_RANGE:
        return False
    return low is None or high is None or low == value == high


def is_untold(value: End, low: End, high: End) -> bool:
    """Whether a value beyond the range has an interval that is open on both sides."""
    if value is None or low is None or high is None or value.reach is Reach.IN_RANGE:
        return False
    return low.reach is Reach.LESS_THAN and high.reach is Reach.MORE_THAN


def leaves_one_open(value: End, low: End, high: End) -> bool:
    """Whether 1 lies where nothing was measured: above "more than 0.25", below "less than 4"."""
    ends = [end for end in (value, low, high) if end is not None]
    above = any(end.reach is Reach.MORE_THAN and end.value < 1 - ROUNDING for end in ends)
    return above or any(end.reach is Reach.LESS_THAN and end.value > 1 + ROUNDING for end in ends)


def note_on(value: End, low: End, high: End) -> str:
    """What a table says beside a value that is a bound; empty for others."""
    if is_untold(value, low, high):
        return UNTOLD_NOTE
    return BOUND_NOTE if is_bound(value, low, high) else ""


def value_text(value: CensoredValue) -> str:
    """As "1.46" or "> 2.00"; with as many digits as tell it from 1."""
    digits = next((n for n in (2, 3, 4) if (round(value.value, n) == 1) == (abs(value.value - 1) <= ROUNDING)), 2)
    return f"{SIGNS[value.reach]}{value.value:.{digits}f}"


def estimate_text(value: CensoredValue, low: End, high: End) -> str:
    """As "1.46 [1.10, > 2.00]", "at least 0.25 (beyond: not measured)" or "not told (< 0.50 to > 2.00)"."""
    if is_bound(value, low, high):
        return f"{bound_text(value)} ({_BEYOND[value.reach]}: not measured)"
    if low is None or high is None:
        return value_text(value)
    if is_untold(value, low, high):
        return f"not told ({value_text(low)} to {value_text(high)})"
    return f"{value_text(value)} [{value_text(low)}, {value_text(high)}]"


def bound_text(value: CensoredValue) -> str:
    """As "at least 0.25", of a value beyond the range."""
    return f"{_AT[value.reach]} {value.value:.2f}"


def beyond_text(value: CensoredValue) -> str:
    """As "beyond that the baseline was not measured", of a value beyond the range."""
    return f"{_BEYOND[value.reach]} that the baseline was not measured"
