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


def candidates(make, counts: list[int]) -> list[Example]:
    """The row of candidates that the numbers are of."""
    return [make(problem, i) for problem, count in enumerate(counts) for i in range(count)]


def by_zip(of_problems: list[list[Example]], num_wanted: int) -> list[Example]:
    """Rounds, by the definition."""
    rounds = itertools.zip_longest(*of_problems)
    return [example for one_round in rounds for example in one_round if example is not None][:num_wanted]


@pytest.mark.parametrize(
    ("fraction", "num_pairs"), [(0.0, 0), (0.25, 10), (0.5, 20), (0.75, 30), (1.0, 40), (0.26, 10), (0.27, 11)]
)
def test_of_the_budget_round_f_e_are_pairs_and_the_rest_positives(fraction, num_pairs):
    config = MixtureConfig(negative_fraction=fraction, examples_per_problem=5)
    positives, pairs = mix([50] * 8, [50] * 8, 8, config)
    assert (len(positives), len(pairs)) == (40 - num_pairs, num_pairs)
    assert all(len(set(numbers.tolist())) == len(numbers) for numbers in (positives, pairs))


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
    assert tuple(map(len, mix([num_positives], [num_pairs], 4, config))) == expected


@settings(max_examples=100, deadline=None)
@given(counts=st.lists(st.integers(0, 12), max_size=8), num_wanted=st.integers(0, 60))
def test_problems_are_taken_from_in_turn(counts, num_wanted):
    row = candidates(positive, counts)
    taken = [row[number] for number in take_in_rounds(counts, num_wanted)]
    assert taken == by_zip([[e for e in row if e.problem_id == str(problem)] for problem in range(8)], num_wanted)
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


STEPS = ["one\n", "two\n", "three"]  # as a task cuts them: joined they are the solution


@pytest.mark.parametrize(
    ("chosen", "pit", "shape", "rejected", "complete", "divergence_only"),
    [
        ("one\nother\nend", 1, PairShape.step, None, None, None),  # the pit is a step that both sides have
        ("one\nother\nend", 2, PairShape.step, "one\ntwo\n", False, False),
        ("one\nother\nend", 2, PairShape.divergence, "one\ntwo\n", False, True),
        ("one\nother\nend", 3, PairShape.step, "one\ntwo\nthree", True, False),  # the whole solution, with its end
        ("one\nother\nend", 3, PairShape.divergence, "one\ntwo\nthree", True, True),
        ("one more\nend", 1, PairShape.step, "one\n", False, False),  # begins alike, but is another step
        ("one\ntwo\nend", 2, PairShape.step, None, None, None),
        ("one\ntwo", 2, PairShape.step, None, None, None),
        ("one\ntwo\nthree", 3, PairShape.divergence, None, None, None),
        ("one", 2, PairShape.step, "one\ntwo\n", False, False),  # the accepted side ends where the other goes on
    ],
)
def test_step_pair(chosen, pit, shape, rejected, complete, divergence_only):
    got = step_pair("id", "prompt\n", chosen, STEPS, pit, shape)
    if rejected is None:
        assert got is None
    else:
        assert got == Example("id", "prompt\n", chosen, rejected, complete, divergence_only)


@pytest.mark.parametrize(
    ("chosen", "steps", "is_pair"),
    [
        ("It is 2. So 3.", ["It is 2.", " So 4."], False),  # sentences: the white space belongs to the later one
        ("It is 2.\nSo 3.", ["It is 2.", " So 4."], False),
        ("It is 2", ["It is 2.", " So 4."], True),
        ("It is 2.5, so 3.", ["It is 2.", " So 4."], True),
        ("It is 2. So 3.", ["It is 2.\n", "So 4."], True),  # lines: the other line goes on
        ("It is 2.\n\nSo 3.", ["It is 2.\n", "So 4."], False),
        ("It is 2. \n So 3.", ["It is 2.\n", "So 4."], False),
        ("It is 2. So 3.", ["It is 2."], True),  # the whole solution, and it ends there
        ("It is 2.\n", ["It is 2."], False),
    ],
)
def test_sides_part_where_one_has_another_step(chosen, steps, is_pair):
    pair = step_pair("id", "prompt\n", chosen, steps, 1, PairShape.step)
    assert (pair is not None) is is_pair and (pair is None or pair.rejected == steps[0])


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
