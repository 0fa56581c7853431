"""How many of which, and what pairs look like."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.mixture.example import Example, PairShape
from synthscale.mixture.mixture import MixtureConfig, cycle_to, mix, solution_pairs, step_pair, take_in_rounds


def positive(problem: int, i: int) -> Example:
    return Example(str(problem), f"{problem}\n", f"right {i}")


def pair(problem: int, i: int) -> Example:
    return Example(str(problem), f"{problem}\n", "right", f"wrong {i}")


def candidates(make, counts: list[int]) -> dict[str, list[Example]]:
    return {str(problem): [make(problem, i) for i in range(count)] for problem, count in enumerate(counts)}


@pytest.mark.parametrize(
    ("fraction", "num_pairs"), [(0.0, 0), (0.25, 10), (0.5, 20), (0.75, 30), (1.0, 40), (0.26, 10), (0.27, 11)]
)
def test_of_the_budget_round_f_e_are_pairs_and_the_rest_positives(fraction, num_pairs):
    config = MixtureConfig(negative_fraction=fraction, examples_per_problem=5)
    examples = mix(candidates(positive, [50] * 8), candidates(pair, [50] * 8), 8, config)
    assert Counter(example.is_pair for example in examples) == Counter({True: num_pairs, False: 40 - num_pairs})
    assert len(set(examples)) == len(examples)


@pytest.mark.parametrize(
    ("fraction", "num_positives", "num_pairs", "expected"),
    [
        (0.5, 100, 3, (20, 3)),  # missing pairs are not made up for by positives
        (0.5, 4, 100, (4, 20)),
        (1.0, 100, 0, (0, 0)),
        (0.0, 0, 100, (0, 0)),
        (0.25, 7, 2, (7, 2)),
    ],
)
def test_where_there_are_not_enough_there_are_fewer(fraction, num_positives, num_pairs, expected):
    config = MixtureConfig(negative_fraction=fraction, examples_per_problem=10)
    examples = mix(candidates(positive, [num_positives]), candidates(pair, [num_pairs]), 4, config)
    num_taken = sum(example.is_pair for example in examples)
    assert (len(examples) - num_taken, num_taken) == expected


@settings(max_examples=100, deadline=None)
@given(counts=st.lists(st.integers(0, 12), max_size=8), num_wanted=st.integers(0, 60))
def test_problems_are_taken_from_in_turn(counts, num_wanted):
    taken = take_in_rounds(candidates(positive, counts), num_wanted)
    assert len(taken) == min(num_wanted, sum(counts))
    of_problem = Counter(example.problem_id for example in taken)
    for one, other in itertools.permutations(range(len(counts)), 2):
        if of_problem[str(one)] < counts[one]:  # it had more to give, so no other gave two more than it
            assert of_problem[str(other)] <= of_problem[str(one)] + 1
    for problem in of_problem:  # each gives its first ones
        assert [e.chosen for e in taken if e.problem_id == problem] == [
            f"right {i}" for i in range(of_problem[problem])
        ]


def test_solution_pairs_go_through_the_accepted_ones_in_turn():
    accepted = [positive(1, i) for i in range(2)]
    pairs = solution_pairs(accepted, ["a", "b", "c"])
    assert pairs == [
        Example("1", "1\n", "right 0", "a"),
        Example("1", "1\n", "right 1", "b"),
        Example("1", "1\n", "right 0", "c"),
    ]
    assert all(p.is_pair and p.rejected_complete and not p.divergence_only for p in pairs)
    assert solution_pairs([], ["a"]) == solution_pairs(accepted, []) == []


STEPS = ["one", "two", "three"]


@pytest.mark.parametrize(
    ("chosen", "pit", "shape", "rejected", "complete", "divergence_only"),
    [
        ("one\nother\nend", 1, PairShape.step, None, None, None),  # the pit is a step that both sides have
        ("one\nother\nend", 2, PairShape.step, "one\ntwo", False, False),
        ("one\nother\nend", 2, PairShape.divergence, "one\ntwo", False, True),
        ("one\nother\nend", 3, PairShape.step, "one\ntwo\nthree", True, False),  # the whole solution, with its end
        ("one\nother\nend", 3, PairShape.divergence, "one\ntwo\nthree", True, True),
        ("one more\nend", 1, PairShape.step, "one", False, False),  # begins alike, but is another step
        ("one\ntwo\nend", 2, PairShape.step, None, None, None),
        ("one\ntwo", 2, PairShape.step, None, None, None),
        ("one\ntwo\nthree", 3, PairShape.divergence, None, None, None),
        ("one", 2, PairShape.step, "one\ntwo", False, False),  # the accepted side ends where the other goes on
    ],
)
def test_step_pair(chosen, pit, shape, rejected, complete, divergence_only):
    got = step_pair("id", "prompt\n", chosen, STEPS, pit, shape)
    if rejected is None:
        assert got is None
    else:
        assert got == Example("id", "prompt\n", chosen, rejected, complete, divergence_only)


def test_cycle():
    one, two = positive(1, 1), positive(1, 2)
    assert cycle_to([one, two], 5) == [one, two, one, two, one]
    assert cycle_to([], 3) == cycle_to([one], 0) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"negative_fraction": -0.01},
        {"negative_fraction": 1.01},
        {"examples_per_problem": 0},
        {"positives_per_problem": -1},
    ],
)
def test_a_mixture_out_of_range_is_refused_by_the_keys_name(wrong):
    with pytest.raises(ValueError, match=f"mixture.{next(iter(wrong))}"):
        MixtureConfig(**{"negative_fraction": 0.5, "examples_per_problem": 5, **wrong})
