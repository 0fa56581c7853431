"""The search for pits in scripted worlds, where the pit of every solution is known."""

from __future__ import annotations

import numpy as np
import pytest

from synthscale.credit.change_point import Tally
from synthscale.credit.search import Chain, Search, chains_of, common_length

A, B, C, D, E = "abcde"


def searching(chains, confidence=0.7, max_rollouts=10, alive_mean=0.5) -> Search:
    return Search(chains, alive_mean=alive_mean, confidence=confidence, max_rollouts=max_rollouts)


def counts(chain: Chain) -> list[tuple[int, int]]:
    return [(tally.num_right, tally.num_wrong) for tally in chain.tallies]


def test_every_sample_counts_where_it_leaves_and_duplicates_nowhere():
    samples = [
        ((A, B, C), False),  # the negative itself
        ((A, B, C), False),  # once more
        ((A, B, D), True),
        ((A, B), False),  # cut after two steps
        ((A, D, C), False),
        ((B, A, C), True),
        ((A, B, C, D), False),  # goes on after all its steps
    ]
    (chain,) = chains_of([(A, B, C)], samples)
    assert counts(chain) == [(1, 0), (0, 1), (1, 1)]
    assert chain.visits == [7, 6, 5]
    assert chain.num_left_later == 3


def test_a_negative_is_evidence_for_another_and_not_for_itself():
    samples = [((A, B), False), ((A, C), False)]
    chains = chains_of([(A, B), (A, C)], samples)
    assert [counts(chain) for chain in chains] == [[(0, 0), (0, 1)]] * 2
    (alone,) = chains_of([(A, B)], samples[:1])
    assert counts(alone) == [(0, 0), (0, 0)]


def test_a_rollout_counts_for_all_that_begin_with_its_prefix():
    chains = chains_of([(A, B, C), (A, B, D), (B, C, D)], [])
    search = searching(chains)
    search.count((A,), (A, B, E), True)
    assert [counts(chain) for chain in chains] == [[(0, 0), (0, 0), (1, 0)]] * 2 + [[(0, 0)] * 3]
    assert [chain.visits for chain in chains] == [[0, 1, 1]] * 2 + [[0, 0, 0]]
    search.count((A, B), (A, B, D), False)  # the second negative again
    assert counts(chains[0])[2] == (1, 1) and counts(chains[1])[2] == (1, 0)


def test_one_rollout_serves_negatives_that_share_their_prefix():
    search = searching(chains_of([(A, B), (A, C), (D, E)], []))
    assert sorted(search.asks()) == [(A,), (D,)]
    assert [chain.num_rounds for chain in search.chains] == [1, 1, 1]


def test_a_solution_of_one_step_needs_no_rollout():
    search = searching(chains_of([(A,)], []), confidence=1.0)
    assert search.asks() == [] and search.pit(0) == (1, 1.0, False)


def test_without_anything_right_the_first_step_is_the_pit_and_nothing_was_seen_alive():
    search = searching(chains_of([(A, B, C)], [((D,), False)] * 9 + [((A, D), False)] * 9))
    assert search.pit(0).step == 1 and not search.pit(0).seen_alive


def test_what_is_right_after_the_pit_does_not_count_as_seen_before_it():
    (chain,) = chains_of([(A, B, C)], [])
    chain.tallies = [Tally(0, 0), Tally(0, 60), Tally(1, 60)]
    search = searching([chain])
    assert search.pit(0).step == 1 and not search.pit(0).seen_alive


def test_the_budget_ends_the_search_and_no_budget_asks_nothing():
    for max_rollouts in (0, 1, 5):
        search = searching(chains_of([(A, B, C), (A, D, E)], []), confidence=1.0, max_rollouts=max_rollouts)
        num_asked = 0
        while asked := search.asks():
            num_asked += len(asked)
            for prefix in asked:
                search.count(prefix, (*prefix, "other"), False)
        assert [chain.num_rounds for chain in search.chains] == [max_rollouts] * 2
        assert max_rollouts <= num_asked <= 2 * max_rollouts


@pytest.mark.parametrize("num_steps", [3, 8, 16, 32])
def test_long_solutions_are_bisected_and_short_ones_scanned(num_steps):
    """Of a solution that nothing is known of, when nearly all leave at once and what is alive is right."""
    (chain,) = chains_of([tuple(map(str, range(num_steps)))], [])
    chain.visits, chain.tallies[0] = [0] * num_steps, Tally()
    ((prefix),) = searching([chain], alive_mean=0.9).asks()
    assert len(prefix) == 1 if num_steps == 3 else 0.25 <= len(prefix) / num_steps <= 0.6


def test_the_pit_of_simulated_solutions_is_found_and_costs_less_than_the_middle_of_all():
    """Half of the rollouts leave at each step; those that leave while it is alive are right in 6 of 10."""
    generator, found, spent = np.random.default_rng(0), 0, 0
    num_solutions, num_steps = 200, 10
    for _ in range(num_solutions):
        steps, pit = tuple(map(str, range(num_steps))), int(generator.integers(1, num_steps + 1))
        search = searching(chains_of([steps], []), confidence=0.95, max_rollouts=40, alive_mean=0.6)
        while asked := search.asks():
            for prefix in asked:
                node = len(prefix)
                while node < num_steps and generator.random() < 0.5:
                    node += 1
                right = node < pit and generator.random() < 0.6
                search.count(prefix, (*steps[:node], "other")[: num_steps + 1], right)
                spent += 1
        found += search.pit(0).step == pit
    assert found / num_solutions > 0.85
    assert spent / num_solutions < 5 * (num_steps - 1) / 2


def test_common_length():
    assert [common_length(one, other) for one, other in [("abc", "abd"), ("ab", "abc"), ("", "a"), ("x", "y")]] == [
        2,
        2,
        0,
        0,
    ]
