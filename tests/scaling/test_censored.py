"""Draws that are known as bounds: interval ends that hold whatever the bounds hide, and p-values that never flatter."""

import numpy as np
import pytest

from synthscale.scaling.censored import CensoredDraws, CensoredValue
from synthscale.scaling.crossing import Reach


def draws(values: list[float], above: set[int] = frozenset(), below: set[int] = frozenset()) -> CensoredDraws:
    """Draws 1 to n after an estimate of 1; above and below name the censored ones."""
    numbers = range(len(values) + 1)
    return CensoredDraws(
        np.array([1.0, *values]),
        np.array([number in above for number in numbers]),
        np.array([number in below for number in numbers]),
    )


def test_without_censoring_ends_are_order_statistics() -> None:
    found = draws([float(value) for value in range(1, 101)])
    assert found.interval(0.9) == (CensoredValue(5.0, Reach.IN_RANGE), CensoredValue(96.0, Reach.IN_RANGE))
    assert found.share_beyond() == 0.0


def test_an_end_among_censored_draws_is_a_bound() -> None:
    """Two of eleven draws lie below 0.5 and three above 4: either end may be anywhere beyond what is sure."""
    found = draws([0.5, 0.5, 1, 1, 1, 2, 2, 2, 4, 4, 4], above={9, 10, 11}, below={1, 2})
    assert found.interval(0.9) == (CensoredValue(0.5, Reach.LESS_THAN), CensoredValue(4.0, Reach.MORE_THAN))
    assert found.share_beyond() == pytest.approx(5 / 11)


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert draws([1.0, 1.0], above={0, 1, 2}, below={0, 1, 2}).estimate() is None
    assert draws([1.0, 1.0], above={1, 2}, below={1, 2}).interval(0.95) is None


@pytest.mark.parametrize(
    ("found", "num_against"),
    [
        (draws([2.0, 2.0, 2.0]), 0),
        (draws([2.0, 0.5, 1.0]), 2),
        (draws([1.0, 2.0, 2.0], above={1}), 0),  # more than 1
        (draws([0.9, 2.0, 2.0], above={1}), 1),  # more than 0.9 may be 1
        (draws([2.0, 2.0, 2.0], below={1}), 1),
        (draws([2.0, 2.0, 2.0], above={1}, below={1}), 1),
    ],
)
def test_draws_against_more_than_one(found: CensoredDraws, num_against: int) -> None:
    assert found.p_at_most_one() == (1 + num_against) / 4
