"""Numbers and lists within the sentences of the report's sections."""

import math
from collections.abc import Sequence

import pandas as pd

_MINUTE, _HOUR = 60.0, 3600.0


def listed(names: Sequence[str]) -> str:
    """As "a", "a and b" or "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def accuracy_text(mean: float, sd: float | None) -> str:
    """As "57.6 ± 8.6", in %, without the spread where there is none, as of one seed."""
    spread = "" if sd is None or pd.isna(sd) else f" ± {100 * sd:.1f}"
    return f"{100 * mean:.1f}{spread}"


def share_text(mean: float, low: float | None, high: float | None) -> str:
    """As "74 % [69, 79]", without the brackets where there is no interval."""
    ends = "" if low is None or high is None or pd.isna(low) else f" [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * mean:.0f} %{ends}"


def rate_text(mean: float, low: float | None, high: float | None) -> str:
    """As "0.263 [0.201, 0.337]", without the brackets where there is no interval."""
    ends = "" if low is None or high is None or pd.isna(low) else f" [{low:.3f}, {high:.3f}]"
    return f"{mean:.3f}{ends}"


def times_text(value: float, low: float | None, high: float | None) -> str:
    """As "1.32 [1.21, 1.44]", without the brackets where there is no interval."""
    ends = "" if low is None or high is None or pd.isna(low) else f" [{low:.2f}, {high:.2f}]"
    return f"{value:.2f}{ends}"


def change_text(log_ratio: float, low: float | None, high: float | None) -> str:
    """A change of a positive number from its log: "+6 % [+3, +8]", without the brackets where there is no interval."""
    ends = "" if low is None or high is None else f" [{_change(low)}, {_change(high)}]"
    return f"{_change(log_ratio)} %{ends}"


def duration(seconds: float) -> str:
    """As "4.2 s", "12 min" or "3.5 h"."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"


def _change(log_ratio: float) -> str:
    percent = round(100 * math.expm1(log_ratio))
    return f"{percent:+d}".replace("-", "−") if percent else "0"
