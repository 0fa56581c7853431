"""The belief about a pit against enumeration by hand: every outcome drawn from an urn, every joint chance added up."""

from __future__ import annotations

import itertools
import math

import pytest

from synthscale.credit.change_point import (
    DEAD_MEAN,
    STRENGTH,
    Tally,
    entropy,
    expected_alive,
    information,
    mean_after,
    posterior,
)

ALIVE = 0.4


def urn(outcomes: tuple[bool, ...], mean: float) -> float:
    """The chance of these outcomes one after the other, where the chance of each is the Beta's mean so far."""
    chance, right, wrong = 1.0, mean * STRENGTH, (1 - mean) * STRENGTH
    for outcome in outcomes:
        chance *= (right if outcome else wrong) / (right + wrong)
        right, wrong = right + outcome, wrong + (not outcome)
    return chance


def enumerated(outcomes: list[tuple[bool, ...]]) -> list[float]:
    """The chance of each pit, by Bayes' rule written out."""
    joint = [
        math.prod(urn(of_node, ALIVE if node < pit else DEAD_MEAN) for node, of_node in enumerate(outcomes))
        for pit in range(1, len(outcomes) + 1)
    ]
    return [chance / sum(joint) for chance in joint]


def tallies_of(outcomes: list[tuple[bool, ...]]) -> list[Tally]:
    return [Tally(sum(of_node), len(of_node) - sum(of_node)) for of_node in outcomes]


FEW = [outcomes for num in range(3) for outcomes in itertools.product([True, False], repeat=num)]


@pytest.mark.parametrize("num_steps", [1, 2, 3])
def test_the_posterior_is_bayes_rule(num_steps):
    for outcomes in itertools.product(FEW, repeat=num_steps):
        assert posterior(tallies_of(outcomes), ALIVE) == pytest.approx(enumerated(outcomes))


@pytest.mark.parametrize("outcomes", list(itertools.product(FEW[:4], repeat=3)))
def test_information_is_the_fall_of_entropy_that_is_expected(outcomes):
    """H(c) less its mean after one more outcome at a node, each outcome weighted by its chance."""
    before = posterior(tallies_of(outcomes), ALIVE)
    for node, told in enumerate(information(tallies_of(outcomes), before, ALIVE)):
        after = 0.0
        for outcome in (True, False):
            longer = [(*of_node, outcome) if i == node else of_node for i, of_node in enumerate(outcomes)]
            tally = tallies_of(outcomes)[node]
            chances_right = [mean_after(tally, ALIVE if node < pit else DEAD_MEAN) for pit in (1, 2, 3)]
            right = sum(p * q for p, q in zip(before, chances_right, strict=True))
            after += (right if outcome else 1 - right) * bits(posterior(tallies_of(longer), ALIVE))
        assert told == pytest.approx(bits(before) - after, abs=1e-9)


def bits(chances: list[float]) -> float:
    return -sum(p * math.log(p) for p in chances if p > 0)


def test_what_was_right_shows_that_all_before_it_was_alive():
    told = posterior([Tally(0, 9), Tally(0, 9), Tally(1, 0), Tally()], ALIVE)
    assert sum(told[:2]) < 0.15 and told[2] == pytest.approx(told[3])
    assert sum(posterior([Tally(0, 9), Tally(0, 9), Tally(), Tally()], ALIVE)[:2]) > 0.8


def test_nothing_seen_is_nothing_known_and_one_step_is_the_pit():
    assert posterior([Tally(), Tally(), Tally()], ALIVE) == pytest.approx([1 / 3] * 3)
    assert posterior([Tally(3, 5)], ALIVE) == [1.0]
    assert information([Tally(3, 5)], [1.0], ALIVE) == [0.0]


def test_where_nothing_was_ever_right_the_first_step_is_likeliest():
    told = posterior([Tally(0, 12), Tally(0, 4), Tally(0, 1)], ALIVE)
    assert told == sorted(told, reverse=True) and told[0] > told[1] > told[2]


def test_entropy_of_a_sure_thing_is_none():
    assert entropy(0.0) == entropy(1.0) == 0.0 and entropy(0.5) == pytest.approx(math.log(2))


def test_problems_lend_one_another_strength():
    assert expected_alive(0, 16, 0.0) == 2 * DEAD_MEAN  # nobody ever solved any
    assert 0.1 < expected_alive(0, 16, 0.2) < expected_alive(1, 16, 0.2) < expected_alive(16, 16, 0.2) < 1
    assert expected_alive(16, 16, 1.0) == 1 - DEAD_MEAN
