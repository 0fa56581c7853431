"""Metrics against published values and brute force."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthscale.evaluation.metrics import maj_at_k, pass_at_k, wilson_interval


@pytest.mark.parametrize(
    ("num_correct", "num_problems", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_is_the_published_one(num_correct, num_problems, low, high):
    assert wilson_interval(num_correct, num_problems) == pytest.approx((low, high), abs=6e-5)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share_and_mirrors(counts):
    num_correct, num_problems = counts
    low, high = wilson_interval(num_correct, num_problems)
    assert 0 <= low <= num_correct / num_problems <= high <= 1
    mirrored = wilson_interval(num_problems - num_correct, num_problems)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-9)


def test_wilson_interval_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one problem"):
        wilson_interval(0, 0)


@pytest.mark.parametrize("num_samples", [1, 2, 5, 8])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(num_samples):
    for num_correct in range(num_samples + 1):
        right = [i < num_correct for i in range(num_samples)]
        for k in range(1, num_samples + 1):
            subsets = list(itertools.combinations(right, k))
            expected = sum(map(any, subsets)) / len(subsets)
            assert pass_at_k(num_samples, num_correct, k) == pytest.approx(expected, abs=1e-12)


def test_pass_at_k_of_many_samples_neither_overflows_nor_leaves_the_unit_interval():
    assert pass_at_k(10_000, 1, 5_000) == pytest.approx(0.5)
    assert pass_at_k(10_000, 9_999, 2) == 1.0
    assert math.isclose(pass_at_k(100, 1, 1), 0.01)


@pytest.mark.parametrize(
    ("answers", "k", "score"),
    [
        (["1", "1", "2"], 3, 1.0),
        (["1", "2", "2"], 3, 0.0),
        (["1", "2"], 2, 1 / 2),  # a tie is shared
        (["1", "2", "3"], 3, 1 / 3),
        (["2", "3", "2", "3", "1"], 5, 0.0),
        (["1", "1", "2", "2", "3"], 5, 1 / 2),
        (["2", "1", "1"], 1, 0.0),  # the first k alone vote
        (["2", "1", "1"], 2, 1 / 2),
        ([None, None, "1"], 3, 1.0),  # an answer that cannot be read has no vote
        ([None, None, "2"], 3, 0.0),
        ([None, None], 2, 0.0),
        (["01"], 1, 0.0),
    ],
)
def test_maj_at_k(answers, k, score):
    assert maj_at_k(answers, "1", k) == pytest.approx(score)


@pytest.mark.parametrize("k", [0, -1, 4])
def test_a_k_without_enough_samples_is_an_error(k):
    with pytest.raises(ValueError, match=f"pass@{k} needs at least {k} samples"):
        pass_at_k(3, 1, k)
    with pytest.raises(ValueError, match=f"maj@{k} needs at least {k} samples"):
        maj_at_k(["1", "1", "1"], "1", k)
