"""Prefix values, advantages and pits, worked by hand."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest

from synthscale.credit.pit import CreditConfig, PitRule, advantages, find_pit, prefix_value

LOWEST, DROP = PitRule.lowest_value, PitRule.largest_drop
RIGHT = {"num_rollouts": 5, "max_negatives_per_problem": 8, "pit_rule": LOWEST, "best_of": 5}

# Q_0 … Q_L, the advantages, the pit by lowest value, the pit by largest drop
HAND_WORKED = [
    ([0.5, 0.5, 0.25, 0.0], [0.0, -0.25, -0.25], 3, 2),
    ([0.75, 0.25, 0.25, 0.0], [-0.5, 0.0, -0.25], 3, 1),
    ([0.5, 0.0, 0.25, 0.0], [-0.5, 0.25, -0.25], 1, 1),  # the first of two lowest
    ([0.0, 0.5, 0.0, 0.0], [0.5, -0.5, 0.0], 2, 2),  # Q_0 is no step's
    ([0.25, 0.5, 1.0, 0.0], [0.25, 0.5, -1.0], 3, 3),
    ([0.0, 0.0, 0.0], [0.0, 0.0], 1, None),  # nothing lowered the value
    ([0.0, 0.0], [0.0], 1, None),
    ([1.0, 0.0], [-1.0], 1, 1),
    ([0.0, 0.25, 0.5], [0.25, 0.25], 1, None),
]


@pytest.mark.parametrize(("values", "by_hand", "lowest", "drop"), HAND_WORKED)
def test_hand_worked(values, by_hand, lowest, drop):
    assert advantages(values) == by_hand
    assert find_pit(values, LOWEST) == lowest
    assert find_pit(values, DROP) == drop


@pytest.mark.parametrize("values", [values for values, *_ in HAND_WORKED])
def test_advantages_sum_to_the_whole_change(values):
    assert sum(advantages(values)) == values[-1] - values[0]


@pytest.mark.parametrize("num_rollouts", [3, 5, 10])
@pytest.mark.parametrize("best_of", [1, 2, 3])
def test_equal_drops_tie_to_the_first_though_floats_round(num_rollouts, best_of):
    """The counts decide: 3/5, 2/5, 1/5 falls twice by 1/5, so the first of the two steps is the pit."""
    all_draws = math.comb(num_rollouts, best_of)
    for counts in itertools.product(range(num_rollouts + 1), repeat=3):
        exact = [1 - Fraction(math.comb(num_rollouts - count, best_of), all_draws) for count in counts]
        drops = [after - before for before, after in itertools.pairwise(exact)]
        expected = 1 + drops.index(min(drops)) if min(drops) < 0 else None
        assert find_pit([prefix_value(num_rollouts, count, best_of) for count in counts], DROP) == expected, counts


@pytest.mark.parametrize("rule", list(PitRule))
@pytest.mark.parametrize("values", [[], [0.5]])
def test_a_solution_without_steps_has_no_pit(values, rule):
    with pytest.raises(ValueError, match="without steps"):
        find_pit(values, rule)


def test_no_values_tell_the_first_wrong_step():
    with pytest.raises(ValueError, match="from the truth of the steps"):
        find_pit([1.0, 0.0], PitRule.first_wrong)


@pytest.mark.parametrize("num_rollouts", [1, 4, 5])
def test_value_under_bok(num_rollouts):
    for num_right in range(num_rollouts + 1):
        assert prefix_value(num_rollouts, num_right, 1) == pytest.approx(num_right / num_rollouts)
        assert prefix_value(num_rollouts, num_right, num_rollouts) == float(num_right > 0)
        by_best_of = [prefix_value(num_rollouts, num_right, k) for k in range(1, num_rollouts + 1)]
        assert by_best_of == sorted(by_best_of)
        for k, value in enumerate(by_best_of, 1):
            draws = list(itertools.combinations([i < num_right for i in range(num_rollouts)], k))
            assert value == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_rollouts": 0},
        {"max_negatives_per_problem": 0},
        {"best_of": 0},
        {"best_of": 6, "num_rollouts": 5},  # any of 6 out of 5
        {"confidence": 1.1},
        {"max_rollouts": -1},
    ],
)
def test_credit_out_of_range_is_refused_by_the_keys_name(wrong):
    with pytest.raises(ValueError, match=f"credit.{next(iter(wrong))}"):
        CreditConfig(**{**RIGHT, **wrong})
